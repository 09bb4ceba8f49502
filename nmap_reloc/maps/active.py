"""The tiles in memory: built beside the old set, then put in its place by one assignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.retrieval import PREFIX, RetrievalIndex
from nmap_reloc.maps.tile import Tile


@dataclass(frozen=True)
class ActiveMap:
    """loaded: the decoder's own form of the tiles, their voxels in order; index: how to choose
    among the voxels when lost, None where the map has none; tiles: ids."""

    loaded: Any
    index: RetrievalIndex | None
    tiles: tuple[str, ...]

    @staticmethod
    def load(tiles: Sequence[Tile], decoder: Any) -> ActiveMap:
        """NmapError: no tile, or a tile that the decoder can't read."""
        if not tiles:
            raise NmapError("active tiles: none; load at least one tile of the map")
        indexed = [any(name.startswith(PREFIX) for name in tile.arrays) for tile in tiles]
        index = None
        if all(indexed):
            index = RetrievalIndex.concatenate(
                [RetrievalIndex.from_arrays(tile.arrays) for tile in tiles])
        loaded = decoder.load(tiles)
        if index is not None and index.voxel_count != len(loaded):
            raise NmapError(f"tiles {', '.join(tile.id for tile in tiles)}: retrieval knows "
                            f"{index.voxel_count} voxels, the tiles hold {len(loaded)}; rebuild "
                            "the map with `nmap-reloc map build`")
        return ActiveMap(loaded, index, tuple(tile.id for tile in tiles))
