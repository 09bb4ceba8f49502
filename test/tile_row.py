"""A map of small tiles in a row along x, 10 apart, for tests of what chooses among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nmap_reloc.maps.manifest import Manifest, tile_entry
from nmap_reloc.maps.store import Site, save_site
from nmap_reloc.maps.tile import Tile, encode_tile

SIDE = 10.0


def save_row(path: Path, tiles: int = 8, version: int = 1, seed: int = 0) -> Site:
    """Tiles "t0", "t1", …: tk spans k * SIDE..(k + 1) * SIDE in x."""
    random = np.random.default_rng(seed)
    encoded, entries = [], []
    for k in range(tiles):
        tile = Tile(f"t{k}", "landmarks", {}, {"codes": random.integers(0, 256, 500, np.uint8)})
        corners = np.array([[k * SIDE, 0, 0], [(k + 1) * SIDE, SIDE, 3]])
        encoded.append(encode_tile(tile))
        entries.append(tile_entry(tile, encoded[-1], corners))
    manifest = Manifest("row", version, "map", "metre", "landmarks", "sift", "", "", {},
                        tuple(entries))
    return save_site(path, manifest, encoded)
