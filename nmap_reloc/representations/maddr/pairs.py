"""Pairs of map views with their true assignment, as the matcher is trained and checked on.

One view asks, the other is one that the map keeps. A keypoint and a landmark belong together when
triangulation says so, or when the landmark is seen there and looks like it; where neither is
certain the pair is left out of the loss. The landmarks' descriptors are means over their other
observations, as in the map: never the asking view's own, and often not those of its neighbours,
since a robot asks from farther away than a map's views lie apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.camera import project
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.representations.maddr.encode import observed
from nmap_reloc.representations.maddr.layout import positions_in
from nmap_reloc.types import Floats

UNMATCHED, UNCERTAIN = -1, -2
FEWEST_SHARED = 12  # landmarks that two views must both see to be a pair
FEWEST_KEPT = 48  # landmarks of the view that the map keeps
SEEN_THERE, ALIKE = 1.5, 0.75  # pixels, cosine: a match that triangulation missed
UNCERTAIN_WITHIN = 4.0  # pixels
DISTANT, MOST_GONE = 0.5, 8  # share of pairs without the views most like the query, so many

Indices = npt.NDArray[np.int64]


class PairScene:
    """Landmarks, and which of their views see enough in common. One view in eight never asks in
    training: the matcher is checked on these."""

    def __init__(self, landmarks: Landmarks):
        self.landmarks = landmarks
        self._total = landmarks.descriptor_sums()
        seen = observed(landmarks).astype(np.float32)
        shared = seen @ seen.T
        np.fill_diagonal(shared, 0)
        self._alike = np.argsort(-shared, axis=1, kind="stable")
        self.partners = [np.flatnonzero(row >= FEWEST_SHARED) for row in shared]
        askers = np.array([i for i, own in enumerate(self.partners) if len(own)], np.int64)
        self.checked = askers[::8] if len(askers) > 8 else askers
        self.askers = askers if len(askers) <= 8 else np.delete(askers, np.s_[::8])

    def descriptors(self, kept: Indices, view: int | None = None, gone: int = 0) -> Floats:
        """[K x D] means of the kept landmarks, without what a view and the `gone` views most like
        it observed; 0 where nothing is left. All of them where view is None."""
        total, left = self._total[kept], self.landmarks.track_lengths[kept]  # copies
        slot = np.full(len(self.landmarks), -1)
        slot[kept] = np.arange(len(kept))
        for index in [] if view is None else [view, *self._alike[view, :gone]]:
            other = self.landmarks.views[index]
            rows = np.flatnonzero(other.landmarks >= 0)
            rows = rows[slot[other.landmarks[rows]] >= 0]
            who = slot[other.landmarks[rows]]
            total[who] -= other.descriptors[rows]
            left[who] -= 1
        total[left <= 0] = 0  # not what rounding leaves
        return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-6),
                          np.float32)


@dataclass(frozen=True)
class Pair:
    """query [N x D] and where, about -1..1 over its image [N x 2]; targets [N]: which landmark
    of the view, UNMATCHED or UNCERTAIN; view [K x D], where [K x 2]; certain [K]."""

    query: Floats
    query_positions: Floats
    targets: Indices
    view: Floats
    view_positions: Floats
    certain: npt.NDArray[np.bool_]


def draw(rng: np.random.Generator, scenes: Sequence[PairScene], foreign: float, most: int = 256,
         checking: bool = False) -> Pair:
    """foreign: how often the two views are of different scenes; most: landmarks of the view;
    checking: one of the views kept out of training asks."""
    scene = scenes[int(rng.integers(len(scenes)))]
    asker = scene
    if len(scenes) > 1 and rng.random() < foreign:
        while asker is scene:
            asker = scenes[int(rng.integers(len(scenes)))]
    index = int(rng.choice(asker.checked if checking else asker.askers))
    query = asker.landmarks.views[index]
    if asker is not scene:
        return make(rng, scene, query, None, int(rng.choice(scene.askers)), most)
    gone = int(rng.integers(1, MOST_GONE + 1)) if rng.random() < DISTANT else 0
    return make(rng, scene, query, index, int(rng.choice(scene.partners[index])), most, gone)


def make(rng: np.random.Generator, scene: PairScene, query: View, index: int | None, other: int,
         most: int = 256, gone: int = 0) -> Pair:
    """index, other: of the query and of the view among the scene's; None: of another scene. gone:
    views like the query whose observations are left out too."""
    view = scene.landmarks.views[other]
    seen = np.flatnonzero(view.landmarks >= 0)
    most = min(len(seen), most)
    count = int(rng.integers(min(FEWEST_KEPT, most), most + 1))
    worth = scene.landmarks.track_lengths[view.landmarks[seen]] * rng.gamma(1.0, size=len(seen))
    rows = seen[np.argsort(-worth)[:count]]
    kept = view.landmarks[rows].astype(np.int64)
    described = scene.descriptors(kept, index, gone)
    known = described.any(1)
    rows, kept, described = rows[known], kept[known], described[known]
    targets, certain = (assign(scene, query, kept, described) if index is not None else
                        (np.full(len(query.keypoints), UNMATCHED), np.ones(len(kept), bool)))
    return Pair(query.descriptors.astype(np.float32), _places(query, query.keypoints), targets,
                described, _places(view, view.keypoints[rows]), certain)


def _places(view: View, keypoints: Floats) -> Floats:
    return positions_in(keypoints, view.camera.width, view.camera.height)


def assign(scene: PairScene, query: View, kept: Indices, described: Floats
           ) -> tuple[Indices, npt.NDArray[np.bool_]]:
    """Targets [N] of the query's keypoints among the kept landmarks [K], and which of these have
    a certain partner or certainly none [K]."""
    if not len(kept):
        return np.full(len(query.keypoints), UNMATCHED), np.ones(0, bool)
    positions = scene.landmarks.positions
    slot = np.full(len(positions), UNMATCHED)
    slot[kept] = np.arange(len(kept))
    targets = np.where(query.landmarks >= 0, slot[np.maximum(query.landmarks, 0)], UNMATCHED)
    inside = query.map_from_camera.inverse().apply(positions[kept])
    pixels = project(query.camera, inside)
    pixels[(inside[:, 2] <= 0) | ~np.isfinite(pixels).all(1)] = np.inf
    away = distances(query.keypoints, pixels)  # [N x K]
    free = np.ones(len(kept), bool)
    free[targets[targets >= 0]] = False
    nearest = away.argmin(1)
    distance = away[np.arange(len(away)), nearest]
    alike = (query.descriptors * described[nearest]).sum(1) > ALIKE
    found = (targets == UNMATCHED) & free[nearest] & (distance < SEEN_THERE) & alike \
        & (away.argmin(0)[nearest] == np.arange(len(away)))
    targets[found] = nearest[found]
    uncertain = (targets == UNMATCHED) & (distance < UNCERTAIN_WITHIN)
    targets[uncertain] = UNCERTAIN
    certain = np.ones(len(kept), bool)
    certain[nearest[uncertain]] = False
    certain[targets[targets >= 0]] = True
    return targets.astype(np.int64), certain


def distances(a: Floats, b: npt.NDArray[np.floating]) -> Floats:
    """[N x 2], [K x 2] -> [N x K] pixels; infinite where b is."""
    x = np.subtract.outer(a[:, 0], b[:, 0].astype(np.float32))
    y = np.subtract.outer(a[:, 1], b[:, 1].astype(np.float32))
    return np.asarray(np.hypot(x, y), np.float32)


def jittered(rng: np.random.Generator, positions: Floats) -> Floats:
    """Positions as another camera might have had them: turned, scaled, shifted."""
    angle, scale = rng.normal() * 0.15, np.exp(rng.normal() * 0.15)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(positions @ turn.T + rng.normal(size=2) * 0.1, np.float32)
