"""How a squeezer tile lies on disk: points, the cluster of each, and their codes in a few bits.

arrays: "z" codes [M x C] in meta "bits" bits; "p" and "e" where the points are (maps/places.py);
"k" the cluster of each [M x 1], where there are several. Retrieval arrays ("retrieval/...") only
where a site has many clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import levels
from nmap_reloc.maps.levels import Bytes
from nmap_reloc.maps.places import Sight, get_places, put_places
from nmap_reloc.maps.tile import Arrays, Json, Tile, once
from nmap_reloc.representations.neumap.voxels import choose_side, round_side
from nmap_reloc.types import Doubles, Floats, Ints

REPRESENTATION = "squeezer"
MOST_NUMBERS = 1024  # of a code
MOST_CLUSTERS = 256  # of a tile
LEAST_SCALE = 1e-6  # map units: one point has no extent
BULK = 75  # per cent of a cluster's coordinates lie within its scale


@dataclass(frozen=True)
class StoredClusters:
    """levels [M x C] whole numbers below 2**bits; positions [M x 3] map units; clusters [M] index
    0..K-1, ascending; frames [K x 4]: centre and scale, map units."""

    levels: Bytes
    bits: int
    positions: Doubles
    clusters: Ints
    frames: Doubles

    @property
    def codes(self) -> Floats:
        """[M x C] in 0..1, as the network takes them."""
        return np.asarray(self.levels / np.float32(2 ** self.bits - 1), np.float32)


def frames_of(positions: Doubles, clusters: Ints) -> Doubles:
    """[K x 4] around each cluster's points."""
    frames = []
    for cluster in range(int(clusters.max()) + 1):
        mine = positions[clusters == cluster]
        centre = np.median(mine, 0)
        away = np.abs(mine - centre).max(1)
        frames.append([*centre, max(float(np.percentile(away, BULK)), LEAST_SCALE)])
    return np.array(frames)


def to_tile(stored: StoredClusters, tile_id: str, sight: Sight) -> Tile:
    """NmapError: no points, or more clusters than a tile may have."""
    count = len(stored.frames)
    if not len(stored.levels):
        raise NmapError(f"tile {tile_id}: no points to store; give a larger --budget")
    if count > MOST_CLUSTERS:
        raise NmapError(f"tile {tile_id}: {count} clusters are more than {MOST_CLUSTERS}; build "
                        "with smaller tiles")
    arrays: Arrays = {}
    meta: dict[str, Json] = {"code": stored.levels.shape[1], "clusters": count}
    order = put_places(arrays, meta, stored.positions,
                       round_side(choose_side(stored.positions)), sight)
    meta["bits"] = [stored.bits, levels.write(arrays, "z", stored.levels[order], stored.bits)]
    if count > 1:
        labels = stored.clusters[order, None].astype(np.uint8)
        meta["way"] = levels.write(arrays, "k", labels, _label_bits(count))
    return Tile(tile_id, REPRESENTATION, meta, arrays)


@once
def from_tile(tile: Tile) -> StoredClusters:
    """NmapError when the tile does not hold what it should."""
    try:
        places = get_places(tile.arrays, tile.meta)
        total = len(places.positions)
        bits, way = tile.meta["bits"]
        width, count = int(tile.meta["code"]), int(tile.meta["clusters"])
        if bits not in (2, 4, 8) or not 0 < width <= MOST_NUMBERS \
                or not 0 < count <= MOST_CLUSTERS:
            raise ValueError(f"{width} numbers of {bits} bits in {count} clusters")
        labels: Ints = np.zeros(total, np.int32)
        if count > 1:
            labels = levels.read(tile.arrays, "k", _label_bits(count), tile.meta["way"],
                                 (total, 1))[:, 0].astype(np.int32)
        if not np.array_equal(np.unique(labels), np.arange(count)):
            raise ValueError(f"points of some of {count} clusters only")
        order = np.argsort(labels, kind="stable")
        codes = levels.read(tile.arrays, "z", bits, way, (total, width))[order]
    except (KeyError, ValueError, TypeError, OverflowError, NmapError) as error:
        raise NmapError(f"tile {tile.id}: not a squeezer tile ({error}); rebuild the map with "
                        "`nmap-reloc map build`") from error
    positions, clusters = places.positions[order], labels[order]
    return StoredClusters(codes, bits, positions, clusters, frames_of(positions, clusters))


def _label_bits(count: int) -> int:
    return max(1, (count - 1).bit_length())
