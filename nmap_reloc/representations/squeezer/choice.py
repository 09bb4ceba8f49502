"""The points that a squeezer map keeps, one by one, each for what it adds to those before.

The quadratic programme (equation 2; programme.py) weighs what points are worth against how near
they are to each other. Its weights are fractions, and where few points are kept there are more
regions than points: the largest weights leave whole views without any. So the same two terms are
taken here in whole points, with worth that fades instead of K: in every frame, a point gives

    log(1 + worth / (1 + worth that its region has already))         near points are worth less
  + log det of the information on the frame's pose, after - before   the pose they lead to counts

Both are submodular, so the greedy choice is near the best (Nemhauser et al., 1978). Worth is the
network's.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.squeezer.clusters import Indices
from nmap_reloc.representations.squeezer.information import Sightings, sightings
from nmap_reloc.representations.squeezer.observations import REGIONS
from nmap_reloc.representations.squeezer.programme import Points
from nmap_reloc.types import Doubles

BELIEVED = 0.05  # what is known of a frame's pose without points: of its depth, and radians
NEARLY = 0.95  # of the best that may still come: a point that adds so much is taken


class Frames:
    """What all frames have so far: worth by region, the covariance of each pose [V x 6 x 6]."""

    def __init__(self, seen: Sightings, views: int):
        self._seen = seen
        self._served = np.zeros(views * REGIONS ** 2)
        self._pose = np.tile(BELIEVED ** 2 * np.eye(6), (views, 1, 1))

    def gains(self, first: int, end: int) -> Doubles:
        """What each of the sightings first..end would add to its frame."""
        seen = self._seen
        rows = seen.rows[first:end]
        told = rows @ self._pose[seen.frames[first:end]] @ rows.transpose(0, 2, 1)
        pose = (1 + told[:, 0, 0]) * (1 + told[:, 1, 1]) - told[:, 0, 1] * told[:, 1, 0]
        cover = seen.worth[first:end] / (1 + self._served[seen.regions[first:end]])
        return np.asarray(np.log(pose) + np.log1p(cover))

    def add(self, first: int, end: int) -> None:
        """A point's sightings; no frame has two of them."""
        seen = self._seen
        rows, frames = seen.rows[first:end], seen.frames[first:end]
        told = self._pose[frames] @ rows.transpose(0, 2, 1)
        self._pose[frames] -= told @ np.linalg.solve(np.eye(2) + rows @ told,
                                                     told.transpose(0, 2, 1))
        self._served[seen.regions[first:end]] += seen.worth[first:end]


def rank(landmarks: Landmarks, judged: Sequence[Points], count: int) -> Indices:
    """All points that a view judges: first `count` in the order in which they are chosen, then
    the rest by what they are worth to all frames."""
    seen = sightings(landmarks, judged)
    owners = np.repeat(np.arange(len(landmarks)), np.diff(seen.starts))
    frames = Frames(seen, len(landmarks.views))
    gains = np.bincount(owners, frames.gains(0, len(owners)), len(landmarks))
    heap = [(-gain, index) for index, gain in enumerate(gains.tolist()) if gain > 0]
    heapq.heapify(heap)
    starts = seen.starts.tolist()
    chosen: list[int] = []
    while heap and len(chosen) < count:
        index = heapq.heappop(heap)[1]
        first, end = starts[index], starts[index + 1]
        gain = float(frames.gains(first, end).sum())
        if heap and gain < NEARLY * -heap[0][0]:
            heapq.heappush(heap, (-gain, index))
            continue
        chosen.append(index)
        frames.add(first, end)
    everything = np.concatenate([points.landmarks for points in judged])
    worth = np.concatenate([points.found.sum(1) for points in judged])
    left = everything[np.argsort(-worth, kind="stable")]
    return np.array([*chosen, *left[~np.isin(left, chosen)].tolist()], np.int64)
