"""Hybrid tiles of a scene: the budget goes to codes and to landmarks as held-out views gain by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.engines.export import open_network
from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.budget import most_within
from nmap_reloc.mapping.expected_gain import Trial
from nmap_reloc.mapping.makers import Measure, Order
from nmap_reloc.mapping.partition import Part, Piece, cut, ground_axes, partition
from nmap_reloc.mapping.retrieval import are_searched, bytes_for, index_of
from nmap_reloc.mapping.sight import PLACE_BYTES, sight_of
from nmap_reloc.representations import network_name
from nmap_reloc.representations.hybrid.layout import to_tile
from nmap_reloc.representations.neumap.encode import encode
from nmap_reloc.representations.neumap.layout import BITS, FINER_BITS, CodedVoxels
from nmap_reloc.representations.neumap.network import NeumapNetwork
from nmap_reloc.representations.neumap.select import rank
from nmap_reloc.representations.neumap.voxels import choose_side, grid, round_side
from nmap_reloc.types import Floats

FEWEST = 32  # codes and landmarks together: a map with fewer can't be localized against

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """share: of the codes and landmarks that are landmarks; bits: of each number of theirs."""

    share: float
    bits: int

    def count(self, total: int) -> int:
        return round(self.share * total)


# The first unless another is worth it. Coarse descriptors are for tight budgets. Compared on views
# held out of four scenes at 0.02 to 0.25 % of a classical map: at equal bytes the first found
# 35 of 60 views of bonsai where codes alone found 32, and as many as they of the other scenes.
SPLITS = (Split(0.05, 2), Split(0.3, 1), Split(1.0, 2), Split(1.0, 1))
# Of gain, by which another must be better, over the root of how many views say so: what a view
# gains varies by about as much with the draw of the landmarks alone.
WORTH = 0.1


class HybridMaker:
    """Every split is made within the budget and tried on the held-out views. A tile that stands
    beside others (order.like) is split as they are."""

    def __init__(self, order: Order):
        landmarks = order.landmarks
        network = open_network(network_name("hybrid", landmarks.features) or "", order.weights)
        assert isinstance(network, NeumapNetwork)
        self._order, self._landmarks, self._budget = order, landmarks, order.wanted()
        self._width = network.shape.code_width
        self._described = landmarks.mean_descriptors()
        least = min(self._bytes(split) for split in SPLITS)
        self._ranked = rank(landmarks, int(1.5 * self._budget / least) + FEWEST)
        self._codes = encode(network, self._described[self._ranked])

    def make(self, measure: Measure) -> list[Piece]:
        """The tiles by which held-out views are found best. NmapError names the smallest budget
        that can be met."""
        tried: list[list[Piece]] = []
        problem: NmapError | None = None
        for split in self._splits():
            try:
                tried.append(self._within(split, measure))
            except NmapError as error:
                problem = error
        if not tried:
            assert problem is not None
            raise problem
        if len(tried) == 1:
            return tried[0]
        trial = Trial(self._landmarks, "hybrid", self._order.weights)
        best, most = tried[0], trial.gain([piece.tile for piece in tried[0]])
        for pieces in tried[1:]:
            gain = trial.gain([piece.tile for piece in pieces])
            if gain > most + WORTH / len(self._landmarks.held_out) ** 0.5:
                best, most = pieces, gain
        return best

    def _splits(self) -> Sequence[Split]:
        like = self._order.like
        if like is not None:
            share, bits = like.meta["split"]
            return (Split(float(share), int(bits)),)
        return SPLITS if self._landmarks.held_out else SPLITS[:1]

    def _within(self, split: Split, measure: Measure) -> list[Piece]:
        guess = int(self._budget / self._bytes(split))
        best, count = most_within(self._budget, measure, lambda count: self._pieces(count, split),
                                  FEWEST, len(self._ranked), guess)
        if count < len(self._landmarks):
            return best
        finer = self._pieces(count, split, FINER_BITS)
        return finer if measure(finer) <= self._budget else best

    def _bytes(self, split: Split) -> float:
        """Of a code or landmark, before compression."""
        landmark = self._described.shape[1] * split.bits / 8
        return PLACE_BYTES + (1 - split.share) * self._width * BITS / 8 + split.share * landmark

    def _pieces(self, count: int, split: Split, bits: int = BITS) -> list[Piece]:
        """Tiles of the best `count`: the most worthy of them are landmarks, the others codes."""
        chosen = self._ranked[:count]
        positions = self._landmarks.positions[chosen]
        like = self._order.like
        side = round_side(choose_side(positions)) if like is None else float(like.meta["side"])
        cells, voxels = grid(positions, side)
        first = split.count(count)
        order = np.lexsort((*positions.T[::-1], voxels))
        explicit, coded = order[order < first], order[order >= first]

        def over(rows: Indices, described: Floats) -> CodedVoxels:
            return CodedVoxels(described, positions[rows], voxels[rows].astype(np.int32), cells,
                               side)

        return self._cut(over(coded, self._codes[coded]),
                         over(explicit, _cut_to(self._described[chosen[explicit]], split.bits)),
                         split, bits)

    def _cut(self, codes: CodedVoxels, landmarks: CodedVoxels, split: Split, bits: int
             ) -> list[Piece]:
        cells, side = codes.cells, codes.side
        counts = np.bincount(np.concatenate([codes.voxels, landmarks.voxels]),
                             minlength=len(cells))
        parts = partition(cells, side, ground_axes(self._landmarks), self._order.tile_side(),
                          counts)
        searched = are_searched(self._order.like, len(cells))
        pieces = []
        for part in parts:
            pair = cut(codes, part), cut(landmarks, part)
            tile = to_tile(part.id, *pair, (bits, split.bits), sight_of(
                self._landmarks, np.concatenate([mine.positions for mine in pair])))
            tile.meta["split"] = [split.share, split.bits]
            if searched:
                tile.arrays.update(index_of(
                    self._landmarks, pair[0].cells, side,
                    bytes_for(self._budget, counts[part.voxels].sum() / counts.sum())))
            pieces.append(Piece(tile, _own(pair, part), part.neighbours))
        return pieces


def open_maker(order: Order) -> HybridMaker:
    return HybridMaker(order)


def _cut_to(descriptors: Floats, bits: int) -> Floats:
    """One bit keeps the sign alone: both levels must be as far from zero."""
    return np.asarray(np.sign(descriptors) * descriptors.std() if bits == 1 else descriptors,
                      np.float32)


def _own(pair: tuple[CodedVoxels, CodedVoxels], part: Part) -> npt.NDArray[np.float64]:
    """Points that bound a tile: strays would blow up the box."""
    return np.concatenate([mine.positions[part.own[mine.voxels]] for mine in pair])
