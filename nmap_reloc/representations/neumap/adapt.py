"""Scene adaptation (paper, section 3.3): only the codes of one scene are optimised.

Two stages: codes and scaling factors together under the L1 loss (equation 11), then what falls
below the threshold is pruned and the codes are fine-tuned with the factors frozen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.progress import track
from nmap_reloc.representations.neumap.network import NeumapNetwork
from nmap_reloc.representations.neumap.train import (
    Episode,
    NeumapTraining,
    TrainingScene,
    episode_losses,
)
from nmap_reloc.representations.neumap.voxels import choose_side, grid
from nmap_reloc.types import Floats

FEWEST_SEEN = 20  # landmarks of a voxel in a view that may ask it (paper, section 3.3)


@dataclass(frozen=True)
class Adaptation:
    """steps: of both stages; the first takes two thirds. threshold: factors below it are pruned.
    sparsity: weight of the L1 loss on the factors."""

    steps: int = 300
    rate: float = 2e-3
    sparsity: float = 1e-3
    threshold: float = 0.05
    seed: int = 0


def adapt(network: NeumapNetwork, landmarks: Landmarks, chosen: npt.NDArray[np.int64],
          codes: Floats, options: Adaptation) -> tuple[Floats, Floats]:
    """codes [M x C] of the chosen landmarks [M] -> adapted codes [M x C], factors [M x T].

    A pruned factor is exactly 0; a code whose factors are all 0 can be left out of the map.
    """
    scene = TrainingScene(landmarks)
    side = choose_side(scene.positions[chosen])
    sampler = VoxelSampler(scene, chosen, side, options.seed)
    learned = nn.Parameter(torch.from_numpy(codes.copy()))
    factors = nn.Parameter(torch.ones(len(codes), network.shape.blocks))
    frozen = [p for p in network.parameters() if p.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(False)
    network.eval()
    optimiser = torch.optim.Adam([learned, factors], options.rate)
    first = options.steps * 2 // 3
    for step in track(range(options.steps), "Adapting codes to the scene"):
        if step == first:
            with torch.no_grad():
                factors[factors.abs() < options.threshold] = 0.0
            factors.requires_grad_(False)
        episode = sampler.episode()
        parts = episode_losses(network, scene, episode, _within(learned), factors, side,
                               NeumapTraining())
        loss = torch.stack(list(parts.values())).sum()
        if factors.requires_grad:
            loss = loss + options.sparsity * factors.abs().sum() / len(codes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for parameter in frozen:
        parameter.requires_grad_(True)
    return (_within(learned).detach().numpy().astype(np.float32),
            factors.detach().numpy().astype(np.float32))


def _within(codes: Tensor) -> Tensor:
    """Codes stay unit length, as the encoder makes them."""
    return codes / codes.norm(dim=1, keepdim=True).clamp(min=1e-6)


class VoxelSampler:
    """Voxel-balanced sampling: every voxel is drawn once before any is drawn again; of its views
    that see at least 20 of its landmarks, one asks."""

    def __init__(self, scene: TrainingScene, chosen: npt.NDArray[np.int64], side: float,
                 seed: int):
        self._scene, self._chosen = scene, chosen
        self._rng = np.random.default_rng(seed)
        self._slot = np.full(len(scene.positions), -1)
        self._slot[chosen] = np.arange(len(chosen))
        self._known = scene.descriptors_without(None)[chosen]
        voxel = grid(scene.positions[chosen], side)[1]
        self._views = self._askers(voxel)
        self._order = self._endless()

    def _askers(self, voxel: npt.NDArray[np.int64]) -> list[list[View]]:
        askers: list[list[View]] = [[] for _ in range(int(voxel.max()) + 1)]
        for view in self._scene.views:
            slots = self._slot[view.landmarks[view.landmarks >= 0]]
            counts = np.bincount(voxel[slots[slots >= 0]], minlength=len(askers))
            for index in np.flatnonzero(counts >= min(FEWEST_SEEN, counts.max(initial=1))):
                askers[index].append(view)
        return [views for views in askers if views]

    def _endless(self) -> Iterator[int]:
        while True:
            yield from self._rng.permutation(len(self._views)).tolist()

    def episode(self) -> Episode:
        views = self._views[next(self._order)]
        view = views[int(self._rng.integers(len(views)))]
        targets = np.where(view.landmarks >= 0, self._slot[np.maximum(view.landmarks, 0)], -1)
        return Episode(self._chosen, self._known, view, targets.astype(np.int64), False)
