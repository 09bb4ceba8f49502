"""How a hybrid tile lies on disk: a neumap tile and, beside it, landmarks with descriptors.

Both lie as representations/neumap/layout.py says, over the same voxels: arrays "c/…" and meta "c"
are the codes', "l/…" and "l" the landmarks', whose descriptors take the place of codes. A tile may
lack one of them.
"""

from __future__ import annotations

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.tile import Arrays, Json, Tile
from nmap_reloc.representations.neumap import layout as neumap
from nmap_reloc.representations.neumap.layout import CodedVoxels

REPRESENTATION = "hybrid"
CODES, LANDMARKS = "c", "l"


def to_tile(tile_id: str, codes: CodedVoxels, landmarks: CodedVoxels, bits: int,
            position_bits: int) -> Tile:
    """codes, landmarks: over the same voxels, either may be empty; bits: of each number of a
    landmark's descriptor."""
    arrays: Arrays = {}
    meta: dict[str, Json] = {"side": codes.side}
    for key, coded, width in ((CODES, codes, neumap.BITS), (LANDMARKS, landmarks, bits)):
        if len(coded.codes):
            part = neumap.to_tile(coded, tile_id, width, position_bits)
            arrays |= {f"{key}/{name}": array for name, array in part.arrays.items()}
            meta[key] = part.meta
    if not arrays:
        raise NmapError(f"tile {tile_id}: nothing to store; give a larger --budget")
    return Tile(tile_id, REPRESENTATION, meta, arrays)


def part_of(tile: Tile, key: str) -> Tile | None:
    """The neumap tile of one part, None where the tile lacks it. NmapError: not a hybrid tile."""
    meta = tile.meta.get(key)
    if tile.representation != REPRESENTATION or not (meta is None or isinstance(meta, dict)):
        raise NmapError(f"tile {tile.id}: not a hybrid tile; rebuild the map with `nmap-reloc map "
                        "build`")
    if meta is None:
        return None
    prefix = f"{key}/"
    return Tile(tile.id, neumap.REPRESENTATION, meta, {
        name.removeprefix(prefix): array for name, array in tile.arrays.items()
        if name.startswith(prefix)})
