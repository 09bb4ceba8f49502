"""The learned extractor on the robot: one forward pass of one engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import EngineOptions
from nmap_reloc.errors import NmapError
from nmap_reloc.types import Features, Floats, Image
from nmap_reloc.weights import content_hash

STRIDE = 32  # the network takes sides that are multiples of this
LARGEST = 1600  # pixels: a longer side is reduced first
LEAST_SCORE = 0.003  # below this a maximum is noise


class LearnedExtractor:
    """The network "features" behind the Extractor interface."""

    name = "learned"

    def __init__(self, keypoints: int = 1024, backend: str = "auto",
                 weights: Path | None = None, threads: int = 0, precision: str = ""):
        """NmapError: the network is missing, nothing can run it, or no such precision."""
        self.keypoints = keypoints
        self.content_hash = content_hash("features", weights)
        self._engine = open_engine("features", backend, weights, threads,
                                   EngineOptions.from_environment(threads, precision))
        self._slots = np.zeros(keypoints, np.float32)
        self._slots.flags.writeable = False  # so an engine may keep it on its device
        self._pixels: Floats = np.zeros((1, 1, 64, 64), np.float32)
        self.dimensions = self(np.zeros((64, 64), np.uint8)).descriptors.shape[1]

    @property
    def backend(self) -> str:
        """Of the engine as it is now: a plan that is ready takes over between two images."""
        return self._engine.backend

    @property
    def reason(self) -> str:
        return self._engine.reason

    def __call__(self, image: Image) -> Features:
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or 0 in image.shape \
                or (image.ndim == 3 and image.shape[2] != 3):
            raise NmapError(f"image of shape {image.shape} and type {image.dtype}: grey [H x W] "
                            "or RGB [H x W x 3] of uint8 is needed; convert it")
        height, width = image.shape[:2]
        grey: npt.NDArray[Any] = image if image.ndim == 2 else cv2.cvtColor(
            image, cv2.COLOR_RGB2GRAY)
        factor = min(1.0, LARGEST / max(height, width))
        if factor < 1:
            smaller = (max(1, round(width * factor)), max(1, round(height * factor)))
            grey = cv2.resize(grey, smaller, interpolation=cv2.INTER_AREA)
        inner = grey.shape
        down, right = (-grey.shape[0] % STRIDE, -grey.shape[1] % STRIDE)
        if down or right:
            grey = cv2.copyMakeBorder(grey, 0, down, 0, right, cv2.BORDER_REPLICATE)
        most = grey.shape[0] * grey.shape[1] // 4
        if self._pixels.shape[2:] != grey.shape:
            self._pixels = np.empty((1, 1, *grey.shape), np.float32)
        np.multiply(grey, np.float32(1 / 255), out=self._pixels[0, 0])
        slots = self._slots if self.keypoints <= most else self._slots[:most]
        out = self._engine({"image": self._pixels, "slots": slots})
        keypoints, scores, descriptors = (
            _floats(out[name]) for name in ("keypoints", "scores", "descriptors"))
        kept = (scores > LEAST_SCORE) & (keypoints[:, 0] < inner[1]) & (keypoints[:, 1] < inner[0])
        if not kept.all():  # else the descriptors may stay where the engine has them
            keypoints, scores, descriptors = keypoints[kept], scores[kept], descriptors[kept]
        scale = np.array([width / inner[1], height / inner[0]], np.float32)
        return Features(keypoints * scale, scores, descriptors, _floats(out["global_descriptor"]),
                        width, height)


def _floats(array: npt.NDArray[Any]) -> Floats:
    return np.ascontiguousarray(array, np.float32)
