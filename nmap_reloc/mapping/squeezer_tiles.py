"""Squeezer tiles of a scene: the points that serve its views best, in as many bits as the budget
allows."""

from __future__ import annotations

import numpy as np

from nmap_reloc.engines.export import open_network
from nmap_reloc.mapping.budget import most_within
from nmap_reloc.mapping.makers import Measure, Order
from nmap_reloc.mapping.partition import Part, Piece, ground_axes, partition
from nmap_reloc.mapping.retrieval import SEEN, are_searched, bytes_for
from nmap_reloc.mapping.selection import Selection
from nmap_reloc.mapping.sight import PLACE_BYTES, sight_of
from nmap_reloc.maps.retrieval import RetrievalIndex
from nmap_reloc.maps.tile import Arrays
from nmap_reloc.representations import network_name
from nmap_reloc.representations.squeezer import choice, programme
from nmap_reloc.representations.squeezer.clusters import Indices
from nmap_reloc.representations.squeezer.covers import at_random, k_cover, probabilistic_k_cover
from nmap_reloc.representations.squeezer.encode import homes, into_clusters, judge
from nmap_reloc.representations.squeezer.layout import StoredClusters, frames_of, to_tile
from nmap_reloc.representations.squeezer.network import SqueezerNetwork
from nmap_reloc.types import Floats, Ints

FEWEST_POINTS = 32  # a map with fewer can't be localized against
FULL_BITS, FINE_BITS, FEWEST_BITS = 8, 4, 2
COVERS = {"random": at_random, "kc": k_cover, "kcp": probabilistic_k_cover}
CELLS_ACROSS = 16  # of a tile, in which clusters are placed


class SqueezerMaker:
    """order.selection: how the points are chosen, and how many where that is not the budget's."""

    def __init__(self, order: Order):
        landmarks = order.landmarks
        assert isinstance(order.selection, Selection)
        network = open_network(network_name("squeezer", landmarks.features) or "", order.weights)
        assert isinstance(network, SqueezerNetwork)
        self._network, self._landmarks = network, landmarks
        self._budget, self._tile = order.wanted(), order.tile_side()
        self._selection = order.selection
        self._like = order.like
        self._judged = judge(network, landmarks)
        self._home = homes(self._judged, len(landmarks))
        self._descriptors = landmarks.mean_descriptors()
        self._bits = order.selection.bits or (
            self._bits_within() if order.selection.share is None else FULL_BITS)

    def make(self, measure: Measure) -> list[Piece]:
        """NmapError names the smallest budget that can be met."""
        share, total = self._selection.share, len(self._landmarks)
        if share is None:
            guess = min(total, self._estimate(self._bits))
            ranked = self._ranked(guess)
            return most_within(self._budget, measure, lambda count: self._cut(ranked[:count]),
                               FEWEST_POINTS, total, guess)[0]
        sizes = [len(cluster.points) for cluster in self._judged.clusters]
        wanted = sum(max(share * size, min(self._selection.at_least, size)) for size in sizes)
        count = min(total, max(1, round(wanted)))
        return self._cut(self._ranked(count)[:count])

    def _bits_within(self) -> int:
        """The finest with which all landmarks fit, else the coarsest: more points serve better
        than finer ones."""
        for bits in (FULL_BITS, FINE_BITS):
            if self._estimate(bits) >= len(self._landmarks):
                return bits
        return FEWEST_BITS

    def _estimate(self, bits: int) -> int:
        """How many points the budget holds, about."""
        return int(self._budget / (self._network.shape.code * bits / 8 + PLACE_BYTES))

    def _ranked(self, count: int) -> Indices:
        """All points, or as many as are wanted, in the order in which they are kept."""
        way = self._selection.way
        if way in COVERS:
            return COVERS[way](self._landmarks, min(len(self._landmarks), count + count // 4))
        if way == "learned":
            return choice.rank(self._landmarks, self._judged.points, count + count // 4)
        return programme.rank(self._judged.points, self._judged.tau,
                              count / len(self._landmarks), way)

    def _cut(self, chosen: Indices) -> list[Piece]:
        stored = into_clusters(self._network, self._landmarks, self._home, chosen,
                               self._descriptors[chosen], self._bits)
        searched = are_searched(self._like, len(stored.frames))
        pieces = []
        for part in self._parts(stored):
            mine = _of(stored, part)
            tile = to_tile(mine, part.id, sight_of(self._landmarks, mine.positions))
            if searched:
                tile.arrays.update(self._retrieval(stored, chosen, part, bytes_for(
                    self._budget, len(part.voxels) / len(stored.frames))))
            # Strays would blow up the box by which a robot chooses its tiles.
            pieces.append(Piece(tile, mine.positions[part.own[mine.clusters]], part.neighbours))
        return pieces

    def _parts(self, stored: StoredClusters) -> list[Part]:
        """The clusters by square of the ground, each where its centre is."""
        side = 1.0 if self._tile is None else self._tile / CELLS_ACROSS
        centres = stored.frames[:, :3]
        counts = np.bincount(stored.clusters, minlength=len(centres))
        return partition(np.floor(centres / side).astype(np.int32), side,
                         ground_axes(self._landmarks), self._tile, counts)

    def _retrieval(self, stored: StoredClusters, chosen: Indices, part: Part, budget: int
                   ) -> Arrays:
        """An entry for each of the part's clusters: the frame that observes most of its points
        (section 3.5), and which clusters of the part it sees."""
        slot = np.full(len(self._landmarks), -1)
        slot[chosen] = np.unique(self._home[chosen], return_inverse=True)[1].reshape(-1)
        place = np.full(len(stored.frames) + 1, -1)  # the last stands for points not chosen
        place[part.voxels] = np.arange(len(part.voxels))
        counts = np.stack([np.bincount(
            place[slot[view.landmarks[view.landmarks >= 0]]] + 1, minlength=len(part.voxels) + 1
        )[1:] for view in self._landmarks.views])
        frames = np.unique(counts.argmax(0))
        seen: list[Ints] = [np.flatnonzero(counts[f] >= min(SEEN, counts[f].max())
                                           ).astype(np.int32) for f in frames]
        described: Floats = np.stack([self._landmarks.views[f].global_descriptor
                                      for f in frames])
        return RetrievalIndex.encode(described, seen, len(part.voxels), budget)


def _of(stored: StoredClusters, part: Part) -> StoredClusters:
    """The clusters of one tile, counted from 0."""
    slot = np.full(len(stored.frames), -1, np.int32)
    slot[part.voxels] = np.arange(len(part.voxels), dtype=np.int32)
    kept = slot[stored.clusters] >= 0
    positions, clusters = stored.positions[kept], slot[stored.clusters[kept]]
    return StoredClusters(stored.levels[kept], stored.bits, positions, clusters,
                          frames_of(positions, clusters))


def open_maker(order: Order) -> SqueezerMaker:
    return SqueezerMaker(order)
