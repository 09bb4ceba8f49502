"""Few views that stand for all: greedy medoids, and the voxels each answers for."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from nmap_reloc.types import Floats, Ints

SHARE = 0.25  # of the views a representative stands for must see a voxel for it to be listed
BLOCK = 512  # rows of the similarity matrix at a time


def order(descriptors: Floats, count: int) -> Ints:
    """Indices of `count` views such that every prefix stands well for all; [V x G] unit length.

    Greedy maximisation of the sum, over views, of the similarity to the nearest chosen one
    (facility location; within 1 - 1/e of the best). Gains only shrink, so a stale gain is a
    bound and most are never computed again.
    """
    nearest = np.full(len(descriptors), -1.0, np.float32)
    gains = np.concatenate([
        np.maximum(descriptors @ descriptors[start:start + BLOCK].T + 1, 0).sum(axis=0)
        for start in range(0, len(descriptors), BLOCK)])
    heap = [(-float(gain), index) for index, gain in enumerate(gains)]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < count:
        _, index = heapq.heappop(heap)
        similarity = descriptors @ descriptors[index]
        gain = float(np.maximum(similarity - nearest, 0).sum())
        if heap and gain < -heap[0][0] - 1e-6:
            heapq.heappush(heap, (-gain, index))
            continue
        chosen.append(index)
        nearest = np.maximum(nearest, similarity)
    return np.array(chosen, np.int32)


def voxel_lists(descriptors: Floats, seen: Sequence[Ints], chosen: Ints, voxel_count: int
                ) -> tuple[Ints, ...]:
    """Per chosen view, ascending: the voxels it sees, and those that its neighbours do.

    Each view belongs to the chosen one most similar to it. A voxel is listed when SHARE of these
    views see it; one that no chosen view would list goes to those whose views see it at all.
    """
    belongs = np.argmax(descriptors @ descriptors[chosen].T, axis=1)
    belongs[chosen] = np.arange(len(chosen))
    lists, once = [], []
    for i, index in enumerate(chosen):
        members = np.flatnonzero(belongs == i)
        voxels, votes = np.unique(np.concatenate([seen[m] for m in members]), return_counts=True)
        kept = np.union1d(seen[index], voxels[votes >= SHARE * len(members)])
        lists.append(kept)
        once.append(voxels)
    covered = np.zeros(voxel_count, bool)
    for kept in lists:
        covered[kept] = True
    return tuple(np.union1d(kept, voxels[~covered[voxels]]).astype(np.int32)
                 for kept, voxels in zip(lists, once, strict=True))
