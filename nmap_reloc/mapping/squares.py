"""Which tile of a finished map a point belongs to, read off the tiles' names and boxes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.manifest import TileEntry
from nmap_reloc.types import Doubles

SLACK = 0.02  # of a square's side, by which boxes that were rounded may overlap
NAMED = re.compile(r"(n?\d+)_(n?\d+)")


@dataclass(frozen=True)
class Squares:
    """Tiles I_J are squares of `side` map units along the two `axes`, counted from `corner` [2].

    side None: one tile for all, or tiles that reach beyond their squares, as those of clusters and
    views do: then a point goes with the nearest box, and there are no new tiles. fewest: landmarks
    in a square of its own that become a new tile.
    """

    names: tuple[str, ...]
    boxes: Doubles  # [T x 2 x 2] low and high corner on the axes
    corner: Doubles
    side: float | None
    axes: tuple[int, int]
    fewest: float

    @staticmethod
    def of(tiles: Sequence[TileEntry], side: float | None, axes: tuple[int, int],
           fewest: float) -> Squares:
        """NmapError: tiles that are not named by their squares."""
        names = tuple(tile.id for tile in tiles)
        boxes = np.array([(tile.low, tile.high) for tile in tiles], np.float64)[:, :, list(axes)]
        anywhere = Squares(names, boxes, boxes[:, 0].min(0), None, axes, fewest)
        if side is None:
            return anywhere
        places = np.array([place_of(name) for name in names], np.float64)
        # Each box lies in its square, which bounds the corner from both sides.
        least = (boxes[:, 1] - (places + 1) * side).max(0)
        most = (boxes[:, 0] - places * side).min(0)
        if (least > most + SLACK * side).any():
            return anywhere
        corner = np.where(least <= most, most, (least + most) / 2)
        return Squares(names, boxes, corner, side, axes, fewest)

    def owners(self, positions: Doubles) -> npt.NDArray[np.str_]:
        """positions [L x 3] -> the tile of each; squares with enough become new tiles, what
        else lies outside the tiles goes with the nearest."""
        flat = positions[:, list(self.axes)]
        if self.side is None or not len(flat):
            return np.array([self._nearest(point) for point in flat], dtype="<U64")
        places = np.floor((flat - self.corner) / self.side).astype(int)
        found, index, counts = np.unique(places, axis=0, return_inverse=True, return_counts=True)
        named = np.array([name_of(place) for place in found.tolist()], dtype="<U64")
        known = np.isin(named, self.names) | (counts >= self.fewest)
        owner = named[index.reshape(-1)]
        for i in np.flatnonzero(~known[index.reshape(-1)]):
            owner[i] = self._nearest(flat[i])
        return owner

    def within(self, name: str, points: Doubles) -> npt.NDArray[np.bool_]:
        """points [N x 3] -> [N]: those in the tile's own square."""
        if self.side is None:
            return np.ones(len(points), bool)
        low = self.corner + np.array(place_of(name)) * self.side
        flat = points[:, list(self.axes)]
        return np.asarray(((flat >= low) & (flat <= low + self.side)).all(1))

    def neighbours(self, name: str, names: Sequence[str]) -> tuple[str, ...]:
        """Those of `names` around this tile, in order."""
        if self.side is None and len(self.names) == 1:
            return ()
        mine = np.array(place_of(name))
        return tuple(sorted(other for other in names if other != name
                            and np.abs(np.array(place_of(other)) - mine).max() == 1))

    def _nearest(self, point: Doubles) -> str:
        """The tile whose box is nearest; of several that hold the point the most central one."""
        outside = np.maximum(np.maximum(self.boxes[:, 0] - point, point - self.boxes[:, 1]), 0)
        off_centre = np.linalg.norm(self.boxes.mean(1) - point, axis=1)
        order = np.lexsort((off_centre, np.linalg.norm(outside, axis=1)))
        return self.names[int(order[0])]


def place_of(name: str) -> tuple[int, int]:
    """``3_n1`` -> (3, -1). NmapError: another name."""
    match = NAMED.fullmatch(name)
    if match is None:
        raise NmapError(f"tile {name}: not named by its square, like 3_0; build the map anew from "
                        "all images")
    first, second = (int(word.replace("n", "-")) for word in match.groups())
    return first, second


def name_of(place: Sequence[int]) -> str:
    """(3, -1) -> ``3_n1``: a name may not begin with a minus."""
    return "_".join(f"n{-index}" if index < 0 else str(index) for index in place)
