"""Which landmarks a map keeps: one by one, each for what it adds to those before.

In every view that finds it, a landmark gives

    log(1 + worth / (1 + worth that its region has already))        near landmarks are worth less
  + log det of the information on the view's pose, after - before   the pose they lead to counts
  + URGENT worth exp(-worth that the view has already / FOUND)      few in a view find no pose

All are submodular, so the greedy choice is near the best (Nemhauser et al., 1978). The first is
the probabilistic K-cover of Cao and Snavely (2014) in spirit. It alone keeps what many views find,
which lies far off and says little of where the camera stands; and where few are kept, views that
share little with others would go without.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmap_reloc.mapping.greedy import choose_greedily
from nmap_reloc.mapping.information import Indices, pose_rows
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.types import Doubles

REGIONS = 4  # a view is divided into REGIONS x REGIONS
BELIEVED = 0.05  # what is known of a view's pose without landmarks: of its depth, and radians
URGENT, FOUND = 10.0, 4.0  # see above; worth is less than one, so that is some ten landmarks
NEARLY = 0.95  # of the best that may still come: a landmark that adds so much is taken


@dataclass(frozen=True)
class Sightings:
    """Every landmark in every view that finds it, sorted by landmark.

    starts [L + 1]: of each landmark's sightings; frames [E] index of the view; regions [E]: of all
    views' regions; worth [E] in 0..1; rows [E x 2 x 6]: see pose_rows, in the measure of worth.
    """

    starts: Indices
    frames: Indices
    regions: Indices
    worth: Doubles
    rows: Doubles


def sightings(landmarks: Landmarks, owners: Indices, frames: Indices, regions: Indices,
              worth: Doubles) -> Sightings:
    """owners [E] landmark, frames [E] view, regions [E] among the view's, worth [E], in any
    order."""
    order = np.lexsort((frames, owners))
    owners, frames, regions, worth = (a[order] for a in (owners, frames, regions, worth))
    rows = pose_rows(landmarks, owners, frames)
    return Sightings(np.searchsorted(owners, np.arange(len(landmarks) + 1)), frames,
                     frames * REGIONS ** 2 + regions, worth, rows * worth[:, None, None] ** 0.5)


class Frames:
    """What all views have so far: worth, that by region, the covariance of each pose
    [V x 6 x 6]."""

    def __init__(self, seen: Sightings, views: int):
        self._seen = seen
        self._found, self._served = np.zeros(views), np.zeros(views * REGIONS ** 2)
        self._pose = np.tile(BELIEVED ** 2 * np.eye(6), (views, 1, 1))

    def gains(self, first: int, end: int) -> Doubles:
        """What each of the sightings first..end would add to its view."""
        seen = self._seen
        rows = seen.rows[first:end]
        told = rows @ self._pose[seen.frames[first:end]] @ rows.transpose(0, 2, 1)
        pose = (1 + told[:, 0, 0]) * (1 + told[:, 1, 1]) - told[:, 0, 1] * told[:, 1, 0]
        worth = seen.worth[first:end]
        cover = worth / (1 + self._served[seen.regions[first:end]])
        urgent = worth * np.exp(-self._found[seen.frames[first:end]] / FOUND)
        return np.asarray(np.log(pose) + np.log1p(cover) + URGENT * urgent)

    def add(self, first: int, end: int) -> None:
        """A landmark's sightings; no view has two of them."""
        seen = self._seen
        rows, frames = seen.rows[first:end], seen.frames[first:end]
        told = self._pose[frames] @ rows.transpose(0, 2, 1)
        self._pose[frames] -= told @ np.linalg.solve(np.eye(2) + rows @ told,
                                                     told.transpose(0, 2, 1))
        self._served[seen.regions[first:end]] += seen.worth[first:end]
        self._found[frames] += seen.worth[first:end]


def choose(seen: Sightings, views: int, count: int) -> Indices:
    """At most `count` landmarks, in the order in which they are chosen; none that adds nothing.
    views: how many there are."""
    frames, total = Frames(seen, views), len(seen.starts) - 1
    owners = np.repeat(np.arange(total), np.diff(seen.starts))
    gains = np.bincount(owners, frames.gains(0, len(owners)), total)
    starts = seen.starts.tolist()
    return choose_greedily(
        {index: gain for index, gain in enumerate(gains.tolist()) if gain > 0},
        lambda index: float(frames.gains(starts[index], starts[index + 1]).sum()),
        lambda index: frames.add(starts[index], starts[index + 1]), count, NEARLY)
