"""How a hybrid tile lies on disk: codes and, among them, landmarks with descriptors.

Arrays "p" and "e" say where both are (maps/places.py), "l" which of them are landmarks; "c" are
the codes and "d" the landmarks' descriptors, both as neumap's codes. A tile may lack one kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import levels, quantize
from nmap_reloc.maps.places import Places, Sight, get_places, put_places
from nmap_reloc.maps.tile import Arrays, Json, Tile, once
from nmap_reloc.representations.neumap.layout import CodedVoxels, put_codes
from nmap_reloc.types import Floats

REPRESENTATION = "hybrid"
CODES, LANDMARKS, WHICH = "c", "d", "l"


@dataclass(frozen=True)
class Parts:
    """codes and landmarks, whose descriptors take the place of codes, over the same voxels; None
    where a tile has none of a kind."""

    codes: CodedVoxels | None
    landmarks: CodedVoxels | None

    def present(self) -> CodedVoxels:
        part = self.codes if self.codes is not None else self.landmarks
        assert part is not None
        return part


def to_tile(tile_id: str, codes: CodedVoxels, landmarks: CodedVoxels, bits: tuple[int, int],
            sight: Sight) -> Tile:
    """codes, landmarks: over the same voxels, either may be empty; bits: of each number of a
    code, and of a landmark's descriptor. NmapError: nothing to store."""
    kinds = (codes, CODES, bits[0]), (landmarks, LANDMARKS, bits[1])
    if not any(len(coded.codes) for coded, _, _ in kinds):
        raise NmapError(f"tile {tile_id}: nothing to store; give a larger --budget")
    arrays: Arrays = {}
    meta: dict[str, Json] = {}
    order = put_places(arrays, meta, np.concatenate([codes.positions, landmarks.positions]),
                       codes.side, sight)
    explicit = order >= len(codes.codes)
    for (coded, name, width), rows in zip(
            kinds, (order[~explicit], order[explicit] - len(codes.codes)), strict=True):
        if len(coded.codes):
            put_codes(arrays, meta, name, coded.codes[rows], width)
    if explicit.any() and not explicit.all():
        meta[WHICH] = levels.write(arrays, WHICH, explicit[:, None].astype(np.uint8), 1)
    return Tile(tile_id, REPRESENTATION, meta, arrays)


@once
def from_tile(tile: Tile) -> Parts:
    """NmapError: not a hybrid tile."""
    try:
        if tile.representation != REPRESENTATION or not {CODES, LANDMARKS} & set(tile.arrays):
            raise ValueError(f"{tile.representation}, arrays {', '.join(tile.arrays)}")
        places = get_places(tile.arrays, tile.meta)
        count = len(places.positions)
        explicit: npt.NDArray[np.bool_] = np.full(count, CODES not in tile.arrays)
        if CODES in tile.arrays and LANDMARKS in tile.arrays:
            explicit = levels.read(tile.arrays, WHICH, 1, tile.meta[WHICH],
                                   (count, 1))[:, 0].astype(bool)
        return Parts(_part(tile, CODES, places, ~explicit),
                     _part(tile, LANDMARKS, places, explicit))
    except (KeyError, ValueError, TypeError, OverflowError, NmapError) as error:
        raise NmapError(f"tile {tile.id}: not a hybrid tile ({error}); rebuild the map with "
                        "`nmap-reloc map build`") from error


def _part(tile: Tile, name: str, places: Places, rows: npt.NDArray[np.bool_]
          ) -> CodedVoxels | None:
    if name not in tile.arrays:
        return None
    codes: Floats = quantize.get(tile.arrays, tile.meta, name)
    if codes.ndim != 2 or len(codes) != rows.sum() or not np.isfinite(codes).all():
        raise ValueError(f"{codes.shape} finite codes where {rows.sum()} are counted")
    return CodedVoxels(codes, places.positions[rows], places.voxels[rows], places.cells,
                       places.side)
