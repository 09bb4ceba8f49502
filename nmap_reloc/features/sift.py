"""OpenCV's SIFT as RootSIFT: needs no weights, and is the yardstick for what is learned.

Lowe 2004; RootSIFT: Arandjelovic and Zisserman 2012; the global descriptor is an efficient match
kernel (Bo and Sminchisescu 2009): random Fourier features of the local descriptors, averaged.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.types import Features, Floats, Image

# The contrast is below OpenCV's 0.04 so that dim images fill their budget: best first decides
# what is kept. Precise upscaling removes OpenCV's bias of a quarter of a pixel.
SETTINGS: dict[str, float | bool] = {"nOctaveLayers": 3, "contrastThreshold": 0.02,
                                     "edgeThreshold": 10.0, "sigma": 1.6,
                                     "enable_precise_upscale": True}
SURPLUS = 0.5  # detected on top: a quarter or so are second orientations of a point, and merged
GLOBAL = 64  # dimensions of the global descriptor
BANDWIDTH = 0.45  # of its kernel: about the distance between unrelated RootSIFT, over two
FORMAT = 1  # raise it whenever the code below changes what comes out


class SiftExtractor:
    """SIFT behind the Extractor interface: 128 dimensions, deterministic."""

    name = "sift"
    backend = "opencv"
    reason = ""
    dimensions = 128

    def __init__(self, keypoints: int = 1024) -> None:
        self.keypoints = keypoints
        settings = json.dumps([FORMAT, SURPLUS, GLOBAL, BANDWIDTH, SETTINGS], sort_keys=True)
        self.content_hash = hashlib.sha256(b"sift" + settings.encode()).hexdigest()
        wanted = int(keypoints * (1 + SURPLUS))
        create: Any = getattr(cv2, "SIFT_create")  # noqa: B009, OpenCV's type stubs lack it
        self._sift = create(nfeatures=wanted, **SETTINGS)
        random = np.random.default_rng(0)
        self._frequencies = random.normal(0, 1 / BANDWIDTH, (128, GLOBAL)).astype(np.float32)
        self._phases = random.uniform(0, 2 * np.pi, GLOBAL).astype(np.float32)

    def __call__(self, image: Image) -> Features:
        """image [H x W] grey or [H x W x 3] RGB, uint8. An image without texture gives none."""
        grey = _grey(image)
        height, width = grey.shape
        found, raw = self._sift.detectAndCompute(grey, None)
        if not found:
            raw = np.zeros((0, 128), np.float32)
        position = np.array([k.pt for k in found], np.float32).reshape(-1, 2)
        response = np.array([k.response for k in found], np.float32)
        kept = _strongest(position, response, self.keypoints)
        descriptors = _root(raw[kept])
        return Features(keypoints=position[kept] + np.float32(0.5),  # OpenCV's first pixel is 0, 0
                        scores=response[kept] / (response[kept] + np.float32(0.03)),
                        descriptors=descriptors,
                        global_descriptor=self._aggregate(descriptors),
                        width=width, height=height)

    def _aggregate(self, descriptors: Floats) -> Floats:
        """descriptors [N x 128] -> [64] unit length: the mean embedding of their distribution."""
        if not len(descriptors):
            return np.zeros(GLOBAL, np.float32)
        mean = np.cos(descriptors @ self._frequencies + self._phases).mean(0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _grey(image: Image) -> Image:
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or min(image.shape[:2]) < 16:
        raise NmapError(f"image of {image.dtype} {'x'.join(map(str, image.shape))}: not an image "
                        "for features; give 8 bits, grey or RGB, at least 16 x 16")
    if image.ndim == 2:
        return np.ascontiguousarray(image)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _strongest(position: Floats, response: Floats, count: int) -> npt.NDArray[np.int64]:
    """Indices of the `count` strongest keypoints, one per position, in an order without ties."""
    order = np.lexsort((position[:, 0], position[:, 1], -response))
    # A second orientation is the same point again: it would vote twice for one correspondence.
    _, first = np.unique(position[order], axis=0, return_index=True)
    return np.asarray(order[np.sort(first)][:count], np.int64)


def _root(descriptors: Floats) -> Floats:
    total = np.maximum(descriptors.sum(1, keepdims=True), 1e-6)
    root = np.sqrt(descriptors / total)
    return np.asarray(root / np.maximum(np.linalg.norm(root, axis=1, keepdims=True), 1e-6),
                      np.float32)
