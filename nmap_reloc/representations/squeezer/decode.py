"""On the robot: query features and loaded clusters in, 2D-3D correspondences out. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmap_reloc.confirm import Known, confirm
from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import Engine
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.maps.tile import Tile
from nmap_reloc.neighbours import mutual
from nmap_reloc.pose import Solution, SolveOptions
from nmap_reloc.representations.squeezer import registration
from nmap_reloc.representations.squeezer.layout import StoredClusters, from_tile
from nmap_reloc.types import Camera, Correspondences, Doubles, Features, Floats, Ints, Refusal
from nmap_reloc.weights import content_hash

# Least cosine of a restored descriptor with its keypoint, once a pose says where: of one that
# stands on few pairs, and of one that stands on PLENTY, which doubtful ones only draw aside.
ALIKE, SURELY_ALIKE = 0.5, 0.8
PLENTY = 64
PRECISIONS = (2, 4, 8)  # bits of a code's numbers, in the order of the network's layers


@dataclass(frozen=True)
class LoadedClusters:
    """The clusters of loaded tiles; a cluster is what activation calls a voxel.

    descriptors [M x D] unit length, restored; positions [M x 3] map units; starts [K + 1] of each
    cluster's points; centres [K x 3] of the clusters and side of cubes that hold all but their
    strays, map units.
    """

    descriptors: Floats
    positions: Doubles
    starts: Ints
    centres: Doubles
    side: float

    def __len__(self) -> int:
        return len(self.centres)

    def nbytes(self) -> int:
        """Memory held, bytes."""
        return self.descriptors.nbytes + self.positions.nbytes


class SqueezerDecoder:
    """restore: codes -> descriptors, once per tile. Matching is numpy."""

    name = "squeezer"

    def __init__(self, restore: Engine, content_hash: str):
        self.content_hash = content_hash
        self._restore = restore

    def load(self, tiles: Sequence[Tile]) -> LoadedClusters:
        """Everything that does not depend on the query is computed here."""
        stored = [from_tile(tile) for tile in tiles]
        counts = np.concatenate([np.bincount(s.clusters, minlength=len(s.frames))
                                 for s in stored])
        frames = np.concatenate([s.frames for s in stored])
        return LoadedClusters(
            np.concatenate([self._descriptors(s) for s in stored]),
            np.concatenate([s.positions for s in stored]),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
            frames[:, :3], 4 * float(frames[:, 3].max()))

    def _descriptors(self, stored: StoredClusters) -> Floats:
        wanted = self._restore.shape("codes")[1]
        if stored.levels.shape[1] != wanted:
            raise NmapError(f"codes of {stored.levels.shape[1]} numbers: the decoder takes "
                            f"{wanted}; rebuild the map with `nmap-reloc map build`")
        precision = np.array([bits == stored.bits for bits in PRECISIONS], np.float32)
        out = self._restore({"codes": stored.codes, "precision": precision})
        return np.asarray(out["descriptors"], np.float32)

    def decode(self, features: Features, active: LoadedClusters, wanted: Ints | None = None
               ) -> Correspondences:
        """Mutual nearest neighbours within each wanted cluster (indices; None: all of them), so
        that a keypoint may have a point in more than one; the surest first."""
        clusters = range(len(active)) if wanted is None else wanted.tolist()
        found = [self._match(features, active, cluster)
                 for cluster in clusters if len(features)]
        keypoints, points, owners = (
            np.concatenate([np.zeros(0, np.int32), *part])
            for part in zip(*((k, p, o) for k, p, o, _ in found), strict=True)
        ) if found else (np.zeros(0, np.int32),) * 3
        sure = np.concatenate([np.zeros(0, np.float32), *(c for _, _, _, c in found)])
        order = np.argsort(-sure, kind="stable")
        return Correspondences(
            features.keypoints[keypoints[order]].astype(np.float64),
            active.positions[points[order]], sure[order], keypoints[order], owners[order])

    @staticmethod
    def _match(features: Features, active: LoadedClusters, cluster: int
               ) -> tuple[Ints, Ints, Ints, Floats]:
        """(keypoints, points, cluster, confidence), each [P]."""
        start, end = active.starts[cluster], active.starts[cluster + 1]
        keypoints, nearest, confidence = mutual(features.descriptors,
                                                active.descriptors[start:end])
        return (keypoints, (start + nearest).astype(np.int32),
                np.full(len(keypoints), cluster, np.int32), confidence)

    def solve(self, correspondences: Correspondences, camera: Camera, options: SolveOptions,
              guess: Rigid | None = None) -> Solution | Refusal:
        """PnP per cluster, then on the union (paper, section 3.5)."""
        return registration.solve(correspondences, camera, options, guess)

    def confirm(self, features: Features, active: LoadedClusters, pairs: Correspondences,
                camera: Camera, solution: Solution | Refusal, solving: SolveOptions
                ) -> tuple[Solution | Refusal, Correspondences]:
        """The pose refined with every point that is where it should be; not in the paper."""
        if isinstance(solution, Refusal):
            return solution, pairs
        owners = np.repeat(np.arange(len(active), dtype=np.int32), np.diff(active.starts))
        alike = SURELY_ALIKE if solution.inliers.sum() >= PLENTY else ALIKE
        known = Known(active.positions, active.descriptors, features.descriptors, alike, owners)
        return confirm(solution, pairs, features, known, camera, solving)


def open_decoder(network: str, features: str, backend: str, weights: Path | None,
                 threads: int) -> SqueezerDecoder:
    """NmapError: the network is missing, or nothing can run it."""
    return SqueezerDecoder(open_engine(f"{network}-restore", backend, weights, threads),
                           content_hash(network, weights))
