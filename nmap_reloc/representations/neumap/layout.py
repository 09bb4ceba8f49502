"""How a neumap tile lies on disk: where its codes are, and the codes in a few bits.

arrays: "z" codes [M x C] in `bits` bits; "p" and "e" where they are (maps/places.py); "f" scaling
factors [M x T], only in a map that was adapted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import quantize
from nmap_reloc.maps.places import Sight, get_places, put_places
from nmap_reloc.maps.tile import Arrays, Json, Tile, once
from nmap_reloc.types import Doubles, Floats, Ints

REPRESENTATION = "neumap"
BITS = 2  # of each number of a code: more codes serve better than finer ones
FINER_BITS = 3  # where all landmarks fit anyway: the decoder gains no more by 4
FINE = 1e-3  # of a voxel: how exact places are where the caller does not choose
# Where a normal distribution is cut, in deviations, for the least error of evenly spaced levels
# (Max 1960, table II).
CUT = {1: 0.798, 2: 1.494, 3: 2.051, 4: 2.513, 5: 2.916, 6: 3.263, 7: 3.57, 8: 3.85}


@dataclass(frozen=True)
class CodedVoxels:
    """codes [M x C]; positions [M x 3] map units; voxels [M] index 0..V-1, ascending; cells
    [V x 3] whole numbers, a voxel spans cells * side to (cells + 1) * side; factors [M x T] or
    None where all are 1."""

    codes: Floats
    positions: Doubles
    voxels: Ints
    cells: Ints
    side: float
    factors: Floats | None = None


def to_tile(coded: CodedVoxels, tile_id: str, bits: int, sight: Sight | None = None) -> Tile:
    """sight: how exact the positions must be, None: to a thousandth of a voxel.

    NmapError: no code to store, or codes too far apart for one tile.
    """
    if not len(coded.codes):
        raise NmapError(f"tile {tile_id}: no codes to store; give a larger --budget")
    arrays: Arrays = {}
    meta: dict[str, Json] = {}
    order = put_places(arrays, meta, coded.positions, coded.side, sight or Sight.even(
        coded.side * FINE))
    put_codes(arrays, meta, "z", coded.codes[order], bits)
    if coded.factors is not None:
        quantize.put(arrays, meta, "f", coded.factors[order], 4)
    return Tile(tile_id, REPRESENTATION, meta, arrays)


def put_codes(arrays: Arrays, meta: dict[str, Json], name: str, codes: Floats, bits: int) -> None:
    """codes [M x C] in `bits` bits a number, cut where a normal distribution is best cut."""
    cut = CUT[bits] * float(codes.std()) or 1.0
    quantize.put(arrays, meta, name, np.clip(codes, -cut, cut), bits)


@once
def from_tile(tile: Tile) -> CodedVoxels:
    """NmapError when the tile does not hold what it should."""
    try:
        places = get_places(tile.arrays, tile.meta)
        total = len(places.positions)
        codes = quantize.get(tile.arrays, tile.meta, "z")
        if codes.ndim != 2 or len(codes) != total or not np.isfinite(codes).all():
            raise ValueError(f"{codes.shape} finite codes where {total} are counted")
        factors = quantize.get(tile.arrays, tile.meta, "f") if "f" in tile.arrays else None
        if factors is not None and (factors.ndim != 2 or len(factors) != total
                                    or not np.isfinite(factors).all()):
            raise ValueError(f"{factors.shape} finite factors for {total} codes")
    except (KeyError, ValueError, TypeError, OverflowError, NmapError) as error:
        raise NmapError(f"tile {tile.id}: not a neumap tile ({error}); rebuild the map with "
                        "`nmap-reloc map build`") from error
    return CodedVoxels(codes, places.positions, places.voxels, places.cells, places.side, factors)
