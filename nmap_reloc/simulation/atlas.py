"""All textures of a world in one flat array, with a prefiltered pyramid for each."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.types import Floats, Image, Ints

_LEVELS = 12


class Atlas:
    """Add pictures, then sample them. A texture is known by the number that ``add`` gave it."""

    def __init__(self) -> None:
        self._chunks: list[npt.NDArray[np.uint32]] = []
        self._offset: list[list[int]] = []
        self._shape: list[list[tuple[int, int]]] = []
        self._used = 0
        self._packed: npt.NDArray[np.uint32] | None = None
        self._shapes: Floats = np.empty((0, 2), np.float32)
        self._lookup = np.empty((0, 3), np.int32)  # offset, height, width of each level

    def add(self, picture: Image) -> int:
        """Store an RGB picture [H x W x 3] with its pyramid; returns its number."""
        offsets, shapes = [], []
        level = np.asarray(picture, np.uint8)
        for _ in range(_LEVELS):
            height, width = level.shape[:2]
            padded = np.ascontiguousarray(cv2.cvtColor(level, cv2.COLOR_RGB2RGBA), np.uint8)
            self._chunks.append(padded.view(np.uint32).reshape(-1))
            offsets.append(self._used)
            shapes.append((height, width))
            self._used += height * width
            if max(height, width) == 1:
                break
            half = (max(1, width // 2), max(1, height // 2))
            level = np.asarray(cv2.resize(level, half, interpolation=cv2.INTER_AREA))
        missing = _LEVELS - len(offsets)
        self._offset.append(offsets + offsets[-1:] * missing)
        self._shape.append(shapes + shapes[-1:] * missing)
        self._packed = None
        return len(self._offset) - 1

    def shapes(self) -> Floats:
        """[textures x 2] height and width of all textures in pixels."""
        self._pack()
        return self._shapes

    def _pack(self) -> npt.NDArray[np.uint32]:
        if self._packed is None:
            self._packed = np.concatenate(self._chunks)
            self._chunks = [self._packed]
            shapes = np.array(self._shape, np.int32)
            self._shapes = shapes[:, 0].astype(np.float32)
            self._lookup = np.concatenate(
                [np.array(self._offset, np.int32)[..., None], shapes], 2).reshape(-1, 3)
        return self._packed

    def sample(self, texture: Ints, u: Floats, v: Floats, level: Floats) -> Floats:
        """Trilinear lookup: texture, u, v (0..1 over it), level [N] -> sRGB [N x 3] 0..255."""
        packed = self._pack()
        level = np.clip(level, 0, _LEVELS - 1.001)
        low = level.astype(np.int32)
        part = (level - low)[:, None]
        fine = self._bilinear(packed, texture, low, u, v)
        blend = np.flatnonzero(part[:, 0] > 0.01)
        coarse = self._bilinear(packed, texture[blend], low[blend] + 1, u[blend], v[blend])
        fine[blend] += (coarse - fine[blend]) * part[blend]
        return fine

    def _bilinear(self, packed: npt.NDArray[np.uint32], texture: Ints, level: Ints, u: Floats,
                  v: Floats) -> Floats:
        start, height, width = self._lookup[texture * _LEVELS + level].T
        x = np.clip(u * width - np.float32(0.5), 0, width - np.float32(1))
        y = np.clip(v * height - np.float32(0.5), 0, height - np.float32(1))
        x0, y0 = x.astype(np.int32), y.astype(np.int32)
        fx, fy = (x - x0)[:, None].astype(np.float32), (y - y0)[:, None].astype(np.float32)
        right = (x0 < width - 1).astype(np.int32)
        at = start + y0 * width + x0
        below = at + (y0 < height - 1) * width
        top = _lerp(packed[at], packed[at + right], fx)
        bottom = _lerp(packed[below], packed[below + right], fx)
        return np.asarray(top + (bottom - top) * fy, np.float32)


def _lerp(a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32], part: Floats) -> Floats:
    first = a.view(np.uint8).reshape(-1, 4)[:, :3].astype(np.float32)
    second = b.view(np.uint8).reshape(-1, 4)[:, :3].astype(np.float32)
    return np.asarray(first + (second - first) * part, np.float32)
