"""A small site that several tests save, damage and open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from nmap_reloc.maps.manifest import Manifest, tile_entry, verification_entry
from nmap_reloc.maps.tile import Tile, encode_tile


@dataclass(frozen=True)
class SiteParts:
    """What save_site takes."""

    manifest: Manifest
    tiles: list[bytes]
    verification: bytes


def parts(seed: int = 0, tiles: int = 2, landmarks: int = 300, version: int = 1) -> SiteParts:
    """A map of random landmarks, different for every seed."""
    random = np.random.default_rng(seed)
    encoded, entries = [], []
    for index in range(tiles):
        points = random.uniform(-5, 5, (landmarks, 3)).astype(np.float32)
        codes = random.integers(0, 256, (landmarks, 16)).astype(np.uint8)
        index_n = np.array([9, 0, 0, 2], np.uint32)
        tile = Tile(str(index), "neumap", {"voxel": 1.5},
                    {"codes": codes, "points": points, "retrieval/n": index_n})
        encoded.append(encode_tile(tile))
        entries.append(tile_entry(tile, encoded[-1], points, recall=0.97))
    verification = encode_tile(Tile("verification", "other", {"seed": seed}))
    manifest = Manifest(
        "kitchen", version, "map", "metre", "neumap", "learned", "a" * 64, "b" * 64,
        {"views": 150, "landmarks": landmarks, "recall": 0.97, "median_error": [0.0042, 0.11]},
        tuple(entries), verification_entry(verification))
    return SiteParts(manifest, encoded, verification)


@pytest.fixture
def make_parts() -> Callable[..., SiteParts]:
    return parts


@pytest.fixture
def small() -> SiteParts:
    made = parts(tiles=1)
    neighbourless = tuple(replace(tile, neighbours=()) for tile in made.manifest.tiles)
    return replace(made, manifest=replace(made.manifest, tiles=neighbourless))
