"""Tiles of views: as many keypoints of each view as the budget allows (MAD-DR, section 3.5)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.engines.export import open_network
from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.makers import Measure, Order
from nmap_reloc.mapping.partition import TILE, Piece, ground_axes
from nmap_reloc.mapping.selection import TopK
from nmap_reloc.mapping.sight import sight_of
from nmap_reloc.maps.tile import Tile
from nmap_reloc.representations import network_name
from nmap_reloc.representations.maddr.encode import (
    MOST_KEYPOINTS,
    Indices,
    Mask,
    best_of_views,
    choose_views,
    encode,
    into_views,
    observed,
    sound,
)
from nmap_reloc.representations.maddr.layout import CodedViews, to_tile
from nmap_reloc.representations.maddr.network import MaddrNetwork
from nmap_reloc.representations.neumap.select import rank
from nmap_reloc.types import Floats

FEWEST_KEYPOINTS = 8  # of a view: with fewer no pose is found
VIEW_BYTES = 150  # of a view: pose, global descriptor and a bit for each of some landmarks
VIEW_SHARE = 0.2  # of the budget for what is not landmarks
PLENTY = 128  # keypoints of a view: bytes beyond that go into wider codes
TILES_ACROSS = 3  # of the usual tiles: a view shows what lies far outside its own square


class ViewMaker(ABC):
    """Chooses views and their landmarks; what a landmark's code is, is the subclass's."""

    name: str
    widths: tuple[int, ...]  # of a code, numbers; ascending

    def __init__(self, order: Order):
        self._landmarks, self._budget = order.landmarks, order.wanted()
        landmarks = order.landmarks
        side = order.tile_side()
        self._tile = side if side is None or order.tile is not None else TILES_ACROSS * TILE
        seen = observed(landmarks) & sound(landmarks)
        self._top = order.selection if isinstance(order.selection, TopK) else None
        self._views = choose_views(seen, len(seen) if self._top else
                                   max(2, int(VIEW_SHARE * self._budget / VIEW_BYTES)))
        self._seen = seen[self._views]
        place = np.full(len(landmarks), len(landmarks))
        ranked = rank(landmarks, len(landmarks))
        place[ranked] = np.arange(len(ranked))
        self._place: Indices = place

    def make(self, measure: Measure) -> list[Piece]:
        """The widest codes with which each view can keep PLENTY of keypoints, or all there are;
        else the narrowest, and as many keypoints as fit. Or what order.selection asks for.

        NmapError names the smallest budget that can be met.
        """
        if self._top is not None:
            return self.pieces(self._top.keypoints, self._top.width)
        for width in reversed(self.widths):
            least = PLENTY if width > self.widths[0] else FEWEST_KEYPOINTS
            pieces = self.pieces(least, width)
            size = measure(pieces)
            if size <= self._budget:
                return self._most(least, width, pieces, measure)
        raise NmapError(f"--budget {self._budget} bytes: can't be met; the smallest map of this "
                        f"scene takes {size} bytes; give at least that")

    def _most(self, low: int, width: int, best: list[Piece], measure: Measure) -> list[Piece]:
        high = MOST_KEYPOINTS + 1
        while high - low > 1:
            middle = (low + high) // 2
            pieces = self.pieces(middle, width)
            if measure(pieces) <= self._budget:
                best, low = pieces, middle
            else:
                high = middle
        return best

    def pieces(self, keypoints: int, width: int) -> list[Piece]:
        """Tiles of `keypoints` of every view, with codes of `width` numbers."""
        seen = best_of_views(self._seen, self._place, keypoints)
        codes = self.codes(width)
        return [self._piece(square, seen, codes, width) for square in self._squares(seen)]

    @abstractmethod
    def codes(self, width: int) -> Floats:
        """Of all landmarks [L x width], whole numbers."""

    def finish(self, tile: Tile, width: int) -> Tile:
        """Adds what else the decoder needs."""
        return tile

    def _squares(self, seen: Mask) -> list[Square]:
        """The views by squares of the ground; views that show nothing are left out."""
        showing = np.flatnonzero(seen.any(1))
        if self._tile is None:
            return [Square("0_0", showing, ())]
        centres = np.stack([self._landmarks.views[self._views[i]].map_from_camera.translation
                            for i in showing])[:, ground_axes(self._landmarks)]
        places = ((centres - centres.min(0)) // self._tile).astype(int)
        names = {tuple(p): f"{p[0]}_{p[1]}" for p in np.unique(places, axis=0).tolist()}
        around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        return [Square(name, showing[(places == place).all(1)],
                       tuple(names[near] for i, j in around
                             if (near := (place[0] + i, place[1] + j)) in names))
                for place, name in names.items()]

    def _piece(self, square: Square, seen: Mask, codes: Floats, width: int) -> Piece:
        kept = np.zeros_like(seen)
        kept[square.views] = seen[square.views]
        coded: CodedViews = into_views(self._landmarks, self._views[square.views],
                                       kept[square.views], codes)
        tile = to_tile(coded, square.name, self.name,
                       sight_of(self._landmarks, coded.landmarks.positions))
        # A robot chooses tiles by where it is: by where the views were taken, not what they show.
        return Piece(self.finish(tile, width), coded.centres, square.neighbours)


@dataclass(frozen=True)
class Square:
    """views: which of the chosen ones; neighbours: names of the squares beside it."""

    name: str
    views: npt.NDArray[np.int64]
    neighbours: tuple[str, ...]


class MaddrMaker(ViewMaker):
    """Codes by the bottleneck's encoder."""

    name = "maddr"

    def __init__(self, order: Order):
        network = open_network(network_name("maddr", order.landmarks.features) or "",
                               order.weights)
        assert isinstance(network, MaddrNetwork)
        self.widths = tuple(sorted(network.shape.dimensions))
        super().__init__(order)
        means = order.landmarks.mean_descriptors()
        self._codes = {width: encode(network, means, width) for width in self.widths}

    def codes(self, width: int) -> Floats:
        return self._codes[width]


def open_maker(order: Order) -> MaddrMaker:
    return MaddrMaker(order)
