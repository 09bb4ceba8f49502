"""Neumap tiles of a scene: as many codes as the budget allows, the most useful first."""

from __future__ import annotations

import numpy as np

from nmap_reloc.engines.export import open_network
from nmap_reloc.mapping.budget import most_within
from nmap_reloc.mapping.makers import Measure, Order
from nmap_reloc.mapping.partition import Piece, cut, ground_axes, partition
from nmap_reloc.mapping.retrieval import are_searched, bytes_for, index_of
from nmap_reloc.mapping.sight import PLACE_BYTES, sight_of
from nmap_reloc.representations import network_name
from nmap_reloc.representations.neumap.adapt import Adaptation, adapt
from nmap_reloc.representations.neumap.encode import encode, into_voxels
from nmap_reloc.representations.neumap.layout import BITS, FINER_BITS, CodedVoxels, to_tile
from nmap_reloc.representations.neumap.network import NeumapNetwork
from nmap_reloc.representations.neumap.select import rank

FEWEST_CODES = 32  # a map with fewer can't be localized against


class NeumapMaker:
    """Feed-forward codes, with order.polish steps of scene adaptation after them."""

    def __init__(self, order: Order):
        landmarks, budget = order.landmarks, order.wanted()
        network = open_network(network_name("neumap", landmarks.features) or "", order.weights)
        assert isinstance(network, NeumapNetwork)
        self._network, self._landmarks, self._budget = network, landmarks, budget
        self._tile = order.tile_side()
        self._polish, self._like = order.polish, order.like
        per_code = network.shape.code_width * BITS / 8 + PLACE_BYTES
        self._estimate = max(FEWEST_CODES, int(budget / per_code))
        self._ranked = rank(landmarks, int(1.5 * self._estimate) + FEWEST_CODES)
        self._codes = encode(network, landmarks.mean_descriptors()[self._ranked])

    def make(self, measure: Measure) -> list[Piece]:
        """The most codes with which the site, as `measure` weighs it, is within the budget.

        NmapError names the smallest budget that can be met.
        """
        best, count = most_within(self._budget, measure, self.pieces, FEWEST_CODES,
                                  len(self._ranked), self._estimate)
        if self._polish:
            return self._polished(count, measure) or best
        if count == len(self._landmarks):
            finer = self.pieces(count, FINER_BITS)
            best = finer if measure(finer) <= self._budget else best
        return best

    def pieces(self, count: int, bits: int = BITS) -> list[Piece]:
        """Tiles of the best `count` landmarks."""
        return self._cut(into_voxels(self._landmarks, self._ranked[:count], self._codes[:count],
                                     side=self._side()), bits)

    def _polished(self, count: int, measure: Measure) -> list[Piece] | None:
        """Codes adapted to the scene; what pruning leaves is cut further if it grew too large.
        None where not even the fewest fit."""
        chosen = self._ranked[:count]
        codes, factors = adapt(self._network, self._landmarks, chosen, self._codes[:count],
                               Adaptation(steps=self._polish))
        kept = np.flatnonzero(factors.any(1))
        while True:
            pieces = self._cut(into_voxels(self._landmarks, chosen[kept], codes[kept],
                                           factors[kept], self._side()))
            if measure(pieces) <= self._budget:
                return pieces
            if len(kept) <= FEWEST_CODES:
                return None
            kept = kept[:int(len(kept) * 0.98)]  # ranked: the least useful are last

    def _cut(self, coded: CodedVoxels, bits: int = BITS) -> list[Piece]:
        counts = np.bincount(coded.voxels, minlength=len(coded.cells))
        parts = partition(coded.cells, coded.side, ground_axes(self._landmarks), self._tile,
                          counts)
        searched = are_searched(self._like, len(coded.cells))
        pieces = []
        for part in parts:
            mine = cut(coded, part)
            tile = to_tile(mine, part.id, bits, sight_of(self._landmarks, mine.positions))
            if searched:
                tile.arrays.update(index_of(
                    self._landmarks, mine.cells, mine.side,
                    bytes_for(self._budget, len(mine.codes) / len(coded.codes))))
            # Strays would blow up the box by which a robot chooses its tiles.
            pieces.append(Piece(tile, mine.positions[part.own[mine.voxels]], part.neighbours))
        return pieces

    def _side(self) -> float | None:
        """Of a voxel, where other tiles have settled it."""
        return None if self._like is None else float(self._like.meta["side"])


def open_maker(order: Order) -> NeumapMaker:
    return NeumapMaker(order)
