"""A pose to start from: near what is believed already, or the best of some that RANSAC finds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nmap_reloc.chance import surest_log_false_alarms
from nmap_reloc.geometry import Rigid
from nmap_reloc.ransac import QUICK_TRIALS, Drawn, Solver
from nmap_reloc.refine import BESIDE, ROUGH, Agreed, approach, nearest_of_each_keypoint
from nmap_reloc.reprojection import Array, Observed, look
from nmap_reloc.types import Camera

if TYPE_CHECKING:
    from nmap_reloc.pose import SolveOptions

# So few of the best pairs are tried first, for as long as it takes to find what half of them
# agree on; where all pairs leave doubt, longer.
QUICK_PAIRS, QUICK_INLIERS, LONGER_TRIALS = 192, 96, 3000
WORTH = 12  # inliers that are worth another search: fewer are chance
BEYOND_DOUBT = -30.0  # log10 of false alarms: less does not make a pose better
# Of the image's diagonal: so far from where a guess puts them pairs may lie that correct it; and
# how many of the best must agree on what they lead to. Chance would bring together one.
GUESSED, GUESSED_INLIERS = 0.1, 48


def hypothesis(seen: Observed, normalized: Array, confidences: npt.NDArray[np.float32],
               camera: Camera, solver: Solver, options: SolveOptions, guess: Rigid | None
               ) -> Agreed | None:
    """What all pairs lead to from the pose that the most confident ones agree on; where they do
    not, more of them.

    normalized [M x 2]: of the pairs seen; guess: map_from_camera, which spares RANSAC where the
    best pairs agree on a pose near it.
    """
    order = np.argsort(-confidences, kind="stable")
    if guess is not None:
        near = _near(guess, seen.some(order[:QUICK_PAIRS]), camera, options)
        if near is not None:
            return _all_lead_to(near, seen, options)
    found, sure = _searched(Drawn.of(normalized, seen.points, order, camera, solver), options)
    agreed = [one for one in (_all_lead_to(pose, seen, options) for pose in found)
              if one is not None]
    if len(agreed) < 2:
        return agreed[0] if agreed else None

    def doubt(one: Agreed) -> float:
        return max(BEYOND_DOUBT, surest_log_false_alarms(
            one.sight, seen, order, (camera.width, camera.height)))

    return min(agreed, key=lambda one: (0.0 if sure else doubt(one),
                                        _misfit(one, seen, options.max_error)))


def _searched(drawn: Drawn, options: SolveOptions) -> tuple[list[Rigid], bool]:
    """Poses, and whether they are beyond doubt: more and more of the pairs are tried until enough
    agree, and the search is repeated there with other samples. Where not even all pairs suffice,
    the surer ones are searched again: the right pose may be what some of them agree on."""
    most, count = options.max_trials, len(drawn)
    sets = [one for one in (  # pairs, how many must agree, trials at first and where doubt stays
        (QUICK_PAIRS, QUICK_INLIERS, QUICK_TRIALS, LONGER_TRIALS),
        (options.hypothesis_pairs, options.enough_inliers, most, most)) if one[0] < count]
    sets.append((count, count + 1, most, most))

    def search(pairs: int, trials: int, seed: int) -> tuple[Rigid | None, int]:
        return drawn.search(pairs, replace(options, max_trials=min(trials, most), seed=seed))

    found: list[tuple[Rigid | None, int]] = []
    for pairs, enough, trials, _ in sets:
        found.append(search(pairs, trials, options.seed))
        sure = found[-1][1] >= enough
        if sure:
            again = [(pairs, trials)]
            break
    else:
        again = [(pairs, longer) for pairs, _, _, longer in sets[:-1] or sets]
    if sure or options.searches == 1:
        found = found[-1:]
    if max(inliers for _, inliers in found) >= WORTH:
        found += [search(pairs, trials, seed)
                  for seed in range(options.seed + 1, options.seed + options.searches)
                  for pairs, trials in again]
    return [pose for pose, _ in found if pose is not None], sure


def _misfit(agreed: Agreed, seen: Observed, max_error: float) -> float:
    """The measure of MSAC: squared distances, cut off at the largest error."""
    apart = nearest_of_each_keypoint(agreed.sight.squared, seen)
    return float(np.minimum(apart, max_error ** 2).sum())


def _all_lead_to(pose: Rigid, seen: Observed, options: SolveOptions) -> Agreed | None:
    return approach(pose, seen, options.max_error, options.min_error, ROUGH)


def _near(guess: Rigid, seen: Observed, camera: Camera, options: SolveOptions) -> Rigid | None:
    """What the pairs near a guess lead to, if enough agree on it."""
    reach = max(GUESSED * float(np.hypot(camera.width, camera.height)), options.max_error)
    agreed = approach(guess, seen, reach, options.min_error, BESIDE)
    if agreed is None:
        return None
    close = look(agreed.map_from_camera, seen).squared < options.max_error ** 2
    return agreed.map_from_camera if np.count_nonzero(close) >= GUESSED_INLIERS else None
