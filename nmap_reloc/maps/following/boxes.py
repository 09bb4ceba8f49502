"""The tiles' bounds as arrays, so that a thousand of them are compared at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nmap_reloc.maps.manifest import TileEntry

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Boxes:
    """low, high [N x 3] map units, bytes [N] of the files, ids [N], in the manifest's order."""

    low: Doubles
    high: Doubles
    bytes: Doubles
    ids: tuple[str, ...]

    @staticmethod
    def of(tiles: Sequence[TileEntry]) -> Boxes:
        return Boxes(np.array([tile.low for tile in tiles], np.float64).reshape(-1, 3),
                     np.array([tile.high for tile in tiles], np.float64).reshape(-1, 3),
                     np.array([tile.bytes for tile in tiles], np.float64),
                     tuple(tile.id for tile in tiles))

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def rows(self) -> dict[str, int]:
        return {tile: row for row, tile in enumerate(self.ids)}

    def distances(self, points: Doubles, planar: bool = False) -> Doubles:
        """points [P x 3] -> [P x N]: from each point to each box, 0 inside."""
        points = points.reshape(-1, 1, 3)
        away = np.maximum(np.maximum(self.low - points, points - self.high), 0.0)
        return np.asarray(np.linalg.norm(away[..., :2] if planar else away, axis=-1))
