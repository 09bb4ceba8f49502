"""Where a tile's points are: a tree of the sparse voxel grid's voxels and their halves.

Arrays "p" (counts and plain bits of maps/point_tree.py, one after the other) and "e" (eyes [K x 3]
in sixteenths of a voxel from the first one); meta "side", "first" and "tree". Points come back by
voxel, and neighbours beside each other, so that what is stored for each of them compresses well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import point_tree
from nmap_reloc.maps.point_tree import DEPTH, WIDEST, Grain, Grid
from nmap_reloc.maps.tile import Arrays, Json
from nmap_reloc.types import Doubles, Ints

MOST_POINTS = 1 << 22
EYE = DEPTH - 4  # an eye's place is whole 2**EYE units


@dataclass(frozen=True)
class Sight:
    """How exact places must be: a step of `angle` radians seen from the nearest of the eyes
    [K x 3], map units, but no finer than seen from `nearest` map units."""

    eyes: Doubles
    angle: float
    nearest: float

    @classmethod
    def even(cls, step: float) -> Sight:
        """The same step, map units, everywhere."""
        return cls(np.zeros((0, 3)), 1.0, step)


@dataclass(frozen=True)
class Places:
    """positions [N x 3] map units, ascending by voxels [N], indices of the cells [V x 3]: a voxel
    spans cells * side to (cells + 1) * side."""

    positions: Doubles
    voxels: Ints
    cells: Ints
    side: float


def put_places(arrays: Arrays, meta: dict[str, Json], positions: Doubles, side: float,
               sight: Sight) -> npt.NDArray[np.intp]:
    """Stores positions [N x 3], N > 0, by voxels of this side. Returns the order in which they
    come back: the first is positions[order[0]].

    A place moves by no more than half of what `sight` allows, and never into another voxel.
    NmapError: points too far apart for one tile.
    """
    scaled = positions / side
    whole = np.floor(scaled).astype(np.int64)
    first = whole.min(0)
    if (whole - first).max() >= 1 << WIDEST:
        raise NmapError(f"points {np.ptp(positions, axis=0).max():.3g} map units apart in voxels "
                        f"of {side:g}: too far for one tile; build with larger voxels")
    points = (whole - first << DEPTH) + np.floor((scaled - whole) * 2 ** DEPTH).astype(np.int64)
    levels = point_tree.levels_for(points)
    eyes = np.rint((sight.eyes / side - first) * 16)
    eyes = np.clip(eyes, -2 ** 15, 2 ** 15 - 1).astype(np.int16)
    least = int(np.clip(np.floor(np.log2(sight.angle * sight.nearest / side) + DEPTH), 0, DEPTH))
    grain = Grain(eyes.astype(np.int64) << EYE, least, int(np.ceil(sight.angle ** -2)))
    words, plain, back = point_tree.encode(points, levels, grain)
    arrays["p"] = np.concatenate([words.astype("<u2").view(np.uint8), plain])
    arrays["e"] = eyes
    meta |= {"side": side, "first": [int(x) for x in first],
             "tree": [len(points), levels, least, grain.far, len(plain)]}
    return _order(back)


def get_places(arrays: Mapping[str, npt.NDArray[Any]], meta: Mapping[str, Json]) -> Places:
    """What put_places stored. ValueError, KeyError, TypeError or NmapError: malformed."""
    side = float(meta["side"])
    first = np.array(meta["first"], np.int64)
    count, levels, least, far, plain = (_whole(number) for number in meta["tree"])
    packed, eyes = arrays["p"], arrays["e"]
    if not (0 < side < float("inf")) or first.shape != (3,) or np.abs(first).max() >= 2 ** 31 \
            or not 0 < count <= MOST_POINTS or not DEPTH <= levels <= DEPTH + WIDEST \
            or least > DEPTH or not 0 < far < 2 ** 32:
        raise ValueError(f"{count} points in {levels} levels of voxels of {side:g}")
    if packed.dtype != np.uint8 or packed.ndim != 1 or plain > len(packed) \
            or (len(packed) - plain) % 2 or eyes.dtype != np.int16 or eyes.ndim != 2 \
            or eyes.shape[1] != 3:
        raise ValueError(f"{packed.shape} {packed.dtype} of a tree, {eyes.shape} eyes")
    words = np.ascontiguousarray(packed[:len(packed) - plain]).view("<u2").astype(np.uint16)
    points = point_tree.decode(words, packed[len(packed) - plain:], count, levels,
                               Grain(eyes.astype(np.int64) << EYE, least, far))
    points = points[_order(points)]
    cells, voxels = np.unique((points >> DEPTH) + first, axis=0, return_inverse=True)
    if np.abs(cells).max() >= 2 ** 31:
        raise ValueError(f"voxels as far as {np.abs(cells).max()} from the map's origin")
    return Places((first + points / 2 ** DEPTH) * side, voxels.reshape(-1).astype(np.int32),
                  cells.astype(np.int32), side)


def _order(points: Grid) -> npt.NDArray[np.intp]:
    """By voxel; within one along a curve on which neighbours are close (Morton 1966)."""
    within = points & (1 << DEPTH) - 1
    curve = np.zeros(len(points), np.int64)
    for bit in range(DEPTH):
        for axis in range(3):
            curve |= (within[:, axis] >> bit & 1) << 3 * bit + 2 - axis
    cells = points >> DEPTH
    return np.asarray(np.lexsort((curve, cells[:, 2], cells[:, 1], cells[:, 0])), np.intp)


def _whole(number: Json) -> int:
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} where a whole number belongs")
    return number
