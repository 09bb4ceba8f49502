"""How a neumap tile lies on disk: codes sorted by voxel, bit-packed.

arrays: "z" codes [M x C] in `bits` bits; "p" positions, `position_bits` per axis within the voxel;
"v" cells of the occupied voxels [V x 3], as steps from the tile's first cell; "n" codes per voxel
[V]; "f" scaling factors [M x T], only in a map that was adapted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import quantize
from nmap_reloc.maps.tile import Tile
from nmap_reloc.types import Doubles, Floats, Ints

REPRESENTATION = "neumap"
POSITION_BITS = 10
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


def to_tile(coded: CodedVoxels, tile_id: str, bits: int) -> Tile:
    first = coded.cells.min(0)
    steps = coded.cells - first
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    meta: dict[str, object] = {"side": coded.side, "first": [int(c) for c in first],
                               "bits": POSITION_BITS}
    quantize.put(arrays, meta, "z", coded.codes, bits)
    arrays["p"] = quantize.quantize_positions(
        coded.positions, coded.cells[coded.voxels] * coded.side, coded.side, POSITION_BITS)
    small = np.uint8 if steps.max(initial=0) < 256 else np.uint16
    arrays["v"] = steps.astype(small)
    counts = np.bincount(coded.voxels, minlength=len(coded.cells))
    arrays["n"] = counts.astype(np.uint8 if counts.max(initial=0) < 256 else np.uint16)
    if coded.factors is not None:
        quantize.put(arrays, meta, "f", coded.factors, 4)
    return Tile(tile_id, REPRESENTATION, meta, arrays)


def from_tile(tile: Tile) -> CodedVoxels:
    """NmapError when the tile does not hold what it should."""
    try:
        side, bits = float(tile.meta["side"]), int(tile.meta["bits"])
        first = np.array(tile.meta["first"], np.int32)
        counts, steps = tile.arrays["n"].astype(np.int64), tile.arrays["v"].astype(np.int32)
        if counts.sum() > MOST_CODES or steps.shape != (len(counts), 3) or not side > 0 \
                or first.shape != (3,) or not np.isfinite(side):
            raise ValueError(f"{counts.sum()} codes in {len(counts)} voxels of side {side}")
        cells = steps + first
        codes = quantize.get(tile.arrays, tile.meta, "z")
        if len(codes) != counts.sum() or codes.ndim != 2:
            raise ValueError(f"{codes.shape} codes where {counts.sum()} are counted")
        voxels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        positions = quantize.dequantize_positions(tile.arrays["p"], len(codes),
                                                  cells[voxels] * side, side, bits)
        factors = quantize.get(tile.arrays, tile.meta, "f") if "f" in tile.arrays else None
        if factors is not None and len(factors) != len(codes):
            raise ValueError(f"{factors.shape} factors for {len(codes)} codes")
    except (KeyError, ValueError, TypeError) as error:
        raise NmapError(f"tile {tile.id}: not a neumap tile ({error}); rebuild the map with "
                        "`nmap-reloc map build`") from error
    return CodedVoxels(codes, positions, voxels, cells, side, factors)
