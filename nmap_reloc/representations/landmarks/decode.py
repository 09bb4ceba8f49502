"""Nearest neighbour with a ratio test over every observation of an uncompressed map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.tile import Tile
from nmap_reloc.types import Correspondences, Doubles, Features, Floats, Ints

RATIO = {"sift": 0.9, "learned": 0.95}  # nearest to second nearest landmark's distance
CHUNK = 16384  # observations compared at a time: bounds the memory


@dataclass(frozen=True)
class LoadedLandmarks:
    """positions [L x 3] map units; descriptors [O x D]; owners [O] landmark, ascending per chunk.
    Each tile counts as one voxel."""

    positions: Doubles
    descriptors: Floats
    owners: Ints
    centres: Doubles
    side: float

    def __len__(self) -> int:
        return len(self.centres)

    def nbytes(self) -> int:
        return self.positions.nbytes + self.descriptors.nbytes + self.owners.nbytes


class LandmarkDecoder:
    """Lowe's ratio test (IJCV 2004, section 7.1), the second nearest from another landmark."""

    name = "landmarks"
    content_hash = ""

    def __init__(self, features: str):
        self._ratio = RATIO[features]

    def load(self, tiles: Sequence[Tile]) -> LoadedLandmarks:
        try:
            positions = [t.arrays["x"].astype(np.float64) + np.array(t.meta["origin"])
                         for t in tiles]
            starts = np.cumsum([0, *(len(p) for p in positions)])
            owners = np.concatenate([t.arrays["o"] + s for t, s in
                                     zip(tiles, starts, strict=False)]).astype(np.int32)
            descriptors = np.concatenate([t.arrays["d"] for t in tiles]).astype(np.float32)
            if len(owners) != len(descriptors) or owners.max(initial=-1) >= starts[-1] \
                    or owners.min(initial=0) < 0:
                raise ValueError(f"{len(owners)} owners, {len(descriptors)} descriptors")
        except (KeyError, ValueError, TypeError) as error:
            raise NmapError(f"tile {tiles[0].id}: not a tile of landmarks ({error}); rebuild the "
                            "map with `nmap-reloc map build`") from error
        order = np.argsort(owners, kind="stable")
        everything = np.concatenate(positions)
        return LoadedLandmarks(everything, descriptors[order], owners[order],
                               np.stack([p.mean(0) for p in positions]),
                               float(np.ptp(everything, axis=0).max()))

    def decode(self, features: Features, active: LoadedLandmarks, wanted: Ints | None = None
               ) -> Correspondences:
        best = np.full((len(features), 2), -1.0, np.float32)  # similarity of the two nearest
        owner = np.full(len(features), -1, np.int32)
        for start in range(0, len(active.owners), CHUNK):
            ids = active.owners[start:start + CHUNK]
            similarity = features.descriptors @ active.descriptors[start:start + CHUNK].T
            # the best observation of each landmark stands for it
            edges = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
            per_landmark = np.maximum.reduceat(similarity, edges, axis=1)
            _merge(best, owner, per_landmark, ids[edges])
        distance = np.sqrt(np.maximum(2 - 2 * best, 1e-9))
        ratio = distance[:, 0] / distance[:, 1]
        good = np.flatnonzero((ratio < self._ratio) & (owner >= 0))
        good = good[np.argsort(ratio[good], kind="stable")]
        return Correspondences(
            features.keypoints[good].astype(np.float64), active.positions[owner[good]],
            (1 - ratio[good]).astype(np.float32), good.astype(np.int32),
            np.zeros(len(good), np.int32))


def open_decoder(network: None, features: str, backend: str, weights: Path | None,
                 threads: int) -> LandmarkDecoder:
    """It has no network: only the kind of features counts."""
    return LandmarkDecoder(features)


def _merge(best: Floats, owner: Ints, similarity: Floats, ids: Ints) -> None:
    """Folds one chunk [N x L'] into the running two nearest landmarks, in place."""
    rows = np.arange(len(best))
    first = similarity.argmax(1)
    top = similarity[rows, first]
    similarity[rows, first] = -1
    second = similarity.max(1)
    same = owner == ids[first]  # a landmark cut by the chunk's edge is not its own rival
    wins = top > best[:, 0]
    runner_up = np.where(wins, np.where(same, -1, best[:, 0]), np.where(same, -1, top))
    best[:, 1] = np.maximum(np.maximum(best[:, 1], second), runner_up)
    best[:, 0] = np.maximum(best[:, 0], top)
    owner[wins] = ids[first[wins]]
