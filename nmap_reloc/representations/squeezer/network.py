"""SceneSqueezer's networks (CVPR 2022): what a point's observations say of its worth, and its
descriptor in few bits.

Widths are a quarter of the paper's and the matcher is the robot's own, the cosine of two
descriptors, where the paper has SuperGlue: both must agree on what is distinctive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmap_reloc.mapping.choice import REGIONS
from nmap_reloc.representations.squeezer.observations import (
    BESIDE_SENSOR,
    FAR,
    Observed,
)
from nmap_reloc.representations.squeezer.quantiser import Quantiser

EVIDENCE = 7  # numbers that one verification frame says of a point
NEAR = 4.0  # pixels at which agreement has fallen to 1/e
HIT = 4.0  # pixels: the unit of reprojection errors
WORST = 3.0  # HITs: a pair that is farther off is simply wrong


@dataclass(frozen=True)
class SqueezerShape:
    """Sizes of the network; they travel with its weights."""

    descriptor: int = 64  # width of the extractor's descriptors
    width: int = 64
    heads: int = 4
    neighbours: int = 8  # of the point transformers
    code: int = 32  # numbers of a stored descriptor


class PointTransformer(nn.Module):
    """One block of vector attention among near points (Zhao et al. 2021, equation 3)."""

    def __init__(self, width: int):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.place = nn.Sequential(nn.Linear(3, width), nn.GELU(), nn.Linear(width, width))
        self.weigh = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.norm = nn.LayerNorm(width)

    def forward(self, state: Tensor, positions: Tensor, near: Tensor) -> Tensor:
        """state [m x C], positions [m x 3], near [m x k] indices -> [m x C]."""
        query, key, value = self.qkv(self.norm(state)).chunk(3, -1)
        apart = positions[:, None] - positions[near]
        # In units of the neighbourhood: the same whether points lie close or far apart.
        apart = apart / apart.norm(dim=-1, keepdim=True).mean(1, keepdim=True).clamp(min=1e-6)
        apart = self.place(apart)
        weight = self.weigh(query[:, None] - key[near] + apart).softmax(1)
        return state + (weight * (value[near] + apart)).sum(1)


class Verdict(NamedTuple):
    """What the n verification frames of a cluster say of its m points.

    variance [m x n]: logarithm of sigma**2, the reprojection error to expect in views like the
    frame, in HITs. found [m x n]: 0..1, what the point is worth to such a view, 0 out of view: the
    square of how likely it finds the point, for a sample of pairs is right only where all are.
    shown [m x n]: the same as the kernel weighs it.
    """

    variance: Tensor
    found: Tensor
    shown: Tensor


class SqueezerNetwork(nn.Module):
    """judge: a cluster's observations -> what its points are worth. quantiser: descriptors <->
    codes."""

    def __init__(self, shape: SqueezerShape):
        super().__init__()
        self.shape = shape
        width = shape.width
        self.keypoint = nn.Sequential(nn.Linear(shape.descriptor + BESIDE_SENSOR, width),
                                      nn.GELU(), nn.Linear(width, width))
        self.appearance = nn.Parameter(torch.tensor(3.0))  # log of the softmax's sharpness
        self.geometry = nn.Parameter(torch.tensor(2.5))
        self.fuse = nn.Sequential(nn.Linear(3 * width + EVIDENCE, width), nn.GELU(),
                                  nn.Linear(width, width))
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.gather = nn.Linear(2 * width + EVIDENCE + 1, width)
        self.worth, self.proximity = PointTransformer(width), PointTransformer(width)
        self.calm = nn.LayerNorm(width)
        self.variance = nn.Sequential(nn.Linear(2 * width + EVIDENCE, width), nn.GELU(),
                                      nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))
        self.share = nn.Sequential(nn.Linear(2 * width + EVIDENCE, width), nn.GELU(),
                                   nn.Linear(width, 1))
        self.tau = nn.Parameter(torch.tensor(0.0))  # e**tau weighs d, see `balance`
        self.quantiser = Quantiser(shape.descriptor, shape.code)
        nn.init.zeros_(self.share[-1].weight)  # begins with K by what is found
        nn.init.zeros_(self.share[-1].bias)

    def judge(self, seen: Observed) -> Verdict:
        """Of a cluster that has at least one verification frame."""
        positions = torch.from_numpy(seen.positions)
        anchor = self.anchor_features(seen)
        observed, visible, evidence = self.observe(seen)
        fused = self.attend(anchor, observed, visible)
        state = self.gather(torch.cat([anchor, fused, evidence.mean(1),
                                       torch.from_numpy(seen.tracks)[:, None]], 1))
        count = min(self.shape.neighbours, len(positions))
        near = torch.cdist(positions, positions).topk(count, largest=False).indices
        frames = observed.shape[1]
        worth, proximity = (
            torch.cat([self.calm(transformer(state, positions, near))[:, None].expand(
                -1, frames, -1), observed, evidence], -1)
            for transformer in (self.worth, self.proximity))
        variance = 3 * torch.tanh(self.variance(worth)[..., 0] / 3)
        found = (1 - variance.exp() / WORST).clamp(min=0).square() * visible
        shown = found * (1 + 0.5 * torch.tanh(self.share(proximity)[..., 0]))
        return Verdict(variance, found, shown)

    def anchor_features(self, seen: Observed) -> Tensor:
        """F_A [m x C]: the mean of what the keypoint encoder makes of the observations."""
        encoded = self.keypoint(torch.from_numpy(seen.inputs))
        owners = torch.from_numpy(seen.owners)
        count = torch.zeros(len(seen.positions)).index_add(0, owners, torch.ones(len(owners)))
        total = torch.zeros(len(count), encoded.shape[1]).index_add(0, owners, encoded)
        return total / count.clamp(min=1)[:, None]

    def observe(self, seen: Observed) -> tuple[Tensor, Tensor, Tensor]:
        """Each frame's view of the points (equation 3): O [m x n x C], whether they are in the
        frame [m x n], evidence [m x n x EVIDENCE]."""
        described = torch.from_numpy(seen.descriptors)
        said, evidences, views = [], [], []
        for frame in seen.frames:
            keypoints = torch.from_numpy(frame.inputs)
            encoded = self.keypoint(keypoints)  # F_V [l x C]
            cosine = described @ keypoints[:, :described.shape[1]].T  # E [m x l]
            projected = torch.from_numpy(frame.projected)
            visible = projected[:, 0] < FAR
            away = torch.cdist(projected, torch.from_numpy(frame.keypoints))
            alike = (self.appearance.exp() * cosine).softmax(1)
            close = (self.geometry.exp() / (1 + away)).softmax(1)  # M: the inverse distance
            by_look, by_place = alike @ encoded, close @ encoded  # H, G [m x C]
            evidence = _evidence(cosine, away, visible, torch.from_numpy(frame.tracked))
            said.append(self.fuse(torch.cat([by_look, by_place, by_look * by_place, evidence],
                                            1)))
            evidences.append(evidence)
            views.append(visible)
        return torch.stack(said, 1), torch.stack(views, 1), torch.stack(evidences, 1)

    def attend(self, anchor: Tensor, observed: Tensor, visible: Tensor) -> Tensor:
        """Equation 4: anchor F_A [m x C], observed O [m x n x C], visible [m x n] -> F_agg
        [m x C], 0 where no frame can see the point."""
        heads = self.shape.heads
        query = self.query(observed).unflatten(-1, (heads, -1))
        key = self.key(anchor).unflatten(-1, (heads, -1))[:, None]
        logits = (query * key).sum(-1) * query.shape[-1] ** -0.5
        weight = logits.masked_fill(~visible[..., None], -1e4).softmax(1) * visible[..., None]
        value = self.value(observed).unflatten(-1, (heads, -1))
        return (weight[..., None] * value).sum(1).flatten(1)


def _evidence(cosine: Tensor, away: Tensor, visible: Tensor, tracked: Tensor) -> Tensor:
    """What a frame says of each point in plain numbers [m x EVIDENCE], zeros where it is out of
    view: that it is in view; the best cosine and its lead; whether the best keypoint is in the
    right place; whether there is a keypoint in the right place, and its cosine; whether the frame
    observes the point."""
    best = cosine.topk(min(2, cosine.shape[1]), dim=1)
    there = away.gather(1, best.indices[:, :1])[:, 0]
    nearest, which = away.min(1)
    told = torch.stack([
        torch.ones_like(nearest), best.values[:, 0], best.values[:, 0] - best.values[:, -1],
        (-there / NEAR).exp(), (-nearest / NEAR).exp(),
        cosine.gather(1, which[:, None])[:, 0], tracked.to(nearest.dtype)], 1)
    return told * visible[:, None]


def per_frame(variance: Tensor) -> Tensor:
    """d = 1 / (2 sigma**2) of the log variance (paper, below equation 6)."""
    return 0.5 * (-variance).exp()


def programme(verdict: Verdict, regions: Tensor) -> tuple[Tensor, Tensor]:
    """(K [m x m], d [m]) of the quadratic programme, dense. regions [m x n]: see Frame.

    d is what the point is worth to all frames. Two points are near where the same regions of the
    same frames show both. Both are in units of `scale`, so that K and d keep their balance
    whatever the number of frames. The paper's K is the mean of a learned and the spatial kernel;
    here the spatial one is left out, since it favours strays (see the model card).
    """
    worth = verdict.found.sum(1)
    unit = scale(worth)
    columns = regions + REGIONS ** 2 * torch.arange(regions.shape[1])
    shown = torch.zeros(len(worth), REGIONS ** 2 * regions.shape[1]).scatter(
        1, columns, verdict.shown)
    return shown @ shown.T / unit, worth / unit


def scale(worth: Tensor) -> Tensor:
    """The mean worth of a point, weighed by worth."""
    return (worth.square().sum() / worth.sum().clamp(min=1e-6)).clamp(min=1e-6).detach()

