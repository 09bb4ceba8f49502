"""MAD-DR's network (Wang, ECCV 2024): a bottleneck for descriptors and a matcher trained with it.

Only the map's descriptors pass the bottleneck (section 3.2): the query's are whole, since they are
computed on the spot. One matcher serves every width of the bottleneck.

The network begins as what it replaces: position encodings and messages start at zero and the last
projection at identity, so that its first answer is the nearest neighbour's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FREQUENCIES = 4  # octaves of the position encoding
HIDDEN = -1e4  # added to the logit of what must not be seen
START_SCALE = 20.0  # of the similarity of unit descriptors: a softmax that already decides


@dataclass(frozen=True)
class MaddrShape:
    """Sizes of the network; they travel with its weights."""

    descriptor: int = 64  # width of the extractor's descriptors
    dimensions: tuple[int, ...] = (4, 8, 16)  # of the bottlenecks
    width: int = 64
    layers: int = 2
    heads: int = 4


class Bottleneck(nn.Module):
    """Encoder and decoder of one width (equations 5 and 6, figure 3).

    The narrowest layer has no ReLU but is normalised too: its numbers have mean 0 and deviation 1
    in any scene, so that the map needs no ranges to round them.
    """

    def __init__(self, descriptor: int, dimensions: int):
        super().__init__()
        narrowing = (descriptor, descriptor, max(dimensions, descriptor // 2))
        self.encoder = nn.Sequential(
            *(_mlp(a, b) for a, b in pairwise(narrowing)),
            nn.Linear(narrowing[-1], dimensions), nn.BatchNorm1d(dimensions, affine=False))
        self.decoder = nn.Sequential(
            *(_mlp(a, b) for a, b in pairwise((dimensions, *narrowing[:0:-1]))),
            nn.Linear(descriptor, descriptor))

    def encode(self, descriptors: Tensor) -> Tensor:
        """[M x D] -> codes [M x C]."""
        codes: Tensor = self.encoder(descriptors)
        return codes

    def restore(self, codes: Tensor) -> Tensor:
        """codes [M x C] -> descriptors [M x D], unit length."""
        return F.normalize(self.decoder(codes), dim=-1)


def _mlp(inner: int, outer: int) -> nn.Module:
    """Equation 6."""
    return nn.Sequential(nn.Linear(inner, outer), nn.ReLU(), nn.BatchNorm1d(outer))


class PositionEncoding(nn.Module):
    """PE of equation 1: positions [.. x 2], about -1..1 over the image -> [.. x W]."""

    def __init__(self, width: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2 + 4 * FREQUENCIES, width), nn.GELU(),
                                 nn.Linear(width, width))
        _start_at_zero(self.mlp[-1])

    def forward(self, positions: Tensor) -> Tensor:
        waves = [positions * (torch.pi * 2.0 ** k / 2) for k in range(FREQUENCIES)]
        phases = torch.cat(waves, -1)
        encoded: Tensor = self.mlp(torch.cat([positions, phases.sin(), phases.cos()], -1))
        return encoded


class Update(nn.Module):
    """f + MLP[f || m] (equation 2)."""

    def __init__(self, width: int):
        super().__init__()
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.LayerNorm(2 * width),
                                 nn.GELU(), nn.Linear(2 * width, width))
        _start_at_zero(self.mlp[-1])

    def forward(self, state: Tensor, message: Tensor) -> Tensor:
        changed: Tensor = state + self.mlp(torch.cat([state, self.out(message)], -1))
        return changed


class SelfAttention(nn.Module):
    """Messages from the same image (equation 3)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.project, self.update = nn.Linear(width, 3 * width), Update(width)

    def forward(self, state: Tensor, hidden: Tensor | None) -> Tensor:
        """state [B x N x W], hidden [B x 1 x 1 x N] added to the logits -> [B x N x W]."""
        query, key, value = (_split(part, self.heads) for part in
                             self.project(state).chunk(3, -1))
        message = F.scaled_dot_product_attention(query, key, value, hidden)
        changed: Tensor = self.update(state, _join(message))
        return changed


class CrossAttention(nn.Module):
    """Messages from the other image, both ways with the same keys (equation 3)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.key, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.update = Update(width)

    def forward(self, a: Tensor, b: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """a [B x N x W], b [B x K x W], hidden [B x 1 x 1 x K] for b -> the same, changed."""
        key_a, key_b, value_a, value_b = (
            _split(layer(state), self.heads)
            for layer in (self.key, self.value) for state in (a, b))
        to_a = F.scaled_dot_product_attention(key_a, key_b, value_b, hidden)
        to_b = F.scaled_dot_product_attention(key_b, key_a, value_a)
        return self.update(a, _join(to_a)), self.update(b, _join(to_b))


class MaddrNetwork(nn.Module):
    """encode and restore: the bottlenecks. match: two images' keypoints -> their assignment."""

    def __init__(self, shape: MaddrShape):
        super().__init__()
        self.shape = shape
        width, heads = shape.width, shape.heads
        self.bottleneck = nn.ModuleDict(
            {str(size): Bottleneck(shape.descriptor, size) for size in shape.dimensions})
        self.start = nn.Linear(shape.descriptor, width)
        self.position = PositionEncoding(width)
        self.own = nn.ModuleList(SelfAttention(width, heads) for _ in range(shape.layers))
        self.other = nn.ModuleList(CrossAttention(width, heads) for _ in range(shape.layers))
        self.final = nn.Linear(width, width)
        self.unmatched = nn.Linear(width, 1)  # score of having no partner, as SuperGlue's dustbin
        self.scale = nn.Parameter(torch.tensor(START_SCALE).log())
        for layer in (self.start, self.final):
            nn.init.eye_(layer.weight)
            nn.init.zeros_(layer.bias)
        _start_at_zero(self.unmatched)
        nn.init.constant_(self.unmatched.bias, 0.7 * START_SCALE)

    def encode(self, descriptors: Tensor, dimensions: int) -> Tensor:
        """Descriptors [M x D] -> codes [M x dimensions]: the map's side only."""
        codes: Tensor = self.bottleneck[str(dimensions)].encode(descriptors)
        return codes

    def restore(self, codes: Tensor) -> Tensor:
        """Codes [M x C] -> descriptors [M x D], unit length."""
        restored: Tensor = self.bottleneck[str(codes.shape[1])].restore(codes)
        return restored

    def match(self, query: Tensor, query_positions: Tensor, view: Tensor, view_positions: Tensor,
              there: Tensor) -> tuple[Tensor, Tensor]:
        """The assignment of B pairs of images by dual softmax (equations 1-4, 7), as logarithms.

        query [B x N x D], view [B x K x D] descriptors; positions [B x . x 2], about -1..1; there
        [B x K] 1, or 0 where a row of the view only fills up
        -> P over each query keypoint's partners [B x N x K+1], over each of the view's
        [B x N+1 x K]; the last place is "no partner". P_ij is the product of both.
        """
        hidden = ((1 - there) * HIDDEN)[:, None, None]
        a = self.start(query) + self.position(query_positions)
        b = self.start(view) + self.position(view_positions)
        for own, other in zip(self.own, self.other, strict=True):
            a, b = own(a, None), own(b, hidden)
            a, b = other(a, b, hidden)
        scores = self.final(a) @ self.final(b).transpose(1, 2) * self.scale.exp() + hidden[:, 0]
        rows = torch.cat([scores, self.unmatched(a)], 2).log_softmax(2)
        columns = torch.cat([scores, self.unmatched(b).transpose(1, 2)], 1).log_softmax(1)
        return rows, columns

    @staticmethod
    def partners(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """What match gives -> each query keypoint's partner [B x N] and P, 0 where the partner
        prefers another [B x N]."""
        both = rows[:, :, :-1] + columns[:, :-1]
        best, partner = both.max(2)
        prefers = both.argmax(1).gather(1, partner)
        mine = torch.arange(both.shape[1], device=both.device)
        return partner, best.exp() * (prefers == mine).to(best.dtype)


def _split(state: Tensor, heads: int) -> Tensor:
    """[B x N x W] -> [B x H x N x W/H]."""
    return state.unflatten(-1, (heads, -1)).transpose(1, 2)


def _join(state: Tensor) -> Tensor:
    return state.transpose(1, 2).flatten(2)


def _start_at_zero(layer: nn.Module) -> None:
    assert isinstance(layer, nn.Linear)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
