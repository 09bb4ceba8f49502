"""Landmarks: what triangulation makes and every representation is encoded from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Camera, Floats, Ints


@dataclass(frozen=True)
class View:
    """One map image: its pose, features and which landmark each keypoint observes.

    keypoints [N x 2] pixels, descriptors [N x D] unit length, landmarks [N] index or -1.
    """

    name: str
    camera: Camera
    map_from_camera: Rigid
    keypoints: Floats
    scores: Floats
    descriptors: Floats
    landmarks: Ints
    global_descriptor: Floats


@dataclass(frozen=True)
class Landmarks:
    """positions [L x 3] map units; track_lengths [L] how many views saw each.

    errors [L] mean reprojection error in pixels. held_out: views (landmarks all -1) that took no
    part in triangulation and serve to check the finished map. unit: "metre" or "arbitrary".
    """

    positions: npt.NDArray[np.float64]
    track_lengths: Ints
    errors: Floats
    views: tuple[View, ...]
    held_out: tuple[View, ...]
    unit: str
    features: str  # "learned" or "sift"
    extractor_hash: str

    def __len__(self) -> int:
        return len(self.positions)

    def descriptor_sums(self) -> Floats:
        """[L x D]: the sum over each landmark's observations; the shorter the more they differ."""
        dimensions = self.views[0].descriptors.shape[1]
        total = np.zeros((len(self), dimensions), np.float32)
        for view in self.views:
            seen = view.landmarks >= 0
            np.add.at(total, view.landmarks[seen], view.descriptors[seen].astype(np.float32))
        return total

    def mean_descriptors(self) -> Floats:
        """[L x D] unit length: the mean over each landmark's observations."""
        total = self.descriptor_sums()
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)

    def subset(self, chosen: npt.NDArray[np.int64]) -> Landmarks:
        """Only the chosen ones [K], renumbered in that order, and the views that see them."""
        number = np.full(len(self), -1, np.int32)
        number[chosen] = np.arange(len(chosen), dtype=np.int32)
        views = [replace(v, landmarks=np.where(v.landmarks >= 0,
                                               number[np.maximum(v.landmarks, 0)], np.int32(-1)))
                 for v in self.views]
        return replace(self, positions=self.positions[chosen], errors=self.errors[chosen],
                       track_lengths=self.track_lengths[chosen],
                       views=tuple(v for v in views if (v.landmarks >= 0).any()))

    def observation_bytes(self) -> int:
        """What a classical map weighs: every observation's descriptor and position, float32."""
        dimensions = self.views[0].descriptors.shape[1]
        return int(self.track_lengths.sum()) * 4 * dimensions + 12 * len(self)
