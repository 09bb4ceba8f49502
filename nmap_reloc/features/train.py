"""Trains the feature network: a teacher's keypoints, contrast between crops, distillation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nmap_reloc.engines.export import save_network
from nmap_reloc.features.crops import Lesson, Pair, make_pair
from nmap_reloc.features.network import FeatureNetwork
from nmap_reloc.features.posed import PosedScene, make_posed_pair
from nmap_reloc.training import Trainer


@dataclass(frozen=True)
class FeatureTraining:
    """Settings of one training run, kept beside the weights."""

    steps: int = 3000
    pairs: int = 6  # image pairs a step
    posed: float = 0.3  # share of pairs that are two photographs, where there are posed scenes
    points: int = 160  # shared keypoints a pair
    rate: float = 2e-3
    seed: int = 0
    temperature: float = 0.06  # of the matching loss
    distil: float = 2.0
    score: float = 1.0
    retrieval: float = 0.1


def losses(network: FeatureNetwork, pairs: list[Pair], options: FeatureTraining
           ) -> dict[str, Tensor]:
    """The weighted parts of the loss for one batch of pairs."""
    crops = torch.from_numpy(np.stack([p.crops for p in pairs])).flatten(0, 1)[:, None]
    peaks = torch.from_numpy(np.stack([p.peaks for p in pairs])).flatten(0, 1)[:, None]
    points = torch.from_numpy(np.stack([p.points for p in pairs])).flatten(0, 1)
    taught = torch.from_numpy(np.stack([p.descriptors for p in pairs]))
    maps = network.pyramid(crops)
    size = (crops.shape[2], crops.shape[3])
    score = F.binary_cross_entropy_with_logits(network.score_logits(maps), peaks, reduction="sum")
    described = network.descriptors(maps, points, size).unflatten(0, (-1, 2))  # [P x 2 x M x D]
    known = (taught.square().sum(-1) > 0.5).float()[:, None]
    distil = 1 - (described * taught[:, None]).sum(-1).sum() / (2 * known.sum() + 1)
    match = matching(described[:, 0].flatten(0, 1), described[:, 1].flatten(0, 1),
                     points.unflatten(0, (-1, 2))[:, 1], options.temperature)
    whole = network.global_descriptor(maps).unflatten(0, (-1, 2))
    alike = whole[:, 0] @ whole[:, 1].T / 0.1
    label = torch.arange(len(alike))
    retrieval = F.cross_entropy(alike, label) + F.cross_entropy(alike.T, label)
    return {"score": options.score * score / (peaks.sum() + 1), "distil": options.distil * distil,
            "match": match, "retrieval": options.retrieval * retrieval}


def matching(first: Tensor, second: Tensor, places: Tensor, temperature: float) -> Tensor:
    """Dual-softmax cross-entropy over all points of the batch; [P M x D] both, row i pairs row i.

    places [P x M x 2]: points drawn twice or closer than 3 pixels are not each other's negatives.
    """
    logits = first @ second.T / temperature
    pairs, count = places.shape[:2]
    near = torch.cdist(places, places) < 3.0  # [P x M x M]
    same = torch.block_diag(*near) & ~torch.eye(pairs * count, dtype=torch.bool)
    logits = logits.masked_fill(same, -1e4)
    label = torch.arange(len(logits))
    return (F.cross_entropy(logits, label) + F.cross_entropy(logits.T, label)) / 2


def draw_pairs(rng: np.random.Generator, lessons: list[Lesson], scenes: list[PosedScene],
               options: FeatureTraining) -> list[Pair]:
    pairs: list[Pair] = []
    while len(pairs) < options.pairs:
        if scenes and rng.random() < options.posed:
            pair = make_posed_pair(rng, scenes[int(rng.integers(len(scenes)))], options.points,
                                   lessons[0].descriptors.shape[1])
        else:
            pair = make_pair(rng, lessons[int(rng.integers(len(lessons)))], options.points)
        if pair is not None:
            pairs.append(pair)
    return pairs


def train(network: FeatureNetwork, lessons: list[Lesson], scenes: list[PosedScene],
          options: FeatureTraining, log: Path, checkpoint: Path) -> None:
    """Trains in place; a line of JSON every 50 steps goes to `log`, the weights every 300 steps
    to `checkpoint`."""
    rng = np.random.default_rng(options.seed)
    optimiser = torch.optim.AdamW(network.parameters(), options.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, options.steps,
                                                   pct_start=0.1)
    network.train()
    trainer = Trainer(network, optimiser, schedule, log, asdict(options), every=50)
    for step in range(options.steps):
        pairs = draw_pairs(rng, lessons, scenes, options)
        trainer.step(losses(network, pairs, options))
        if step % 300 == 299:
            save_network(network, network.sizes, checkpoint)
    network.eval()

