"""How a squeezer tile lies on disk: points sorted by cluster, descriptors bit-packed.

arrays: "z" codes [M x C] in meta "bits" bits, packed; "p" positions, "position_bits" per axis,
warped about the cluster's centre; "b" frames [K x 5] float32: centre, about meta "origin", scale
and reach; "n" points per cluster [K]. Retrieval arrays ("retrieval/...") only where a site has
many clusters.

A warped coordinate is asinh((x - centre) / scale), from -reach to reach: fine where most points
are, coarser the farther out, so that one stray does not cost all others their precision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.quantize import (
    Bytes,
    dequantize_positions,
    pack_bits,
    quantize_positions,
    unpack_bits,
)
from nmap_reloc.maps.tile import Tile
from nmap_reloc.types import Doubles, Floats, Ints

REPRESENTATION = "squeezer"
MOST_POINTS = 1 << 22
MOST_NUMBERS = 1024  # of a code
MOST_REACH = 50.0  # sinh of it, 1e21 scales, is still a number
LEAST_SCALE = 1e-6  # map units: one point has no extent
BULK = 75  # per cent of a cluster's coordinates lie within its scale


@dataclass(frozen=True)
class StoredClusters:
    """levels [M x C] whole numbers below 2**bits; positions [M x 3] map units; clusters [M] index
    0..K-1, ascending; frames [K x 5]: centre and scale, map units, and reach."""

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
    """[K x 5] around each cluster's points."""
    frames = []
    for cluster in range(int(clusters.max()) + 1):
        mine = positions[clusters == cluster]
        centre = np.median(mine, 0)
        away = np.abs(mine - centre)
        scale = max(float(np.percentile(away.max(1), BULK)), LEAST_SCALE)
        frames.append([*centre, scale, float(np.arcsinh(away.max() / scale)) + 1e-3])
    return np.array(frames)


def to_tile(stored: StoredClusters, tile_id: str, position_bits: int) -> Tile:
    if not len(stored.levels):
        raise NmapError(f"tile {tile_id}: no points to store; give a larger --budget")
    origin = stored.frames[:, :3].mean(0).round(2)
    frames = (stored.frames - [*origin, 0, 0]).astype(np.float32)
    counts = np.bincount(stored.clusters, minlength=len(frames))
    rows = frames[stored.clusters].astype(np.float64)
    warped = np.arcsinh((stored.positions - origin - rows[:, :3]) / rows[:, 3:4])
    return Tile(tile_id, REPRESENTATION, {
        "bits": stored.bits, "position_bits": position_bits, "code": stored.levels.shape[1],
        "origin": [float(x) for x in origin]}, {
        "z": pack_bits(stored.levels, stored.bits),
        "p": quantize_positions(warped, -rows[:, 4:], 2 * rows[:, 4:], position_bits),
        "b": frames, "n": counts.astype(np.min_scalar_type(counts.max()))})


def from_tile(tile: Tile) -> StoredClusters:
    """NmapError when the tile does not hold what it should."""
    try:
        bits, position_bits = int(tile.meta["bits"]), int(tile.meta["position_bits"])
        width, counts, frames = int(tile.meta["code"]), tile.arrays["n"], tile.arrays["b"]
        origin = np.array(tile.meta["origin"], np.float64)
        if counts.dtype.kind != "u" or counts.ndim != 1 or counts.max(initial=0) > MOST_POINTS:
            raise ValueError(f"{counts.dtype} counts {counts.shape}")
        total = int(counts.astype(np.int64).sum())
        if not 0 < total <= MOST_POINTS or not 0 < width <= MOST_NUMBERS \
                or bits not in (2, 4, 8) or not 2 <= position_bits <= 16:
            raise ValueError(f"{total} points of {width} numbers in {bits} bits")
        if frames.shape != (len(counts), 5) or frames.dtype != np.float32 \
                or not np.isfinite(frames).all() or not (frames[:, 3:] > 0).all() \
                or frames[:, 4].max() > MOST_REACH or origin.shape != (3,) \
                or not np.isfinite(origin).all():
            raise ValueError(f"{frames.shape} frames of {len(counts)} clusters")
        clusters = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        levels = unpack_bits(tile.arrays["z"], bits, total * width).reshape(total, width)
        rows = frames[clusters].astype(np.float64)
        warped = dequantize_positions(tile.arrays["p"], total, -rows[:, 4:], 2 * rows[:, 4:],
                                      position_bits)
        positions = np.sinh(warped) * rows[:, 3:4] + rows[:, :3] + origin
    except (KeyError, ValueError, TypeError, OverflowError, NmapError) as error:
        raise NmapError(f"tile {tile.id}: not a squeezer tile ({error}); rebuild the map with "
                        "`nmap-reloc map build`") from error
    placed = frames.astype(np.float64) + [*origin, 0, 0]
    return StoredClusters(levels.astype(np.uint8), bits, positions, clusters, placed)
