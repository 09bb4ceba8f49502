"""Which landmarks become codes: those that serve every view and every part of it.

A landmark serves a (view, image region) each time it is seen there, and each further landmark in
the same region is worth less (the probabilistic K-cover idea of Cao and Snavely, 2014). The gain
is submodular, so the lazy greedy choice is near the best one.
"""

from __future__ import annotations

import heapq
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.types import Floats

REGIONS = 4  # a view is divided into REGIONS x REGIONS
TRIALS = 1  # pseudo-observations per region: how fast further landmarks lose worth


def observation_bins(landmarks: Landmarks) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(landmark [O], region [O]) of every observation; regions are counted over all views."""
    who, where = [], []
    for index, view in enumerate(landmarks.views):
        seen = view.landmarks >= 0
        size = np.array([view.camera.width, view.camera.height], np.float64)
        cell = np.clip((view.keypoints[seen] / size * REGIONS).astype(int), 0, REGIONS - 1)
        who.append(view.landmarks[seen].astype(np.int64))
        where.append(index * REGIONS ** 2 + cell[:, 1] * REGIONS + cell[:, 0])
    return np.concatenate(who), np.concatenate(where)


def quality(landmarks: Landmarks) -> Floats:
    """[L] in 0..1: how alike a landmark's descriptors are in its views, and how well it fits.

    The descriptors' mean is the shorter the more they differ; one view alone proves nothing.
    """
    length = np.linalg.norm(landmarks.descriptor_sums(), axis=1)
    length /= np.maximum(landmarks.track_lengths, 1)
    fit = 1 / (1 + landmarks.errors ** 2)
    support = landmarks.track_lengths / (landmarks.track_lengths + 1.0)
    return np.asarray(length ** 2 * fit * support, np.float32)


def rank(landmarks: Landmarks, count: int) -> npt.NDArray[np.int64]:
    """Indices of the `count` landmarks worth most, in the order in which they were chosen."""
    who, where = observation_bins(landmarks)
    order = np.argsort(who, kind="stable")
    starts = np.searchsorted(who[order], np.arange(len(landmarks) + 1))
    regions = [where[order[a:b]] for a, b in pairwise(starts.tolist())]
    weight = quality(landmarks)
    served = np.zeros(len(landmarks.views) * REGIONS ** 2)

    def gain(index: int) -> float:
        return float(weight[index] * np.log1p(1 / (TRIALS + served[regions[index]])).sum())

    heap = [(-gain(i), i) for i in range(len(landmarks))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < count:
        index = heapq.heappop(heap)[1]
        now = -gain(index)
        if heap and now > heap[0][0]:
            heapq.heappush(heap, (now, index))
            continue
        chosen.append(index)
        served[regions[index]] += weight[index]
    return np.array(chosen, np.int64)
