"""Co-visible clusters of views (SceneSqueezer, section 3.1) and their split into anchors and
verification frames (section 3.2.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.types import Doubles

Indices = npt.NDArray[np.int64]

MOST_VIEWS = 20  # of a cluster (paper, section 3.1)
FARTHEST = 6.5  # of two clusters that merge: log of the inverse IoU
ANCHOR_SHARE = 0.3  # of a cluster's views (paper, section 4)
NOTHING_SHARED = 0.5  # stands for no common point, whose logarithm has no bound


@dataclass(frozen=True)
class Cluster:
    """views: indices into Landmarks.views, anchors those that describe the points, verification
    the others. points [m]: indices of its landmarks; a landmark belongs to one cluster."""

    views: Indices
    anchors: Indices
    verification: Indices
    points: Indices


def seen_by(landmarks: Landmarks) -> list[Indices]:
    """Per view the landmarks that it observes."""
    return [np.unique(view.landmarks[view.landmarks >= 0]).astype(np.int64)
            for view in landmarks.views]


def covisibility_distance(seen: list[Indices], count: int) -> Doubles:
    """[V x V]: log of union over intersection of the points that two views see (equation 1)."""
    owners = np.repeat(np.arange(len(seen)), [len(points) for points in seen])
    flat = np.concatenate(seen)
    common = np.zeros((len(seen), len(seen)))
    for view, points in enumerate(seen):
        mine = np.zeros(count, bool)
        mine[points] = True
        common[view] = np.bincount(owners[mine[flat]], minlength=len(seen))
    sizes = np.array([len(points) for points in seen], np.float64)
    union = np.maximum(sizes[:, None] + sizes - common, 1.0)
    return np.asarray(np.log(union / np.maximum(common, NOTHING_SHARED)))


def agglomerate(distance: Doubles, most: int = MOST_VIEWS, farthest: float = FARTHEST
                ) -> list[Indices]:
    """Average-linkage clustering: the nearest two merge until none are nearer than `farthest`
    or every merger would have more than `most` members. Clusters in the order of their first."""
    between = distance.astype(np.float64).copy()
    np.fill_diagonal(between, np.inf)
    members = [[i] for i in range(len(between))]
    sizes = np.ones(len(between))
    while True:
        a, b = np.unravel_index(int(between.argmin()), between.shape)
        if not between[a, b] <= farthest:
            break
        if sizes[a] + sizes[b] > most:
            between[a, b] = between[b, a] = np.inf
            continue
        merged = (sizes[a] * between[a] + sizes[b] * between[b]) / (sizes[a] + sizes[b])
        between[a], between[:, a] = merged, merged  # infinite where one side was: stays apart
        between[b], between[:, b] = np.inf, np.inf
        between[a, a] = np.inf
        members[a] += members[b]
        members[b] = []
        sizes[a] += sizes[b]
    return [np.array(sorted(group), np.int64) for group in members if group]


def split(views: Indices, seen: list[Indices], count: int, share: float = ANCHOR_SHARE
          ) -> tuple[Indices, Indices]:
    """(anchors, verification): anchors are chosen one by one for the points they add."""
    wanted = max(1, round(share * len(views)))
    covered = np.zeros(count, bool)
    rest = list(views.tolist())
    anchors: list[int] = []
    while len(anchors) < wanted and len(rest) > 1:
        best = max(rest, key=lambda view: int((~covered[seen[view]]).sum()))
        covered[seen[best]] = True
        rest.remove(best)
        anchors.append(best)
    return np.array(anchors or rest, np.int64), np.array(rest, np.int64)


def clusters_of(landmarks: Landmarks, most: int = MOST_VIEWS) -> list[Cluster]:
    """The scene's clusters. A landmark goes where most of its observations are."""
    seen = seen_by(landmarks)
    groups = agglomerate(covisibility_distance(seen, len(landmarks)), most)
    observed = np.zeros((len(groups), len(landmarks)), np.int32)
    for group, views in enumerate(groups):
        for view in views.tolist():
            observed[group, seen[view]] += 1
    home = observed.argmax(0)
    found = []
    for group, views in enumerate(groups):
        points = np.flatnonzero((home == group) & (observed[group] > 0)).astype(np.int64)
        if len(points):
            found.append(Cluster(views, *split(views, seen, len(landmarks)), points))
    return found
