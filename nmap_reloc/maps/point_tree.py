"""Points in space in few bits: a tree that halves cells until they are as small as a camera sees.

How many of a cell's points lie in its lower half is coded (Gandoin and Devillers, SIGGRAPH 2002),
which spends nothing on the points' order and little where they gather, as on surfaces. A cell is
halved no further than a camera near it could tell: far points need no millimetres. All in whole
numbers, so that every machine reads the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from nmap_reloc.maps import rans

DEPTH = 20  # halvings of a voxel at most: its side is 2**DEPTH units
WIDEST = 31  # 2**WIDEST voxels side by side at most
EXACT = 30  # bits of a coordinate from which a distance is computed: its square must fit 64
CROWD = 32  # points of a cell from which counts are stored as they are: few cells have so many

Grid = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grain:
    """How fine places are: eyes [K x 3] where cameras stand, in units; a cube with an edge of
    2**e units is small enough where e <= least, or where no eye is nearer than 2**e * root(far)
    units."""

    eyes: Grid
    least: int
    far: int

    def fine(self, middles: Grid, edge: int) -> npt.NDArray[np.bool_]:
        """middles [C x 3] of cubes with an edge of 2**edge units -> [C] are they small enough."""
        if edge <= self.least:
            return np.ones(len(middles), bool)
        if edge > DEPTH or not len(self.eyes):  # a cell never reaches over two voxels
            return np.zeros(len(middles), bool)
        reach = max(np.abs(middles).max(initial=0), np.abs(self.eyes).max())
        rough = max(0, int(reach).bit_length() - EXACT)
        nearest = np.full(len(middles), np.iinfo(np.int64).max)
        for eye in self.eyes:
            nearest = np.minimum(nearest, ((middles - eye >> rough) ** 2).sum(1))
        return np.asarray(nearest >= min(self.far << 2 * edge >> 2 * rough, 2 ** 63 - 1), np.bool_)


def levels_for(points: Grid) -> int:
    """Halvings of each axis from a cube at the origin that holds all points [N x 3], in units,
    down to a unit."""
    return max(DEPTH, int(points.max(initial=0)).bit_length())


def encode(points: Grid, levels: int, grain: Grain) -> tuple[rans.Words, npt.NDArray[np.uint8],
                                                             Grid]:
    """points [N x 3] within 0..2**levels units -> (coded counts, plain bits, where each point
    comes back [N x 3])."""
    tree, batches, plain = _Tree(len(points), levels, grain), [], []
    cell = np.zeros(len(points), np.int64)  # of the tree's open ones, that a point is in
    back = np.zeros_like(points)
    inside = np.arange(len(points))
    while len(tree.counts):
        tree.close()
        stay = tree.open[cell[inside]]
        back[inside[~stay]] = tree.closed_middles[tree.slot[cell[inside[~stay]]]]
        inside = inside[stay]
        slot = tree.slot[cell[inside]]
        upper = points[inside, tree.axis] >= tree.middle[slot]
        lower = tree.counts - np.bincount(slot[upper], minlength=len(tree.counts))
        some = tree.some
        batches.append((tree.counts[some], lower[some]))
        plain.append(_bits(lower[~some], tree.widths[~some]))
        cell[inside] = tree.split(lower)[slot, upper.astype(np.int64)]
    lanes = rans.lanes_for(2 * len(points))
    return rans.encode(TABLES, batches, lanes), np.packbits(np.concatenate(plain)), back


def decode(words: rans.Words, plain: npt.NDArray[np.uint8], count: int, levels: int,
           grain: Grain) -> Grid:
    """The points' places [count x 3], in no order that means anything. NmapError: damaged."""
    tree = _Tree(count, levels, grain)
    coded = rans.Decoder(TABLES, words, rans.lanes_for(2 * count))
    bits, at, found = np.unpackbits(plain), 0, []
    while len(tree.counts):
        tree.close()
        found.append(tree.closed_points())
        some, lower = tree.some, np.zeros(len(tree.counts), np.int64)
        lower[some] = coded.take(tree.counts[some])
        widths = tree.widths[~some]
        end = at + int(widths.sum())
        if end > len(bits):
            raise rans.damaged()
        lower[~some] = _numbers(bits[at:end], widths)
        if (lower > tree.counts).any():
            raise rans.damaged()
        tree.split(lower)
        at = end
    coded.finish()
    if len(bits) - at >= 8 or bits[at:].any():
        raise rans.damaged()
    return np.concatenate(found)


class _Tree:
    """The cells that are still open, level by level, the same for both ways.

    After `close`: axis; counts, middle (along axis) and widths (plain bits of a count) of the
    open cells; some: whose count is coded. slot: of every cell that was there, among those open
    or among those closed; closed_middles and closed_counts of those that ended.
    """

    def __init__(self, count: int, levels: int, grain: Grain):
        self._corners: Grid = np.zeros((1, 3), np.int64)
        self.counts: Grid = np.array([count], np.int64)
        self._level, self._levels, self._grain = 0, levels, grain

    def close(self) -> None:
        """Ends the cells that are small enough; the others wait to be split."""
        depth, self.axis = divmod(self._level, 3)
        edges = np.array([self._levels - depth - (axis < self.axis) for axis in range(3)])
        middles = self._corners + (1 << edges >> 1)
        fine = (self._grain.fine(middles, self._levels - depth) if self.axis == 0  # a cube
                else np.zeros(len(middles), bool))
        self.open = ~fine
        self.slot = np.where(fine, np.cumsum(fine), np.cumsum(self.open)) - 1
        self.closed_middles, self.closed_counts = middles[fine], self.counts[fine]
        self._corners, self.counts = self._corners[self.open], self.counts[self.open]
        self._half = 1 << int(edges[self.axis]) >> 1
        self.middle = self._corners[:, self.axis] + self._half
        self.some = (self.counts > 1) & (self.counts < CROWD)
        self.widths = np.frexp(self.counts.astype(np.float64))[1].astype(np.int64)
        self._level += 1

    def closed_points(self) -> Grid:
        return np.repeat(self.closed_middles, self.closed_counts, axis=0)

    def split(self, lower: Grid) -> Grid:
        """lower [C]: how many points of each open cell lie in its lower half. Returns [C x 2] the
        new number of each half, -1 where it is empty."""
        counts = np.stack([lower, self.counts - lower], 1)
        corners = np.stack([self._corners, self._corners], 1)
        corners[:, 1, self.axis] += self._half
        kept = counts > 0
        self._corners, self.counts = corners[kept], counts[kept]
        return np.where(kept, np.cumsum(kept).reshape(kept.shape) - 1, -1)


def _bits(numbers: Grid, widths: Grid) -> npt.NDArray[np.uint8]:
    """Each number in so many bits, the highest first."""
    ends = np.cumsum(widths)
    place = np.repeat(ends, widths) - 1 - np.arange(int(widths.sum()))
    return (np.repeat(numbers, widths) >> place & 1).astype(np.uint8)


def _numbers(bits: npt.NDArray[np.uint8], widths: Grid) -> Grid:
    """What _bits wrote."""
    ends = np.cumsum(widths)
    place = np.repeat(ends, widths) - 1 - np.arange(len(bits))
    out = np.zeros(len(widths), np.int64)
    np.add.at(out, np.repeat(np.arange(len(widths)), widths), bits.astype(np.int64) << place)
    return out


def _arcsine() -> rans.Tables:
    """[CROWD x CROWD] how likely k of n points lie in the lower half: both halves alike is less
    likely than all on one side (the discrete arcsine law, a beta-binomial of 1/2)."""
    likely = np.zeros((CROWD, CROWD), np.int64)
    for n in range(CROWD):
        for k in range(n + 1):
            likely[n, k] = (comb(2 * k, k) * comb(2 * (n - k), n - k) << 40) >> 2 * n
    return rans.Tables(rans.shares(likely))


TABLES = _arcsine()
