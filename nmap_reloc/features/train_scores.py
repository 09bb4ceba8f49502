"""Trains only where keypoints are: the score map, with every descriptor fixed bit for bit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmap_reloc.engines.export import save_network
from nmap_reloc.errors import NmapError
from nmap_reloc.features.crops import Lesson, random_homography, show
from nmap_reloc.features.network import FeatureNetwork
from nmap_reloc.training import Trainer


@dataclass(frozen=True)
class ScoreTraining:
    """Settings of one training run, kept beside the weights."""

    steps: int = 1200
    crops: int = 12  # a step
    posed: float = 0.75  # share of crops whose outcomes in other views are known
    strength: float = 0.6  # of the warps
    rate: float = 1e-3
    seed: int = 0


def score_part(network: FeatureNetwork) -> list[nn.Parameter]:
    """What no descriptor depends on: the lateral convolutions and the score head."""
    return [*network.lateral.parameters(), *network.score.parameters()]


def score_loss(network: FeatureNetwork, crops: Tensor, peaks: Tensor) -> Tensor:
    """crops, peaks [B x 1 x H x W] -> cross-entropy of the score map, by the sum of the peaks."""
    with torch.no_grad():
        maps = network.pyramid(crops)
    loss = F.binary_cross_entropy_with_logits(network.score_logits(maps), peaks, reduction="sum")
    return loss / (peaks.sum() + 1)


def draw_crops(rng: np.random.Generator, scenes: list[list[Lesson]], lessons: list[Lesson],
               options: ScoreTraining) -> tuple[Tensor, Tensor]:
    """Warped, relit crops and their peaks, [B x 1 x CROP x CROP] each; a scene counts as much as
    any other."""
    shown = []
    for _ in range(options.crops):
        posed = not lessons or rng.random() < options.posed
        group = scenes[int(rng.integers(len(scenes)))] if posed else lessons
        lesson = group[int(rng.integers(len(group)))]
        shape = (lesson.grey.shape[0], lesson.grey.shape[1])
        shown.append(show(rng, lesson, random_homography(rng, shape, options.strength)))
    crops, peaks = (np.stack(part)[:, None] for part in zip(*shown, strict=True))
    return torch.from_numpy(crops), torch.from_numpy(peaks)


def train_scores(network: FeatureNetwork, scenes: list[list[Lesson]], lessons: list[Lesson],
                 options: ScoreTraining, log: Path, checkpoint: Path) -> None:
    """Trains the score part in place; the rest, statistics of batches included, stays.

    scenes: lessons of outcomes, by scene; lessons: of photographs without poses. A line of JSON
    every 50 steps goes to `log`, the weights every 300 steps to `checkpoint`.
    """
    scenes = [known for scene in scenes if (known := [x for x in scene if len(x.spots)])]
    if not scenes:
        raise NmapError("no posed scene with landmarks: the score map can only learn from what "
                        "becomes of keypoints in other views; give --posed SCENE")
    rng = np.random.default_rng(options.seed)
    learning = score_part(network)
    network.eval().requires_grad_(False)
    for parameter in learning:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(learning, options.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, options.steps,
                                                   pct_start=0.1)
    trainer = Trainer(network, optimiser, schedule, log, asdict(options), every=50)
    for step in range(options.steps):
        trainer.step({"score": score_loss(network, *draw_crops(rng, scenes, lessons, options))})
        if step % 300 == 299:
            save_network(network, network.sizes, checkpoint)
    network.requires_grad_(True)
