"""Scene-agnostic training of the network, and what scene adaptation shares with it.

An episode is one map view asking one scene: the view's own observations, and often those of the
views most like it, are taken out of the landmarks' descriptors, a random subset of landmarks
becomes the codes, and the view's keypoints are decoded. So most episodes ask from farther away
than the landmarks were seen from, as a robot will. Confidence is taught by geometry: is the
decoded point within a few pixels of the keypoint when seen from the view's pose? Some episodes
ask a scene the view was not taken in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from nmap_reloc.camera import project
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.representations.neumap.layout import CUT
from nmap_reloc.representations.neumap.network import NeumapNetwork
from nmap_reloc.representations.neumap.voxels import choose_side, grid
from nmap_reloc.training import Trainer

HIT = 4.0  # pixels: a decoded point that projects this close to its keypoint is right


@dataclass(frozen=True)
class NeumapTraining:
    """Settings of one training run, kept beside the weights. Loss weights: equation 8, whose L1
    term belongs to scene adaptation (adapt.py)."""

    steps: int = 2500
    rate: float = 2e-3
    seed: int = 0
    most_codes: int = 4000
    keypoints: int = 512  # of the asking view, at most
    foreign: float = 0.12  # share of episodes that ask a scene the view was not taken in
    bits: tuple[int, ...] = (1, 2, 3)  # of each number of a code, one of these in an episode:
    # what is learned for coarse codes helps with the fine ones, too
    blur: float = 0.06  # noise on every number of a descriptor at most, against learning by heart
    distant: float = 0.6  # share of episodes in which the views most like the asking one are gone
    most_gone: int = 8  # and how many of them, at most
    coordinate: float = 1.0
    confidence: float = 1.0
    match: float = 0.5


class TrainingScene:
    """Landmarks as arrays that an episode can draw from quickly."""

    def __init__(self, landmarks: Landmarks):
        self.landmarks = landmarks
        self.positions = landmarks.positions.astype(np.float32)
        self.total = landmarks.descriptor_sums()
        self.views = [v for v in landmarks.views if (v.landmarks >= 0).sum() >= 20]
        sees = np.zeros((len(self.views), len(self.positions)), np.float32)
        for row, view in zip(sees, self.views, strict=True):
            row[view.landmarks[view.landmarks >= 0]] = 1
        shared = sees @ sees.T
        np.fill_diagonal(shared, np.inf)
        self._alike = np.argsort(-shared, axis=1, kind="stable")  # each view first is like itself

    def alike(self, index: int, count: int) -> list[View]:
        """A view and the `count` others that share most landmarks with it."""
        return [self.views[i] for i in self._alike[index, :count + 1]]

    def descriptors_without(self, views: Sequence[View] = ()) -> npt.NDArray[np.float32]:
        """[L x D] mean descriptors, these views' own observations left out; 0 where none is left.
        """
        total = self.total
        if views:
            total = total.copy()
            left = self.landmarks.track_lengths.copy()
            for view in views:
                seen = view.landmarks >= 0
                who = view.landmarks[seen]  # a view sees a landmark once
                total[who] -= view.descriptors[seen].astype(np.float32)
                left[who] -= 1
            total[left <= 0] = 0  # not what rounding leaves
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-6)


@dataclass(frozen=True)
class Episode:
    """What one step decodes: codes' landmarks [M], their descriptors [M x D], the view that asks,
    which of its keypoints [N], targets [N] index into the codes or -1."""

    chosen: npt.NDArray[np.int64]
    descriptors: npt.NDArray[np.float32]
    view: View
    rows: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    foreign: bool


def questions(rng: np.random.Generator, view: View, slot: npt.NDArray[np.int64] | None, most: int
              ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """At most `most` keypoints of a view and their targets; slot [L]: each landmark's code or -1,
    None where the view belongs to another scene."""
    rows = rng.permutation(len(view.keypoints))[:most]
    seen = view.landmarks[rows]
    if slot is None:
        return rows, np.full(len(rows), -1, np.int64)
    return rows, np.where(seen >= 0, slot[np.maximum(seen, 0)], -1).astype(np.int64)


def draw(rng: np.random.Generator, scenes: list[TrainingScene], options: NeumapTraining
         ) -> tuple[TrainingScene, Episode]:
    scene = scenes[int(rng.integers(len(scenes)))]
    foreign = len(scenes) > 1 and rng.random() < options.foreign
    asker = scene
    while foreign and asker is scene:
        asker = scenes[int(rng.integers(len(scenes)))]
    index = int(rng.integers(len(asker.views)))
    view = asker.views[index]
    known = scene.descriptors_without() if foreign else scene.descriptors_without(
        scene.alike(index, _gone(rng, asker, options)))
    there = np.flatnonzero(known.any(1))
    fraction = np.exp(rng.uniform(np.log(0.1), 0.0))
    count = int(np.clip(len(there) * fraction, 64, options.most_codes))
    # long tracks first, as the map keeps them, but never the same choice twice
    order = np.argsort(-scene.landmarks.track_lengths[there] * rng.gamma(1.0, size=len(there)))
    chosen = there[order[:count]]
    slot = np.full(len(scene.positions), -1)
    slot[chosen] = np.arange(len(chosen))
    rows, targets = questions(rng, view, None if foreign else slot, options.keypoints)
    return scene, Episode(chosen, known[chosen], view, rows, targets, foreign)


def _gone(rng: np.random.Generator, scene: TrainingScene, options: NeumapTraining) -> int:
    """How many of the views most like the asking one are taken out; never over a third of all."""
    most = min(options.most_gone, len(scene.views) // 3)
    return int(rng.integers(1, most + 1)) if most and rng.random() < options.distant else 0


def episode_losses(network: NeumapNetwork, scene: TrainingScene, episode: Episode, codes: Tensor,
                   factors: Tensor | None, side: float, options: NeumapTraining
                   ) -> dict[str, Tensor]:
    """The weighted losses (equations 8-10) and, to follow, the share of right decodings."""
    view = episode.view
    positions = torch.from_numpy(scene.positions[episode.chosen])
    voxels = torch.from_numpy(grid(scene.positions[episode.chosen], side)[1])
    keys, values = network.unfold(codes, factors)
    asked = torch.from_numpy(view.descriptors[episode.rows].astype(np.float32))
    if network.training:
        asked = blurred(asked, options.blur)
    target = torch.from_numpy(episode.targets)
    coordinates, confidence, _, chosen, _, final = network.decode(
        asked, codes, keys, values, positions, voxels, torch.tensor([side]))
    parts: dict[str, Tensor] = {}
    known = target >= 0
    if known.any():
        logits = network.encode(asked[known]) @ codes.T * network.temperature.exp()
        parts["match"] = options.match * F.cross_entropy(logits, target[known])
        hit = chosen == target[:, None]
        found = hit.any(1)
        if found.any():
            parts["pointing"] = F.cross_entropy(final[found], hit[found].float().argmax(1))
            mean = (final[found].softmax(1)[..., None] * positions[chosen[found]]).sum(1)
            apart = (mean - positions[target[found]]).norm(dim=-1) / side
            parts["coordinate"] = options.coordinate * apart.clamp(max=2.0).mean()
    right = torch.zeros(len(asked))
    if not episode.foreign:
        pixels = project(view.camera, view.map_from_camera.inverse().apply(
            coordinates.detach().numpy()))
        right = torch.from_numpy(
            np.linalg.norm(pixels - view.keypoints[episode.rows], axis=1) < HIT).float()
    parts["confidence"] = options.confidence * F.binary_cross_entropy_with_logits(
        confidence, right)
    return parts


def blurred(descriptors: Tensor, most: float) -> Tensor:
    """Noise on every number, of one size in an episode and another in the next."""
    return descriptors + most * torch.rand(()) * torch.randn_like(descriptors)


def rounded(codes: Tensor, bits: int) -> Tensor:
    """Codes as the map will give them back (layout.to_tile); gradients pass as if unrounded."""
    with torch.no_grad():
        cut = CUT[bits] * codes.std(unbiased=False)
        step = 2 * cut / (2 ** bits - 1)
        change = ((codes.clamp(-cut, cut) + cut) / step).round() * step - cut - codes
    return codes + change


def train(network: NeumapNetwork, scenes: list[TrainingScene], options: NeumapTraining,
          log: Path) -> None:
    """Trains in place over many scenes; a line of JSON every 100 steps goes to `log`."""
    rng = np.random.default_rng(options.seed)
    torch.manual_seed(options.seed)
    network.start_from(torch.from_numpy(np.concatenate(
        [scene.descriptors_without() for scene in scenes])))
    slow = list(network.project.parameters())
    rest = [p for name, p in network.named_parameters() if not name.startswith("project.")]
    rates = [options.rate / 20, options.rate]
    optimiser = torch.optim.AdamW([{"params": slow, "weight_decay": 0.0}, {"params": rest}],
                                  options.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, options.steps,
                                                   pct_start=0.1)
    network.train()
    trainer = Trainer(network, optimiser, schedule, log, asdict(options), every=100)
    for _ in range(options.steps):
        scene, episode = draw(rng, scenes, options)
        known = torch.from_numpy(episode.descriptors)
        codes = network.encode(blurred(known, options.blur))
        codes = rounded(codes, options.bits[int(rng.integers(len(options.bits)))])
        side = choose_side(scene.positions[episode.chosen]) * float(np.exp(rng.normal() * 0.4))
        trainer.step(episode_losses(network, scene, episode, codes, None, side, options))
    network.eval()
