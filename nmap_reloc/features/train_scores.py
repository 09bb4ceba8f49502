"""Trains only where keypoints are: the score map, with every descriptor fixed bit for bit."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmap_reloc.engines.export import save_network
from nmap_reloc.errors import NmapError
from nmap_reloc.features.crops import (
    CROP,
    Lesson,
    draw_peaks,
    random_homography,
    show,
    shown_spots,
)
from nmap_reloc.features.network import FeatureNetwork, detect
from nmap_reloc.training import Trainer
from nmap_reloc.types import Floats

KEPT = 200  # keypoints of a crop, as dense as 1,024 in 640 x 480


@dataclass(frozen=True)
class ScoreTraining:
    """Settings of one training run, kept beside the weights."""

    steps: int = 1200
    crops: int = 12  # a step
    posed: float = 0.75  # share of crops whose outcomes in other views are known
    as_given: float = 0.5  # share of crops that are neither warped nor relit
    strength: float = 0.6  # of the warps
    chosen: float = 8.0  # additional weight of pixels where candidates are
    rate: float = 1e-3
    seed: int = 0


def score_part(network: FeatureNetwork) -> list[nn.Parameter]:
    """What no descriptor depends on: the lateral convolutions and the score head."""
    return [*network.lateral.parameters(), *network.score.parameters()]


def score_loss(network: FeatureNetwork, crops: Tensor, peaks: Tensor, weights: Tensor) -> Tensor:
    """[B x 1 x H x W] each -> weighted cross-entropy of the score map, by the sum of the peaks."""
    with torch.no_grad():
        maps = network.pyramid(crops)
    loss = F.binary_cross_entropy_with_logits(network.score_logits(maps), peaks, weights,
                                              reduction="sum")
    return loss / (weights * peaks).sum().clamp(min=1)


def draw_crops(rng: np.random.Generator, scenes: list[list[Lesson]], lessons: list[Lesson],
               options: ScoreTraining) -> tuple[Tensor, Tensor, Tensor]:
    """Crops, their peaks and the weights of pixels, [B x 1 x CROP x CROP] each.

    A scene counts as much as any other. What is and what might have been a keypoint weighs more
    than the rest.
    """
    shown = []
    for _ in range(options.crops):
        posed = not lessons or rng.random() < options.posed
        group = scenes[int(rng.integers(len(scenes)))] if posed else lessons
        shown.append(_look(rng, group[int(rng.integers(len(group)))], options))
    crops, peaks, weights = (torch.from_numpy(np.stack(part)[:, None])
                             for part in zip(*shown, strict=True))
    return crops, peaks, weights


def _look(rng: np.random.Generator, lesson: Lesson, options: ScoreTraining
          ) -> tuple[Floats, Floats, Floats]:
    """One crop, warped and relit or as the camera gave it."""
    shape = (lesson.grey.shape[0], lesson.grey.shape[1])
    if rng.random() < options.as_given and min(shape) >= CROP:
        top, left = (int(rng.integers(side - CROP + 1)) for side in shape)
        matrix = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
        cut = lesson.grey[top:top + CROP, left:left + CROP]
        crop = np.asarray(cut, np.float32) / np.float32(255)
        spots, worth = shown_spots(lesson, matrix)
        peaks = draw_peaks(spots, worth)
    else:
        matrix = random_homography(rng, shape, options.strength)
        crop, peaks = show(rng, lesson, matrix)
        spots, _ = shown_spots(lesson, matrix)
    every = draw_peaks(spots, np.ones(len(spots), np.float32))
    return crop, peaks, np.asarray(1 + options.chosen * every, np.float32)


def level(network: FeatureNetwork, crops: Tensor) -> Tensor:
    """crops [B x 1 x CROP x CROP] -> the mean logit of the keypoints that would be chosen."""
    with torch.no_grad():
        logits = network.score_logits(network.pyramid(crops))
        return torch.stack([detect(one[None], KEPT)[1] for one in logits]).mean()


def train_scores(network: FeatureNetwork, scenes: list[list[Lesson]], lessons: list[Lesson],
                 options: ScoreTraining, log: Path, checkpoint: Path) -> None:
    """Trains the score part in place; the rest, statistics of batches included, stays.

    scenes: lessons of outcomes, by scene; lessons: of photographs without poses. A line of JSON
    every 50 steps goes to `log`, the weights every 300 steps to `checkpoint`.
    """
    scenes = [known for scene in scenes if (known := [x for x in scene if x.worth.any()])]
    if not scenes:
        raise NmapError("no posed scene with landmarks: the score map can only learn from what "
                        "becomes of keypoints in other views; give --posed SCENE")
    rng = np.random.default_rng(options.seed)
    seen = draw_crops(np.random.default_rng(options.seed), scenes, lessons,
                      replace(options, crops=4 * options.crops))[0]
    before = level(network.eval(), seen)
    learning = score_part(network)
    network.requires_grad_(False)
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
    # the whole level of scores says nothing of where keypoints are, but squeezer has learned it
    with torch.no_grad():
        network.score[1].bias += before - level(network, seen)
    network.requires_grad_(True)
