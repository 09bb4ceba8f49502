"""On the robot: query features and loaded voxels in, 2D-3D correspondences out. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import Engine
from nmap_reloc.errors import NmapError
from nmap_reloc.maps.tile import Tile
from nmap_reloc.representations.neumap.layout import from_tile
from nmap_reloc.types import Correspondences, Doubles, Features, Floats, Ints
from nmap_reloc.weights import content_hash

CONFIDENT = 0.02  # below this a correspondence is not worth a RANSAC sample (the paper uses 0.5)
FEWEST_CODES = 16  # the network's candidates: fewer are filled up


@dataclass(frozen=True)
class Voxels:
    """The voxels of loaded tiles, ready to decode.

    codes [M x C]; keys, values [T x M x W]; positions [M x 3] relative to `origin`, map units;
    voxels [M] index; centres [V x 3] map units; side: of a voxel.
    """

    codes: Floats
    keys: Floats
    values: Floats
    positions: Floats
    voxels: npt.NDArray[np.int64]
    centres: Doubles
    origin: Doubles
    side: float

    def __len__(self) -> int:
        return len(self.centres)

    def nbytes(self) -> int:
        """Memory held, bytes."""
        return sum(a.nbytes for a in (self.codes, self.keys, self.values, self.positions))


class NeumapDecoder:
    """unfold: codes -> keys and values, once per tile. decode: keypoints -> coordinates."""

    name = "neumap"

    def __init__(self, unfold: Engine, decode: Engine, content_hash: str):
        self.content_hash = content_hash
        self._unfold, self._decode = unfold, decode

    def load(self, tiles: Sequence[Tile]) -> Voxels:
        """Everything that does not depend on the query is computed here."""
        coded = [from_tile(tile) for tile in tiles]
        sides = {c.side for c in coded}
        if len(sides) != 1:
            raise NmapError(f"tiles {', '.join(t.id for t in tiles)}: voxels of different sides "
                            f"{sorted(sides)}; load tiles of one map version only")
        side = sides.pop()
        starts = np.cumsum([0, *(len(c.cells) for c in coded)])
        codes = np.concatenate([c.codes for c in coded])
        blocks = next((c.factors.shape[1] for c in coded if c.factors is not None), 0)
        factors = np.concatenate([c.factors if c.factors is not None
                                  else np.ones((len(c.codes), blocks), np.float32)
                                  for c in coded]) if blocks else None
        cells = np.concatenate([c.cells for c in coded])
        origin = cells.mean(0) * side
        keys, values = self._keys_and_values(codes, factors)
        return Voxels(codes, keys, values,
                      (np.concatenate([c.positions for c in coded]) - origin).astype(np.float32),
                      np.concatenate([c.voxels + s for c, s in zip(coded, starts, strict=False)]
                                     ).astype(np.int64),
                      (cells + 0.5) * side, origin, side)

    def _keys_and_values(self, codes: Floats, factors: Floats | None) -> tuple[Floats, Floats]:
        blocks = self._unfold.shape("factors")[1]
        if factors is None:
            factors = np.ones((len(codes), blocks), np.float32)
        if codes.shape[1] != self._unfold.shape("codes")[1] or factors.shape[1] != blocks:
            raise NmapError(f"codes of {codes.shape[1]} numbers for {factors.shape[1]} blocks: "
                            f"the decoder takes {self._unfold.shape('codes')[1]} for {blocks}; "
                            "rebuild the map with `nmap-reloc map build`")
        out = self._unfold({"codes": codes, "factors": factors.astype(np.float32)})
        return out["keys"], out["values"]

    def decode(self, features: Features, active: Voxels, wanted: Ints | None = None
               ) -> Correspondences:
        """All wanted voxels (indices; None: all of them) in one batched call."""
        if not len(features):
            return nothing()
        codes, keys, values = active.codes, active.keys, active.values
        positions, owners = active.positions, active.voxels
        if wanted is not None and len(wanted) < len(active):
            keep = np.zeros(len(active), bool)
            keep[wanted] = True
            rows = np.flatnonzero(keep[owners])
            codes, positions, owners = codes[rows], positions[rows], owners[rows]
            keys, values = keys[:, rows], values[:, rows]
        if len(codes) < FEWEST_CODES:
            if not len(codes):
                return nothing()
            rows = np.resize(np.arange(len(codes)), FEWEST_CODES)
            filled = np.arange(FEWEST_CODES) >= len(codes)
            # copies must not rival their originals: a code of zeros is like nothing
            codes = np.where(filled[:, None], np.float32(0), codes[rows])
            positions, owners = positions[rows], owners[rows]
            keys, values = keys[:, rows], values[:, rows]
        out = self._decode({
            "descriptors": features.descriptors, "codes": codes, "keys": keys, "values": values,
            "positions": positions, "voxels": owners,
            "side": np.array([active.side], np.float32)})
        confidence = (0.5 + 0.5 * np.tanh(0.5 * out["confidence"])).astype(np.float32)
        good = np.flatnonzero(confidence > CONFIDENT)
        good = good[np.argsort(-confidence[good], kind="stable")]
        return Correspondences(
            features.keypoints[good].astype(np.float64),
            out["coordinates"][good].astype(np.float64) + active.origin,
            confidence[good], good.astype(np.int32), out["voxel"][good].astype(np.int32))


def open_decoder(network: str, features: str, backend: str, weights: Path | None,
                 threads: int) -> NeumapDecoder:
    """NmapError: the network is missing, or nothing can run it."""
    return NeumapDecoder(open_engine(f"{network}-unfold", backend, weights, threads),
                         open_engine(f"{network}-decode", backend, weights, threads),
                         content_hash(network, weights))


def nothing() -> Correspondences:
    return Correspondences(np.zeros((0, 2)), np.zeros((0, 3)), np.zeros(0, np.float32),
                           np.zeros(0, np.int32), np.zeros(0, np.int32))
