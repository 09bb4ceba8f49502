"""The landmarks of a hybrid map that keep descriptors of their own, and how they are matched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.types import Correspondences, Doubles, Features, Floats, Ints

RATIO = 0.98  # nearest to second nearest landmark's distance; mutual pairs need little more
SURE = 0.6  # of a ratio's distance from 1: such a pair is as sure as can be
BLOCK = 8192  # landmarks compared at a time: bounds the memory


@dataclass(frozen=True)
class Explicit:
    """positions [L x 3] map units; descriptors [L x D] unit length; voxels [L] index."""

    positions: Doubles
    descriptors: Floats
    voxels: Ints

    def __len__(self) -> int:
        return len(self.positions)

    def nbytes(self) -> int:
        return self.positions.nbytes + self.descriptors.nbytes + self.voxels.nbytes

    def of_voxels(self, wanted: Ints | None, count: int) -> Explicit:
        """Those in the wanted voxels of `count`, None: all."""
        if wanted is None or len(wanted) >= count:
            return self
        keep = np.zeros(count, bool)
        keep[wanted] = True
        rows = keep[self.voxels]
        return Explicit(self.positions[rows], self.descriptors[rows], self.voxels[rows])


def match(features: Features, landmarks: Explicit) -> Correspondences:
    """Mutual nearest neighbours that pass a ratio test; confidence 0..1 by the ratio."""
    count = len(features)
    if not count or not len(landmarks):
        return gathered(features, landmarks, np.zeros(0, np.intp), np.zeros(0, np.intp),
                        np.zeros(0, np.float32))
    best = np.full((count, 2), -1.0, np.float32)  # similarity of the two nearest
    owner: npt.NDArray[np.intp] = np.zeros(count, np.intp)
    claimant = np.empty(len(landmarks), np.intp)  # the keypoint nearest to each landmark
    rows = np.arange(count)
    for start in range(0, len(landmarks), BLOCK):
        similarity = features.descriptors @ landmarks.descriptors[start:start + BLOCK].T
        claimant[start:start + BLOCK] = similarity.argmax(0)
        first = similarity.argmax(1)
        top = similarity[rows, first].copy()
        similarity[rows, first] = -1
        ahead = top > best[:, 0]
        second = np.where(ahead, best[:, 0], top)
        best[:, 1] = np.maximum(np.maximum(best[:, 1], similarity.max(1)), second)
        owner[ahead] = first[ahead] + start
        best[:, 0] = np.maximum(best[:, 0], top)
    distance = np.sqrt(np.maximum(2 - 2 * best, 1e-9))
    ratio = distance[:, 0] / distance[:, 1]
    good = np.flatnonzero((ratio < RATIO) & (claimant[owner] == rows))
    good = good[np.argsort(ratio[good], kind="stable")]
    confidence = np.minimum((1 - ratio[good]) / SURE, 1).astype(np.float32)
    return gathered(features, landmarks, good, owner[good], confidence)


def gathered(features: Features, landmarks: Explicit, keypoints: npt.NDArray[np.intp],
             chosen: npt.NDArray[np.intp], confidences: Floats) -> Correspondences:
    """Pairs of keypoints [K] and landmarks [K]."""
    return Correspondences(features.keypoints[keypoints].astype(np.float64),
                           landmarks.positions[chosen], confidences,
                           keypoints.astype(np.int32), landmarks.voxels[chosen].astype(np.int32))
