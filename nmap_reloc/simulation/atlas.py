"""All textures of a world in one picture, with a prefiltered pyramid for each."""

from __future__ import annotations

import cv2
import numpy as np

from nmap_reloc.simulation.packing import look_up, shelves
from nmap_reloc.types import Floats, Image, Ints

_LEVELS = 12


class Atlas:
    """Add pictures, then sample them. A texture is known by the number that ``add`` gave it."""

    def __init__(self) -> None:
        self._levels: list[list[Image]] = []
        self._sheet: Image | None = None
        self._shapes: Floats = np.empty((0, 2), np.float32)
        self._lookup: Floats = np.empty((0, 4), np.float32)  # [R x 4] x, y, last column, last row

    def __getstate__(self) -> dict[str, object]:
        """For another process, which only samples: without the pictures one by one."""
        self._pack()
        return {**self.__dict__, "_levels": []}

    def add(self, picture: Image) -> int:
        """Store an RGB picture [H x W x 3] with its pyramid; returns its number."""
        level = np.ascontiguousarray(picture, np.uint8)
        levels = [level]
        while max(level.shape[:2]) > 1 and len(levels) < _LEVELS:
            half = (max(1, level.shape[1] // 2), max(1, level.shape[0] // 2))
            level = np.asarray(cv2.resize(level, half, interpolation=cv2.INTER_AREA), np.uint8)
            levels.append(level)
        self._levels.append(levels)
        self._sheet = None
        return len(self._levels) - 1

    def shapes(self) -> Floats:
        """[textures x 2] height and width of all textures in pixels."""
        self._pack()
        return self._shapes

    def _pack(self) -> Image:
        if self._sheet is None:
            pieces = [level for levels in self._levels for level in levels]
            sizes = np.array([piece.shape[:2] for piece in pieces])
            places, whole = shelves(sizes)
            self._sheet = np.zeros((*whole, 3), np.uint8)
            for piece, (x, y) in zip(pieces, places.tolist()):
                self._sheet[y:y + len(piece), x:x + piece.shape[1]] = piece
            counts = np.array([len(levels) for levels in self._levels])
            first = np.concatenate([[0], np.cumsum(counts)[:-1]])
            # Where a pyramid ends early, its last level stands for those that are missing.
            row = first[:, None] + np.minimum(np.arange(_LEVELS), counts[:, None] - 1)
            table = np.column_stack([places, sizes[:, 1] - 1, sizes[:, 0] - 1])
            self._lookup = np.ascontiguousarray(table[row.reshape(-1)], np.float32)
            self._shapes = sizes[first].astype(np.float32)
        return self._sheet

    def sample(self, texture: Ints, u: Floats, v: Floats, level: Floats) -> Floats:
        """Trilinear lookup: texture, u, v (0..1 over it), level [N] -> sRGB [N x 3] 0..255."""
        sheet = self._pack()
        level = np.clip(level, 0, np.float32(_LEVELS - 1.001))
        low = level.astype(np.int32)
        part = (level - low).astype(np.float32)
        row = texture * np.int32(_LEVELS) + low
        colour = self._bilinear(sheet, row, u, v)
        blend = np.flatnonzero(part > 0.01)  # near by, the finest level is all there is
        if len(blend) > 0.8 * len(part):
            colour += (self._bilinear(sheet, row + 1, u, v) - colour) * part[:, None]
        else:
            fine = colour[blend]
            coarse = self._bilinear(sheet, row[blend] + 1, u[blend], v[blend])
            colour[blend] = fine + (coarse - fine) * part[blend, None]
        return colour

    def _bilinear(self, sheet: Image, row: Ints, u: Floats, v: Floats) -> Floats:
        left, top, right, bottom = np.take(self._lookup, row, 0).T
        half, zero = np.float32(0.5), np.float32(0)
        x = left + np.clip(u * (right + 1) - half, zero, right)
        y = top + np.clip(v * (bottom + 1) - half, zero, bottom)
        return np.asarray(look_up(sheet, x, y), np.float32)
