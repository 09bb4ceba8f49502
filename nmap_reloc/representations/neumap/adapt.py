"""Scene adaptation (paper, section 3.3): only the codes of one scene are optimised.

Two stages: codes and scaling factors together under the L1 loss (equation 11), then what falls
below the threshold is pruned and the codes are fine-tuned with the factors frozen.

A factor scales its block's keys and values (equation 4), and the mean of a code's factors scales
the code itself: a fading code also loses the competition for keypoints, so that one whose factors
are all 0 can leave the map without anything changing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.progress import track
from nmap_reloc.representations.neumap.layout import BITS
from nmap_reloc.representations.neumap.network import NeumapNetwork
from nmap_reloc.representations.neumap.train import (
    Episode,
    NeumapTraining,
    TrainingScene,
    episode_losses,
    questions,
    rounded,
)
from nmap_reloc.representations.neumap.voxels import choose_side, grid
from nmap_reloc.types import Floats

FEWEST_SEEN = 20  # landmarks of a voxel in a view that may ask it (paper, section 3.3)
REACH = 3.0  # how far a factor can travel in the first stage, whatever its number of steps


@dataclass(frozen=True)
class Adaptation:
    """steps: of both stages; the first takes two thirds. rate: of the codes. sparsity: weight of
    the L1 loss, the factors' mean. threshold: factors below it are pruned. least: codes that are
    kept whatever their factors. bits: of each number in the map: codes learn to be rounded."""

    steps: int = 300
    rate: float = 2e-3
    sparsity: float = 1.0
    threshold: float = 0.05
    least: int = 32
    bits: int = BITS
    seed: int = 0


def adapt(network: NeumapNetwork, landmarks: Landmarks, chosen: npt.NDArray[np.int64],
          codes: Floats, options: Adaptation) -> tuple[Floats, Floats]:
    """codes [M x C] of the chosen landmarks [M] -> adapted codes [M x C], factors [M x T].

    A pruned factor is exactly 0; a code whose factors are all 0 is 0 and need not be stored.
    The network is left as it was. NmapError: no view sees enough of the chosen landmarks.
    """
    learned = nn.Parameter(torch.from_numpy(codes.copy()))
    factors = nn.Parameter(torch.ones(len(codes), network.shape.blocks))
    frozen = [p for p in network.parameters() if p.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(False)
    network.eval()
    try:
        scene = TrainingScene(landmarks)
        first = options.steps * 2 // 3
        everything = np.arange(len(codes))
        _optimise(network, scene, chosen, learned, factors, everything, first, options)
        with torch.no_grad():
            factors.copy_(prune(factors, options))
        factors.requires_grad_(False)
        kept = np.flatnonzero(factors.detach().numpy().any(1))
        _optimise(network, scene, chosen, learned, factors, kept, options.steps - first, options)
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
    return (scaled(learned, factors).detach().numpy().astype(np.float32),
            factors.detach().numpy().astype(np.float32))


def _optimise(network: NeumapNetwork, scene: TrainingScene, chosen: npt.NDArray[np.int64],
              learned: Tensor, factors: Tensor, kept: npt.NDArray[np.int64], steps: int,
              options: Adaptation) -> None:
    """Some steps on the kept codes [K], in place; on their factors too unless those are frozen."""
    if not steps:
        return
    side = choose_side(scene.positions[chosen[kept]])
    sampler = VoxelSampler(scene, chosen[kept], side, options.seed)
    rows = torch.from_numpy(kept)
    groups = [{"params": [learned], "lr": options.rate}]
    if factors.requires_grad:
        groups.append({"params": [factors], "lr": REACH / steps})
    optimiser = torch.optim.Adam(groups)
    stage = "codes and factors" if factors.requires_grad else "codes alone"
    for _ in track(range(steps), f"Adapting to the scene: {stage}"):
        mine = factors[rows]
        codes = rounded(scaled(learned[rows], mine), options.bits)
        parts = episode_losses(network, scene, sampler.episode(), codes, mine, side,
                               NeumapTraining())
        loss = torch.stack(list(parts.values())).sum()
        if factors.requires_grad:
            loss = loss + options.sparsity * mine.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if factors.requires_grad:
            with torch.no_grad():  # a negative factor would turn its code round
                factors.clamp_(min=0.0)


def scaled(codes: Tensor, factors: Tensor) -> Tensor:
    """codes [M x C], factors [M x T] -> codes [M x C] as the map holds them: of the length that
    the mean of their factors says (1, as the encoder makes them, where none was scaled)."""
    unit = codes / codes.norm(dim=1, keepdim=True).clamp(min=1e-6)
    return unit * factors.mean(1, keepdim=True)


def prune(factors: Tensor, options: Adaptation) -> Tensor:
    """Factors below the threshold become exactly 0, those of the `least` best codes excepted."""
    kept = factors >= options.threshold
    kept[factors.mean(1).topk(min(options.least, len(factors))).indices] = True
    return torch.where(kept, factors, torch.zeros_like(factors))


class VoxelSampler:
    """Voxel-balanced sampling: every voxel is drawn once before any is drawn again; of its views
    that see at least 20 of its landmarks, or as many as any view does, one asks."""

    def __init__(self, scene: TrainingScene, chosen: npt.NDArray[np.int64], side: float,
                 seed: int):
        self._scene, self._chosen = scene, chosen
        self._rng = np.random.default_rng(seed)
        self._slot = np.full(len(scene.positions), -1)
        self._slot[chosen] = np.arange(len(chosen))
        self._known = scene.descriptors_without()[chosen]
        voxel = grid(scene.positions[chosen], side)[1]
        self._views = self._askers(voxel)
        self._order = self._endless()

    def _askers(self, voxel: npt.NDArray[np.int64]) -> list[list[View]]:
        """Of every voxel that any view sees."""
        views, voxels = self._scene.views, int(voxel.max()) + 1
        counts = np.zeros((len(views), voxels), np.int64)
        for row, view in zip(counts, views, strict=True):
            slots = self._slot[view.landmarks[view.landmarks >= 0]]
            row += np.bincount(voxel[slots[slots >= 0]], minlength=voxels)
        needed = np.clip(counts.max(0, initial=0), 1, FEWEST_SEEN)
        askers = [[views[i] for i in np.flatnonzero(column)] for column in (counts >= needed).T]
        if not any(askers):
            raise NmapError(f"--polish: no view sees 20 landmarks, of which {len(self._chosen)} "
                            "are in the map; leave --polish out or give more images")
        return [views for views in askers if views]

    def _endless(self) -> Iterator[int]:
        while True:
            yield from self._rng.permutation(len(self._views)).tolist()

    def episode(self) -> Episode:
        views = self._views[next(self._order)]
        view = views[int(self._rng.integers(len(views)))]
        rows, targets = questions(self._rng, view, self._slot, NeumapTraining().keypoints)
        return Episode(self._chosen, self._known, view, rows, targets, False)
