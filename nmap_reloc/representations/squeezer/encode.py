"""A scene's landmarks in; what each is worth, which to keep and their codes out (section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.squeezer.clusters import Cluster, Indices, clusters_of, seen_by
from nmap_reloc.representations.squeezer.layout import StoredClusters, frames_of
from nmap_reloc.representations.squeezer.network import SqueezerNetwork
from nmap_reloc.representations.squeezer.observations import observe
from nmap_reloc.representations.squeezer.programme import Points
from nmap_reloc.types import Floats

MOST_FRAMES = 32  # that judge a cluster's points: its own, then those that see most of them
SHARED = 20  # points that a frame of another cluster must see to judge them


@dataclass(frozen=True)
class Judged:
    """The clusters and what their frames say of their points, for the quadratic programme."""

    clusters: tuple[Cluster, ...]
    points: tuple[Points, ...]
    tau: float


@torch.inference_mode()
def judge(network: SqueezerNetwork, landmarks: Landmarks) -> Judged:
    """Every cluster's points judged by the cluster's frames and by those of other clusters that
    see them too: what serves two clusters is worth more."""
    clusters = clusters_of(landmarks)
    seen = seen_by(landmarks)
    judged = []
    for cluster in clusters:
        frames = _frames(landmarks, cluster, seen)
        observed = observe(landmarks, cluster.points, cluster.views, cluster.anchors, frames)
        verdict = network.judge(observed)
        regions = np.stack([frame.regions for frame in observed.frames], 1)
        judged.append(Points(cluster.points, observed.positions, np.array(frames),
                             verdict.found.numpy(), verdict.shown.numpy(), regions))
    return Judged(tuple(clusters), tuple(judged), float(network.tau.detach().exp()))


def _frames(landmarks: Landmarks, cluster: Cluster, seen: list[Indices]) -> list[int]:
    """The anchors with the others: what is kept must serve views like them as well."""
    mine = np.zeros(len(landmarks), bool)
    mine[cluster.points] = True
    shared = np.array([int(mine[points].sum()) for points in seen])
    own = np.isin(np.arange(len(seen)), cluster.views)
    order = np.lexsort((-shared, ~own))
    return [int(view) for view in order if own[view] or shared[view] >= SHARED][:MOST_FRAMES]


def distinctiveness_of(network: SqueezerNetwork, landmarks: Landmarks) -> Floats:
    """[L] d of every landmark: what it is worth to the views that judge it, 1 to each that is
    sure to find it; 0 where no view observes it."""
    scores = np.zeros(len(landmarks), np.float32)
    for points in judge(network, landmarks).points:
        scores[points.landmarks] = points.found.sum(1)
    return scores


@torch.inference_mode()
def into_clusters(network: SqueezerNetwork, landmarks: Landmarks, home: Indices, chosen: Indices,
                  descriptors: Floats, bits: int) -> StoredClusters:
    """The chosen landmarks [M] by cluster; home [L]: each landmark's cluster; descriptors
    [M x D]. Clusters of which none is chosen are left out."""
    clusters = np.unique(home[chosen], return_inverse=True)[1].reshape(-1)
    positions = landmarks.positions[chosen]
    # Within a cluster by position: neighbours share leading bits, which compresses better.
    order = np.lexsort((positions[:, 2], positions[:, 1], positions[:, 0], clusters))
    levels = network.quantiser.levels(torch.from_numpy(descriptors[order]), bits).numpy()
    placed, sorted_clusters = positions[order], clusters[order].astype(np.int32)
    return StoredClusters(levels, bits, placed, sorted_clusters,
                          frames_of(placed, sorted_clusters))


def homes(judged: Judged, count: int) -> Indices:
    """[L]: the cluster of each landmark."""
    home = np.zeros(count, np.int64)
    for index, cluster in enumerate(judged.clusters):
        home[cluster.points] = index
    return home
