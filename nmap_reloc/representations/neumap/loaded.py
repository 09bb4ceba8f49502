"""Neumap tiles in memory, ready to decode: a byte per number of a code, halves for the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.maps.quantize import quantize
from nmap_reloc.outlook import Outlook
from nmap_reloc.types import Doubles, Floats, Ints

Halves = npt.NDArray[np.float16]
FEWEST_CODES = 16  # at least a network's candidates: fewer are filled up
ROUND = 256  # codes asked for are filled up to a multiple: sizes that come again cost engines less


@dataclass(frozen=True)
class Voxels:
    """The voxels of loaded tiles, ready to decode.

    levels [M x C] of the codes, a byte each; ranges [M x 2]: a code is
    ranges[0] + ranges[1] * levels; keys, values [T x M x W] and marks [M x C] as halves;
    positions [M x 3] relative to `origin`, map units; voxels [M] index; centres [V x 3] map units;
    side: of a voxel.
    """

    levels: npt.NDArray[np.uint8]
    ranges: Floats
    keys: Halves
    values: Halves
    marks: Halves
    positions: Floats
    voxels: npt.NDArray[np.int64]
    centres: Doubles
    origin: Doubles
    side: float

    def __len__(self) -> int:
        return len(self.centres)

    def nbytes(self) -> int:
        """Memory held, bytes."""
        return sum(a.nbytes for a in (self.levels, self.ranges, self.keys, self.values, self.marks,
                                      self.positions, self.voxels))

    def codes(self, rows: npt.NDArray[np.int64]) -> Floats:
        """The codes of these rows [R x C]."""
        ranges = self.ranges.take(rows, axis=0)
        made: Floats = self.levels.take(rows, axis=0).astype(np.float32)
        made *= ranges[:, 1:]
        made += ranges[:, :1]
        return made


class Asked:
    """What was last looked at: a lost robot asks for the same voxels in image after image.

    rows [R]: of the codes of `wanted` voxels (None: of all) that a camera of this outlook may see
    (None: all of them), filled up with copies; codes [R x C]: zeros where it is a copy. known:
    positions [K x 3] map units, codes of unit length [K x C] and voxels [K] of those that are no
    copies.
    """

    def __init__(self, active: Voxels, wanted: Ints | None, outlook: Outlook | None = None):
        self._active, self._wanted, self._outlook = active, wanted, outlook
        own: npt.NDArray[np.int64] = np.arange(len(active.voxels), dtype=np.int64)
        if wanted is not None and len(wanted) < len(active):
            keep = np.zeros(len(active), bool)
            keep[wanted] = True
            own = np.flatnonzero(keep[active.voxels])
        positions = active.positions.take(own, axis=0) + active.origin
        if outlook is not None:
            seen = np.flatnonzero(outlook.sees(positions))
            own, positions = own[seen], positions.take(seen, axis=0)
        count = len(own)
        step = ROUND if count > ROUND else FEWEST_CODES
        self.rows = np.resize(own, -(-count // step) * step) if count else own
        self.codes = active.codes(self.rows)
        self.codes[count:] = 0  # copies must not rival originals: zeros are like nothing
        self.codes.flags.writeable = False
        unit = self.codes[:count].copy()
        unit /= np.sqrt(np.maximum(np.einsum("ij,ij->i", unit, unit), 1e-18))[:, None]
        self.known = positions, unit, active.voxels[own].astype(np.int32)

    def is_of(self, active: Voxels, wanted: Ints | None, outlook: Outlook | None) -> bool:
        if self._active is not active or self._outlook is not outlook:
            return False
        if wanted is None or self._wanted is None:
            return wanted is self._wanted
        return np.array_equal(wanted, self._wanted)


def in_bytes(codes: Floats) -> tuple[npt.NDArray[np.uint8], Floats]:
    """A tile's codes [M x C] -> levels, ranges (see Voxels); exact for 2, 4 and 8 bits."""
    levels, how = quantize(codes, 8)
    ranges = np.array([how.ranges[0, 0], how.step()[0]], np.float32)
    return levels, np.tile(ranges, (len(codes), 1))
