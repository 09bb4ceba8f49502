"""The quadratic programme of a whole site: its clusters' points, tied by the frames that see them.

The paper solves each cluster alone (section 3.2). Here a point that other clusters' frames find
too is worth more, and what these frames have enough of is worth less, so clusters are solved
together, `MOST_TOGETHER` points at a time. K is never made whole: it is a product of sparse
factors, or, the spatial one, between points of one cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.mapping.choice import REGIONS
from nmap_reloc.representations.squeezer import qp
from nmap_reloc.representations.squeezer.clusters import Indices
from nmap_reloc.types import Floats

MOST_TOGETHER = 16000  # points of one programme
MOST_OF_CLUSTER = 2500  # of more, those that most frames find compete
STEPS, TOLERANCE = 300, 1e-3
NOTHING = 0.01  # a point worth less to a frame does not count there


@dataclass(frozen=True)
class Points:
    """A cluster's m points as n frames judge them: landmarks [m]; positions [m x 3] in UNITs;
    views [n] index of each frame; found, shown, regions [m x n]: see network.Verdict, Frame."""

    landmarks: Indices
    positions: Floats
    views: Indices
    found: Floats
    shown: Floats
    regions: Indices

    def best(self, most: int) -> Points:
        """Those that most frames find."""
        if len(self.landmarks) <= most:
            return self
        rows = np.sort(np.argsort(-self.found.sum(1), kind="stable")[:most])
        return Points(self.landmarks[rows], self.positions[rows], self.views, self.found[rows],
                      self.shown[rows], self.regions[rows])


class LearnedKernel:
    """dK of a group of clusters as what it does to a vector: two points are near where the same
    regions of the same frames show both. unit: see network.scale."""

    dtype = np.dtype(np.float32)

    def __init__(self, group: Sequence[Points], unit: float):
        starts = np.cumsum([0, *(len(points.landmarks) for points in group)])
        rows, columns, values = [], [], []
        for start, points in zip(starts, group, strict=False):
            row, frame = np.nonzero(points.shown > NOTHING)
            rows.append(start + row)
            columns.append(points.views[frame] * REGIONS ** 2 + points.regions[row, frame])
            values.append(points.shown[row, frame])
        self._rows = np.concatenate(rows)
        self._columns = np.unique(np.concatenate(columns), return_inverse=True)[1].reshape(-1)
        self._values = np.concatenate(values).astype(np.float64) / unit ** 0.5
        self._count = int(self._columns.max(initial=-1)) + 1

    def __matmul__(self, vector: npt.NDArray[np.floating]) -> Floats:
        told = np.bincount(self._columns, self._values * vector[self._rows], self._count)
        return np.asarray(np.bincount(self._rows, self._values * told[self._columns],
                                      len(vector)), np.float32)


class SpatialKernel:
    """K_spatial of a group of clusters (equation 5, a bandwidth of 1 in UNITs), between points of
    one cluster."""

    dtype = np.dtype(np.float32)

    def __init__(self, group: Sequence[Points]):
        self._ends = np.cumsum([0, *(len(points.landmarks) for points in group)])
        self._blocks = [_rbf(points.positions) for points in group]

    def __matmul__(self, vector: npt.NDArray[np.floating]) -> Floats:
        return np.concatenate([block @ vector[a:b] for block, a, b in zip(
            self._blocks, self._ends, self._ends[1:], strict=False)]).astype(np.float32)


def _rbf(positions: Floats) -> Floats:
    squares = (positions ** 2).sum(1)
    apart = squares[:, None] + squares - 2 * positions @ positions.T
    return np.asarray(np.exp(-0.5 * np.maximum(apart, 0)), np.float32)


def rank(judged: Sequence[Points], tau: float, fraction: float, way: str = "qp") -> Indices:
    """All points in the order in which they are kept when `fraction` of them are: by the weights
    of the programme, or by d alone (way "topk")."""
    scores = np.concatenate([points.found.sum(1) for points in judged])
    landmarks = np.concatenate([points.landmarks for points in judged])
    weights = np.zeros(len(scores))
    if way != "topk" and fraction < 1:
        unit = float((scores ** 2).sum() / max(scores.sum(), 1e-6)) or 1.0
        place = np.full(int(landmarks.max()) + 1, -1)
        place[landmarks] = np.arange(len(landmarks))
        for group in groups(judged):
            mine, solved = _solve(group, tau, fraction, unit, way)
            weights[place[mine]] = solved
    # Points at the cap are all kept: among them, as among those left out, the best come first.
    return np.asarray(landmarks[np.lexsort((-scores, -weights.round(3)))], np.int64)


def groups(judged: Sequence[Points]) -> list[list[Points]]:
    """Neighbouring clusters, as many together as may be."""
    made: list[list[Points]] = []
    size = MOST_TOGETHER + 1
    for points in judged:
        if size + len(points.landmarks) > MOST_TOGETHER:
            made.append([])
            size = 0
        made[-1].append(points)
        size += len(points.landmarks)
    return made


def _solve(group: list[Points], tau: float, fraction: float, unit: float, way: str
           ) -> tuple[Indices, Floats]:
    """(landmarks [M], weights in caps [M]) of the points that compete."""
    wanted = fraction * sum(len(points.landmarks) for points in group)
    # What is hopeless need not compete: it only makes the programme large.
    competing = [points.best(max(MOST_OF_CLUSTER, int(1.5 * fraction * len(points.landmarks))))
                 for points in group]
    scores = np.concatenate([points.found.sum(1) for points in competing]) / unit
    cap = qp.cap_of(min(1.0, wanted / len(scores)), len(scores))
    kernel: qp.Kernel = SpatialKernel(competing) if way == "spatial" \
        else LearnedKernel(competing, unit)
    asked = scores.astype(np.float32)
    weight = tau * qp.balance(kernel, asked, fraction)
    alpha = qp.solve(kernel, asked, weight, cap, STEPS, TOLERANCE)
    return (np.concatenate([points.landmarks for points in competing]),
            np.asarray(alpha / cap, np.float32))
