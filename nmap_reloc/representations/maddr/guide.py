"""The likeliest pose under all that the matcher holds possible; not in the paper.

Where few matches are right, the surest ones lead to poses that are only nearly right, or wrong.
But the right keypoint of most landmarks is among the matcher's first few, so a pose is judged, and
found from one nearby, by all of them: a landmark in view is either among the image's keypoints,
near where the pose has it, or it is not, and then any keypoint is as good as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid
from nmap_reloc.guided import Seen, inside, on_plane, within
from nmap_reloc.pose import Solution, SolveOptions, solve, solve_from
from nmap_reloc.representations.maddr.consensus import TEMPER
from nmap_reloc.reprojection import Observed, distances
from nmap_reloc.types import Camera, Correspondences, Doubles, Features, Floats, Ints, Refusal

CANDIDATES = 32  # keypoints that are considered for a landmark
LEAST = 1e-4  # probability of a pair that is worth a thought
PRESENT = 0.3  # of the landmarks in view have a keypoint
SIGMAS = (30.0, 15.0, 8.0, 8.0, 5.0)  # pixels, of the rounds from a pose nearby to the likeliest
ROUGH, FINAL = 12.0, 4.0  # pixels, of poses to start from and of those found, to be compared
POSES = 10.0  # log10 of how many might be found that see a scene otherwise
ALONE_TRIALS = 2000  # of RANSAC on one view's pairs: fifteen of a hundred that are right suffice
INDEPENDENT = 0.5  # share of the evidence: the matcher sees one landmark beside the others
SIGMAS_OFF = 3.0  # a pair is at most so far off
NEGLIGIBLE = 6.0  # deviations: what lies farther off has no part in the evidence


@dataclass(frozen=True)
class Assignment:
    """What the matcher holds possible [P]: landmark (index), keypoint, the landmark's view, and
    how probable that is by itself; by landmark."""

    landmarks: Ints
    keypoints: Ints
    views: Ints
    probable: Floats

    @staticmethod
    def of(scores: Floats, keypoints: Ints, landmarks: Ints, views: Ints) -> Assignment:
        """scores [B x N x K] log-probability, keypoints [B x N] and landmarks [B x K] (-1: none)
        of views [B]. A pair that several views name is as probable as the surest says."""
        found = [_of_view(score, mine, shown, view) for score, mine, shown, view
                 in zip(scores, keypoints, landmarks, views, strict=True)]
        landmark, keypoint, view, probable = (np.concatenate(p) for p in zip(*found, strict=True))
        order = np.lexsort((-probable, keypoint, landmark))
        pair = np.stack([landmark, keypoint], 1)[order]
        first = np.ones(len(pair), bool)
        first[1:] = (pair[1:] != pair[:-1]).any(1)
        kept = order[first & (probable[order] > LEAST)]
        return Assignment(landmark, keypoint, view, probable).some(kept)

    def some(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Assignment:
        return Assignment(self.landmarks[which], self.keypoints[which], self.views[which],
                          self.probable[which])


def _of_view(scores: Floats, keypoints: Ints, landmarks: Ints, view: int
             ) -> tuple[Ints, Ints, Ints, Floats]:
    """scores [N x K] -> of each pair: landmark, keypoint, view, probability."""
    there = np.flatnonzero(landmarks >= 0)
    likely = scores[:, there].T
    count = min(CANDIDATES, likely.shape[1])
    first = np.argpartition(-likely, count - 1, axis=1)[:, :count]
    probable = np.exp(TEMPER * (likely - likely.max(1, keepdims=True)))
    probable /= probable.sum(1, keepdims=True)
    return (np.repeat(landmarks[there], count), keypoints[first].ravel(),
            np.full(first.size, view, np.int32),
            np.take_along_axis(probable, first, 1).ravel().astype(np.float32))


class Guide:
    """An assignment, the image's features and the map's positions [L x 3], ready for poses."""

    def __init__(self, assignment: Assignment, features: Features, positions: Doubles,
                 camera: Camera):
        self._features, self._camera = features, camera
        self._seen = Seen.of(features, camera)
        finite = np.asarray(np.isfinite(self._seen.normalized).all(1))  # the lens can have seen
        self._given = given = assignment.some(finite[assignment.keypoints])
        self._landmarks, self._of = np.unique(given.landmarks, return_inverse=True)
        self._positions = positions[self._landmarks]
        self._observed = Observed(self._seen.planes.take(given.keypoints, axis=2),
                                  positions[given.landmarks].T.copy(), given.keypoints)

    def evidence(self, pose: Rigid, sigma: float = FINAL) -> float:
        """ln of how many times as probable the assignment is at this pose (map_from_camera), give
        or take `sigma` pixels, as with keypoints exchanged among landmarks; below 0 where it
        speaks against the pose."""
        shown = self._in_view(pose)
        here = np.exp(-np.square(distances(pose, self._observed) / sigma) / 2)
        mine = np.bincount(self._of, self._given.probable * here, len(self._landmarks))[shown]
        anyone = self._anyone(on_plane(pose, self._positions[shown])[0], shown, sigma)
        return float(np.log(1 - PRESENT + PRESENT * mine / anyone).sum())

    def _anyone(self, plane: Doubles, shown: npt.NDArray[np.bool_], sigma: float) -> Doubles:
        """What the landmarks in view hold possible on average, at the points [K x 2] of the
        plane: much where many keypoints are, or one that everybody likes."""
        uniform = 2 * np.pi * sigma ** 2 / (self._camera.width * self._camera.height)
        if not len(plane):
            return np.full(0, uniform)
        popular = np.bincount(self._given.keypoints, self._given.probable * shown[self._of],
                              len(self._features)) / len(plane)
        keypoints, points, off = within(self._seen, plane, NEGLIGIBLE * sigma)
        here = popular[keypoints] * np.exp(-np.square(off / sigma) / 2)
        return np.asarray(np.bincount(points, here, len(plane)) + uniform)

    def settle(self, start: Rigid, solving: SolveOptions
               ) -> tuple[Solution, Correspondences] | None:
        """From a pose nearby to the likeliest, and the pairs it stands on; None: to none."""
        found = None
        for sigma in SIGMAS:
            pairs = self._pairs(start, sigma)
            solution = solve_from(start, pairs, self._camera,
                                  replace(solving, max_error=2 * sigma))
            if isinstance(solution, Refusal):
                break
            found, start = (solution, pairs), solution.map_from_camera
        return found

    def _in_view(self, pose: Rigid) -> npt.NDArray[np.bool_]:
        return inside(self._seen, on_plane(pose, self._positions)[0])

    def _pairs(self, pose: Rigid, sigma: float) -> Correspondences:
        """The likeliest keypoint of each landmark in view, each keypoint once."""
        given = self._given
        off = distances(pose, self._observed)
        close = np.flatnonzero((off < SIGMAS_OFF * sigma) & self._in_view(pose)[self._of])
        worth = np.log(given.probable[close]) - np.square(off[close] / sigma) / 2
        close = close[np.argsort(-worth, kind="stable")]
        for one in (given.landmarks, given.keypoints):
            close = close[np.sort(np.unique(one[close], return_index=True)[1])]
        keypoints = given.keypoints[close]
        return Correspondences(
            self._features.keypoints[keypoints].astype(np.float64),
            self._observed.points.T[close], given.probable[close],
            keypoints.astype(np.int32), given.views[close].astype(np.int32))


def alone(pairs: Correspondences, camera: Camera, solving: SolveOptions) -> list[Solution]:
    """What the pairs of each view alone lead to."""
    once = replace(solving, searches=1, max_trials=min(solving.max_trials, ALONE_TRIALS))
    found = (solve(pairs.some(np.flatnonzero(pairs.voxels == view)), camera, once)
             for view in np.unique(pairs.voxels))
    return [solution for solution in found if isinstance(solution, Solution)]


class Start(NamedTuple):
    """A pose to start from, and how much speaks for it."""

    evidence: float
    map_from_camera: Rigid


def judged(guide: Guide, solutions: Iterable[Solution | Refusal]) -> list[Start]:
    """The poses among them."""
    poses = [one.map_from_camera for one in solutions if isinstance(one, Solution)]
    return [Start(guide.evidence(pose, ROUGH), pose) for pose in poses]


def likeliest(guide: Guide, starts: Sequence[Start], solving: SolveOptions
              ) -> tuple[Solution, Correspondences] | None:
    """From the likeliest of some poses, if there is one: the solution and its pairs. How likely
    chance is (Solution.log_false_alarms): as often as the evidence says, at most, for each pose
    that might have been found (Markov's inequality)."""
    if not starts:
        return None
    found = guide.settle(max(starts, key=lambda start: start.evidence).map_from_camera, solving)
    if found is None:
        return None
    evidence = guide.evidence(found[0].map_from_camera)
    chance = min(0.0, POSES - INDEPENDENT * evidence / np.log(10))
    return replace(found[0], log_false_alarms=chance), found[1]
