"""How a neumap tile lies on disk: codes sorted by voxel, bit-packed.

arrays: "z" codes [M x C] in `bits` bits; "p" positions, `position_bits` per axis within the voxel;
"v" cells of the occupied voxels [V x 3], as steps from the tile's first cell; "n" codes per voxel
[V]; "f" scaling factors [M x T], only in a map that was adapted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import quantize
from nmap_reloc.maps.tile import Arrays, Json, Tile
from nmap_reloc.types import Doubles, Floats, Ints

REPRESENTATION = "neumap"
BITS = 2  # of each number of a code: more codes serve better than finer ones
POSITION_BITS = 10  # per axis, where the caller does not choose
# Where a normal distribution is cut, in deviations, for the least error of evenly spaced levels
# (Max 1960, table II).
CUT = {1: 0.798, 2: 1.494, 3: 2.051, 4: 2.513, 5: 2.916, 6: 3.263, 7: 3.57, 8: 3.85}
MOST_CODES = 1 << 22


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


def to_tile(coded: CodedVoxels, tile_id: str, bits: int,
            position_bits: int = POSITION_BITS) -> Tile:
    if not len(coded.codes):
        raise NmapError(f"tile {tile_id}: no codes to store; give a larger --budget")
    arrays: Arrays = {}
    meta: dict[str, Json] = {}
    cut = CUT[bits] * float(coded.codes.std()) or 1.0
    quantize.put(arrays, meta, "z", np.clip(coded.codes, -cut, cut), bits)
    put_places(arrays, meta, coded, position_bits)
    if coded.factors is not None:
        quantize.put(arrays, meta, "f", coded.factors, 4)
    return Tile(tile_id, REPRESENTATION, meta, arrays)


def put_places(arrays: Arrays, meta: dict[str, Json], coded: CodedVoxels, position_bits: int
               ) -> None:
    """Everything but the codes themselves: "p", "v", "n"."""
    first = coded.cells.min(0)
    steps = coded.cells - first
    meta |= {"side": coded.side, "first": [int(c) for c in first], "bits": position_bits}
    arrays["p"] = quantize.quantize_positions(
        coded.positions, coded.cells[coded.voxels] * coded.side, coded.side, position_bits)
    arrays["v"] = steps.astype(np.min_scalar_type(steps.max()))
    counts = np.bincount(coded.voxels, minlength=len(coded.cells))
    arrays["n"] = counts.astype(np.min_scalar_type(counts.max()))


def get_places(tile: Tile) -> tuple[Doubles, Ints, Ints, float]:
    """What put_places stored: positions [M x 3], voxels [M], cells [V x 3] and their side.

    ValueError, KeyError, TypeError or NmapError: malformed.
    """
    side, bits = float(tile.meta["side"]), int(tile.meta["bits"])
    first = np.array(tile.meta["first"], np.int32)
    counts, steps = _whole(tile.arrays["n"]), _whole(tile.arrays["v"])
    total = int(counts.sum())
    if counts.ndim != 1 or not 0 < total <= MOST_CODES or steps.shape != (len(counts), 3) \
            or not 0 < side < math.inf or first.shape != (3,):
        raise ValueError(f"{total} codes in {steps.shape} voxels of side {side}")
    cells = (steps + first).astype(np.int32)
    if (cells != steps + first).any():
        raise ValueError(f"a voxel {steps.max()} steps from {first.tolist()}")
    voxels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    positions = quantize.dequantize_positions(tile.arrays["p"], total, cells[voxels] * side,
                                              side, bits)
    return positions, voxels, cells, side


def from_tile(tile: Tile) -> CodedVoxels:
    """NmapError when the tile does not hold what it should."""
    try:
        positions, voxels, cells, side = get_places(tile)
        total = len(positions)
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
    return CodedVoxels(codes, positions, voxels, cells, side, factors)


def _whole(array: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Small counting numbers. ValueError: others."""
    if array.dtype.kind != "u" or array.max(initial=0) > MOST_CODES:
        raise ValueError(f"{array.dtype} up to {array.max(initial=0)} where whole numbers to "
                         f"{MOST_CODES} belong")
    return np.asarray(array, np.int64)
