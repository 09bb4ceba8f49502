"""Joint training of the bottlenecks and the matcher (section 3.2), and how well they match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nmap_reloc.representations.maddr.decode import LANDMARKS
from nmap_reloc.representations.maddr.layout import BITS, STEP, restored, rounded
from nmap_reloc.representations.maddr.network import MaddrNetwork
from nmap_reloc.representations.maddr.pairs import (
    UNCERTAIN,
    UNMATCHED,
    Pair,
    PairScene,
    draw,
    jittered,
)
from nmap_reloc.representations.neumap.layout import CUT
from nmap_reloc.training import Trainer

ASKED = 384  # keypoints of the query, as likely as those that a robot asks about
CONFIDENT = 0.1  # P of a match that counts where the matcher is judged


class Ablation(str, Enum):
    """Table 4: what is left out of joint, asymmetric training."""

    NONE = "none"
    RETRAINING = "no-retraining"  # the matcher learns on whole descriptors and stays so
    RECONSTRUCTION = "no-reconstruction"  # lambda = 0
    SYMMETRIC = "symmetric"  # the query passes the bottleneck as well


@dataclass(frozen=True)
class MaddrTraining:
    """Settings of one training run, kept beside the weights.

    keypoints: of the query that are asked, of those that a robot would ask; landmarks: of the
    view, at most. start: steps in which the bottlenecks alone learn to reconstruct. pairs: in a
    step, the bottlenecks take turns. foreign: share of pairs whose views are of different scenes.
    blur: noise on every number of a descriptor, lest scenes be learned by heart. others:
    landmarks of any scene that pass the bottleneck with the view's, for steady batch statistics.
    reconstruction: lambda of equation 9.
    """

    steps: int = 2500
    keypoints: int = 256
    landmarks: int = 256
    start: int = 400
    rate: float = 2e-3
    seed: int = 0
    pairs: int = 3
    foreign: float = 0.12
    blur: float = 0.03
    others: int = 1024
    reconstruction: float = 1.0
    ablation: Ablation = Ablation.NONE


@dataclass(frozen=True)
class Batch:
    """Pairs side by side: as Pair, the views filled up to one K; there [B x K]."""

    query: Tensor
    query_positions: Tensor
    targets: Tensor
    view: Tensor
    view_positions: Tensor
    certain: Tensor
    there: Tensor


def train(network: MaddrNetwork, scenes: Sequence[PairScene], options: MaddrTraining, log: Path
          ) -> None:
    """Trains in place; a line of JSON every 100 steps goes to `log`."""
    rng = np.random.default_rng(options.seed)
    torch.manual_seed(options.seed)
    everything = torch.from_numpy(np.concatenate([s.landmarks.mean_descriptors() for s in scenes]))
    optimiser = torch.optim.AdamW(network.parameters(), options.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, options.steps,
                                                   pct_start=0.1)
    network.train()
    if options.ablation is not Ablation.RECONSTRUCTION:
        start(network, everything, options)
    trainer = Trainer(network, optimiser, schedule, log, asdict(options), every=100)
    for _ in range(options.steps):
        batch = together([_moved(rng, draw(rng, scenes, options.foreign, options.landmarks))
                          for _ in range(options.pairs)])
        others = everything[torch.from_numpy(rng.integers(len(everything), size=options.others))]
        trainer.step(losses(network, batch, others, options))
    network.eval()


def start(network: MaddrNetwork, descriptors: Tensor, options: MaddrTraining) -> None:
    """The bottlenecks alone, by equation 8."""
    optimiser = torch.optim.Adam(network.bottleneck.parameters(), options.rate)
    for _ in range(options.start):
        some = descriptors[torch.randint(len(descriptors), (2 * options.others,))]
        optimiser.zero_grad()
        torch.stack([(compressed(network, some, size) - some).square().sum(1).mean()
                     for size in network.shape.dimensions]).sum().backward()
        optimiser.step()


def compressed(network: MaddrNetwork, descriptors: Tensor, dimensions: int) -> Tensor:
    """[M x D] through the bottleneck (equation 5), with noise as large as rounding's error."""
    codes = network.encode(descriptors, dimensions)
    noise = (torch.rand_like(codes) - 0.5) * STEP
    return network.restore(codes.clamp(-CUT[BITS], CUT[BITS]) + noise)


def losses(network: MaddrNetwork, batch: Batch, others: Tensor, options: MaddrTraining
           ) -> dict[str, Tensor]:
    """The terms of equation 9, weighted."""
    whole, query = _blurred(batch.view, options.blur), _blurred(batch.query, options.blur)
    others = _blurred(others, options.blur)
    apart, views, queries = [], [], []
    for row, there in enumerate(batch.there > 0):
        sizes = network.shape.dimensions
        through = torch.cat([whole[row, there], others, query[row]])
        if options.ablation is not Ablation.SYMMETRIC:
            through = through[:len(through) - query.shape[1]]
        made = compressed(network, through, sizes[row % len(sizes)])
        apart.append((made - through).square().sum(1).mean())  # equation 8
        count = int(there.sum())
        views.append(F.pad(made[:count], (0, 0, 0, len(there) - count)))
        queries.append(made[-query.shape[1]:])
    parts = {}
    if options.ablation is not Ablation.RECONSTRUCTION:
        parts["reconstruction"] = options.reconstruction * torch.stack(apart).mean()
    view = whole if options.ablation is Ablation.RETRAINING else torch.stack(views)
    if options.ablation is Ablation.SYMMETRIC:
        query = torch.stack(queries)
    rows = asked(query, view, batch.there)
    rows = rows[:, torch.randperm(rows.shape[1])[:options.keypoints]]
    parts["match"] = matching_loss(*network.match(
        _take(query, rows), _take(batch.query_positions, rows), view, batch.view_positions,
        batch.there), batch.targets.gather(1, rows), batch)
    return parts


def matching_loss(rows: Tensor, columns: Tensor, targets: Tensor, batch: Batch) -> Tensor:
    """Equation 7, its three sums as means: a pair with few matches counts as much."""
    matched = targets >= 0
    partner = targets.clamp(min=0)
    both = (rows[:, :, :-1] + columns[:, :-1]).gather(2, partner[..., None])[..., 0]
    owned = torch.zeros_like(batch.there).scatter_add(  # by a keypoint that was asked or not
        1, batch.targets.clamp(min=0), (batch.targets >= 0).float())
    alone = (owned == 0) & batch.certain & (batch.there > 0)
    terms = ((both, matched, 1.0), (rows[:, :, -1], targets == UNMATCHED, 0.5),
             (columns[:, -1], alone, 0.5))
    return -torch.stack([share * (logs * mask).sum() / mask.sum().clamp(min=1)
                         for logs, mask, share in terms]).sum()


def asked(query: Tensor, view: Tensor, there: Tensor) -> Tensor:
    """[B x M] the query's keypoints that are most like the view's landmarks: decode.likely."""
    with torch.no_grad():
        likeness = query @ view.transpose(1, 2) + (there - 1)[:, None] * 9
        return likeness.max(2).values.topk(min(ASKED, query.shape[1]), 1).indices


def together(pairs: Sequence[Pair]) -> Batch:
    """As many keypoints of each query as the poorest has; views filled up."""
    fewest = min(len(pair.query) for pair in pairs)
    most = max(1, *(len(pair.view) for pair in pairs))  # of nothing there is no softmax

    def filled(rows: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Tensor:
        room = [(0, most - len(rows)), *[(0, 0)] * (rows.ndim - 1)]
        return torch.from_numpy(np.pad(rows, room))

    return Batch(torch.stack([torch.from_numpy(p.query[:fewest]) for p in pairs]),
                 torch.stack([torch.from_numpy(p.query_positions[:fewest]) for p in pairs]),
                 torch.stack([torch.from_numpy(p.targets[:fewest]) for p in pairs]),
                 torch.stack([filled(p.view) for p in pairs]),
                 torch.stack([filled(p.view_positions) for p in pairs]),
                 torch.stack([filled(p.certain) for p in pairs]),
                 torch.stack([filled(np.ones(len(p.view), np.float32)) for p in pairs]))


@torch.inference_mode()
def quality(network: MaddrNetwork, scenes: Sequence[PairScene], dimensions: int,
            query_too: bool = False, pairs: int = 40, seed: int = 1) -> tuple[float, float]:
    """Precision and recall of the matches, with rounded codes, on views that never asked.

    query_too: the query passes the bottleneck as well (Table 4, "query+db").
    """
    rng = np.random.default_rng(seed)
    right = made = true = 0
    for _ in range(pairs):
        batch = together([draw(rng, scenes, 0.0, LANDMARKS, checking=True)])
        view = _through(network, batch.view[0], dimensions)[None]
        query = _through(network, batch.query[0], dimensions)[None] if query_too else batch.query
        rows = asked(query, view, batch.there)
        partner, confidence = network.partners(*network.match(
            _take(query, rows), _take(batch.query_positions, rows), view, batch.view_positions,
            batch.there))
        targets = batch.targets.gather(1, rows)
        claimed = (confidence > CONFIDENT) & (targets != UNCERTAIN)
        right += int((claimed & (partner == targets)).sum())
        made += int(claimed.sum())
        true += int((batch.targets >= 0).sum())
    return right / max(made, 1), right / max(true, 1)


def _through(network: MaddrNetwork, descriptors: Tensor, dimensions: int) -> Tensor:
    codes = rounded(network.encode(descriptors, dimensions).numpy())
    return network.restore(torch.from_numpy(restored(codes)))


def _moved(rng: np.random.Generator, pair: Pair) -> Pair:
    return Pair(pair.query, jittered(rng, pair.query_positions), pair.targets, pair.view,
                jittered(rng, pair.view_positions), pair.certain)


def _blurred(descriptors: Tensor, blur: float) -> Tensor:
    return F.normalize(descriptors + blur * torch.randn_like(descriptors),
                                         dim=-1)


def _take(values: Tensor, rows: Tensor) -> Tensor:
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[-1]))
