"""Chance as the explanation of a pose: what wrong pairs reach, and what true ones do."""

from __future__ import annotations

import numpy as np
import pytest
from pose_scene import FISHEYE, PINHOLE, POSE, observe, observed, pairs, points_in_view
from scipy.stats import binom

from nmap_reloc.chance import log_false_alarms, log_tail, surest_log_false_alarms
from nmap_reloc.gate import GateOptions, judge
from nmap_reloc.pose import Solution, solve
from nmap_reloc.reprojection import look
from nmap_reloc.types import Camera, Correspondences

LIMIT = GateOptions().max_log_false_alarms


def mixed(camera: Camera, true: int, wrong: int, seed: int) -> Correspondences:
    """True pairs first, then keypoints with points of other keypoints."""
    rng = np.random.default_rng(seed)
    points = points_in_view(camera, POSE, true + wrong, rng)
    pixels = observe(camera, POSE, points) + rng.normal(0, 0.6, (true + wrong, 2))
    pixels[true:] = rng.permutation(pixels[true:])
    return pairs(pixels, points)


@pytest.mark.parametrize("count", [4, 13, 40, 200])
@pytest.mark.parametrize("probability", [1e-5, 1e-3, 0.02])
def test_the_tail_is_bounded_tightly_from_above(count: int, probability: float) -> None:
    true = float(binom.logsf(count - 1, 600, probability))
    assert true - 1e-9 <= log_tail(600, count, probability) <= max(true + 0.7, 0)


@pytest.mark.parametrize("camera", [PINHOLE, FISHEYE])
def test_few_true_pairs_among_many_wrong_ones_are_no_chance(camera: Camera) -> None:
    solution = solve(mixed(camera, 30, 500, 0), camera)
    assert isinstance(solution, Solution)
    assert solution.log_false_alarms < LIMIT


def test_wrong_pairs_alone_are_chance() -> None:
    for seed in range(6):
        solution = solve(mixed(PINHOLE, 0, 500, seed), PINHOLE)
        if isinstance(solution, Solution):
            assert solution.log_false_alarms > LIMIT


def alarms(seen: Correspondences, surest_first: bool) -> tuple[float, float]:
    """At the true pose: by the surest and by all."""
    given = observed(PINHOLE, seen.points2D, seen.points3D)
    sight, size = look(POSE, given), (PINHOLE.width, PINHOLE.height)
    order = np.arange(len(seen))
    return (surest_log_false_alarms(sight, given, order if surest_first else order[::-1], size),
            log_false_alarms(sight, given, sight.squared < 16.0, size))


def test_pairs_that_agree_weigh_more_where_they_are_the_surest() -> None:
    seen = mixed(PINHOLE, 12, 600, 1)
    surest, plain = alarms(seen, True)
    assert surest < plain - 5
    last, plain = alarms(seen, False)  # nothing is gained, and little lost, by having looked
    assert plain <= last < plain + 2


def test_the_surest_of_wrong_pairs_are_chance() -> None:
    for seed in range(6):
        assert alarms(mixed(PINHOLE, 0, 600, seed), True)[0] > -2


def test_a_landmark_found_by_many_keypoints_counts_once() -> None:
    seen = mixed(PINHOLE, 9, 300, 2)
    rows = np.r_[np.repeat(np.arange(9), 4), np.arange(9, 309)]
    repeated = pairs(seen.points2D[rows], seen.points3D[rows])
    solution = solve(repeated, PINHOLE)
    assert isinstance(solution, Solution) and solution.inliers.sum() > 20
    refusal = judge(solution, repeated)
    assert refusal is not None and "may be chance: 10^" in refusal.reason
