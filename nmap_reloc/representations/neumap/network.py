"""NeuMap's auto-transdecoder, with codes made feed-forward and voxels that compete.

The paper (CVPR 2023) decodes every keypoint in every voxel, each alone (equations 2-7). Here a
keypoint first meets all codes of all active voxels at once in the small code space, keeps the
`candidates` best (hopeless pairs end here), and the cross-attention blocks work on those alone.
So voxels compete for the keypoint inside the attention, and the cost barely grows with voxels.

A code is what a landmark became: a vector of `code_width` numbers (the encoder's, 8 bits or
fewer in the map) and a position in its voxel. Block t sees ``w_t * s_t``, where ``s_t`` expands
the code for that block and ``w_t`` is its scaling factor (equation 4; 1 until a scene is adapted).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BESIDE = 0.02  # of a voxel's side: a code so near to the winner is no rival
RIVALRY = 8


@dataclass(frozen=True)
class NeumapShape:
    """Sizes of the network; they travel with its weights."""

    descriptor: int = 64  # width of the extractor's descriptors
    code_width: int = 32
    width: int = 96
    blocks: int = 3
    heads: int = 4
    candidates: int = 16


class Block(nn.Module):
    """Cross-attention from a keypoint to its candidate codes, then an MLP (equations 3, 5, 6)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.norm_query, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(),
                                 nn.Linear(2 * width, width))

    def forward(self, state: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """state [N x W], keys and values [N x K x W], bias [N x K x H] -> [N x W]."""
        query = self.query(self.norm_query(state))[:, None] * self.size ** -0.5  # [N x 1 x W]
        # As sums of products: matrices of so few rows and columns are slow to multiply.
        alike = (keys * query).unflatten(2, (self.heads, self.size)).sum(3)  # [N x K x H]
        weights = (alike + bias).softmax(1)
        state = state + self.out(self._own(weights.transpose(1, 2) @ values))
        return state + self.mlp(self.norm_mlp(state))

    def _own(self, mixed: Tensor) -> Tensor:
        """Of what every head mixed, [N x H x W], its own numbers [N x W]."""
        row, size = mixed.flatten(1), self.size
        starts = [head * (self.heads + 1) * size for head in range(self.heads)]
        return torch.cat([row[:, start:start + size] for start in starts], 1)


class NeumapNetwork(nn.Module):
    """encode: landmarks -> codes. unfold: codes -> keys and values. decode: keypoints -> map,
    in two steps: they meet the codes, then the few best candidates settle it."""

    def __init__(self, shape: NeumapShape):
        super().__init__()
        self.shape = shape
        width, code = shape.width, shape.code_width
        # One projection for both sides, linear: more would learn the training scenes by heart.
        self.project = nn.Linear(shape.descriptor, code)
        self.start = nn.Linear(code, width)
        self.expand = nn.ModuleList(
            nn.Sequential(nn.Linear(code, width), nn.GELU(), nn.Linear(width, width))
            for _ in range(shape.blocks))
        self.key = nn.ModuleList(nn.Linear(width, width) for _ in range(shape.blocks))
        self.value = nn.ModuleList(nn.Linear(width, width) for _ in range(shape.blocks))
        self.block = nn.ModuleList(Block(width, shape.heads) for _ in range(shape.blocks))
        self.relate = nn.Sequential(nn.Linear(5, 32), nn.GELU(),
                                    nn.Linear(32, shape.blocks * shape.heads))
        self.point_query, self.point_key = nn.Linear(width, code), nn.Linear(width, code)
        self.temperature = nn.Parameter(torch.tensor(3.0))
        # Judged by how the candidates compare, not by what they are: that holds in any scene.
        self.confidence = nn.Sequential(nn.Linear(RIVALRY, 32), nn.GELU(), nn.Linear(32, 32),
                                        nn.GELU(), nn.Linear(32, 1))
        for layer in (self.point_query, self.point_key):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.orthogonal_(self.project.weight)

    @torch.no_grad()
    def start_from(self, descriptors: Tensor) -> None:
        """Begin with the principal components of descriptors [S x D]."""
        mean = descriptors.mean(0)
        basis = torch.linalg.svd(descriptors - mean, full_matrices=False)[2]
        self.project.weight.copy_(basis[:self.shape.code_width])
        self.project.bias.copy_(-self.project.weight @ mean)

    def encode(self, descriptors: Tensor) -> Tensor:
        """descriptors of landmarks or keypoints [M x D] -> codes [M x C], unit length."""
        return F.normalize(self.project(descriptors), dim=-1)

    def unfold(self, codes: Tensor, factors: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """codes [M x C], factors [M x T] -> keys, values [T x M x W]; once, when a tile loads."""
        keys, values = [], []
        for t, (expand, key, value) in enumerate(
                zip(self.expand, self.key, self.value, strict=True)):
            block_code = expand(codes)
            if factors is not None:
                block_code = block_code * factors[:, t:t + 1]
            keys.append(key(block_code))
            values.append(value(block_code))
        return torch.stack(keys), torch.stack(values)

    def mark(self, codes: Tensor, values: Tensor) -> Tensor:
        """codes [M x C], values [T x M x W] -> what a keypoint points at in the end [M x C]."""
        marks: Tensor = codes + self.point_key(values[-1])
        return marks

    def meet(self, descriptors: Tensor, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """descriptors [N x D], codes [R x C] of all active voxels -> the keypoints' codes
        [N x C], similarities to their candidates [N x K], the best first, and which codes these
        are [N x K]."""
        asked = self.encode(descriptors)
        first, chosen = (asked @ codes.T).topk(self.shape.candidates, dim=1)
        return asked, first, chosen

    def settle(self, asked: Tensor, first: Tensor, chosen: Tensor, keys: Tensor, values: Tensor,
               marks: Tensor, positions: Tensor, voxels: Tensor, side: Tensor
               ) -> tuple[Tensor, ...]:
        """What the candidates decide among themselves.

        asked, first, chosen: of `meet`, for any N keypoints; chosen counts the M codes of keys and
        values [T x M x W], marks [M x C], positions [M x 3] map units and voxels [M], index of
        each code's voxel; side [1] of a voxel, map units. Keys, values and marks may be halves.
        -> coordinates [N x 3], confidence logits [N], voxel [N], final logits [N x K].
        """
        count, total = chosen.shape[1], keys.shape[1]
        # Coordinates first: engines subtract and add whole rows of candidates.
        place = positions[chosen.flatten()].T.unflatten(1, (-1, count))  # [3 x N x K]
        bias = self._bias(first, place, voxels[chosen], side)
        state = self.start(asked)
        for t, block in enumerate(self.block):
            rows = chosen + t * total  # one flat table: a block's part is never copied
            state = block(state, keys.flatten(0, 1)[rows].to(state.dtype),
                          values.flatten(0, 1)[rows].to(state.dtype), bias[t])
        moved = marks[chosen].to(state.dtype) @ self.point_query(state)[..., None]
        logits = (first + moved.squeeze(2)) * self.temperature.exp()  # [N x K]
        # The best logit wins, with its place and voxel: a mean, even of codes side by side, is
        # less exact than any of them.
        winner = chosen.gather(1, logits.argmax(1, keepdim=True))[:, 0]
        there = positions[winner]
        away = _length(place - there.T[..., None]) / side  # [N x K]
        confidence = self.confidence(self.rivalry(logits, first, away))
        return there, confidence[:, 0], voxels[winner], logits

    def _bias(self, first: Tensor, place: Tensor, owner: Tensor, side: Tensor
              ) -> tuple[Tensor, ...]:
        """How candidates relate to the best one, [N x K x H] of every block."""
        distance = _length((place - place[..., :1]) / side)
        same = (owner == owner[:, :1]).to(first.dtype)
        related = torch.stack([first, first[:, :1] - first, (1 + 8 * distance).log(),
                               (-distance).exp(), same])  # [5 x N x K]
        bias = self.relate(related.flatten(1).T).unflatten(0, (-1, first.shape[1]))
        return bias.split(self.shape.heads, 2)

    def decode(self, descriptors: Tensor, codes: Tensor, keys: Tensor, values: Tensor,
               positions: Tensor, voxels: Tensor, side: Tensor) -> tuple[Tensor, ...]:
        """`meet` and `settle` against all M codes [M x C]; see there.

        -> coordinates [N x 3], confidence logits [N], voxel [N], candidates [N x K],
        first logits [N x K], final logits [N x K].
        """
        asked, first, chosen = self.meet(descriptors, codes)
        coordinates, confidence, voxel, logits = self.settle(
            asked, first, chosen, keys, values, self.mark(codes, values), positions, voxels, side)
        return (coordinates, confidence, voxel, chosen, first * self.temperature.exp(), logits)

    @staticmethod
    def rivalry(logits: Tensor, first: Tensor, away: Tensor) -> Tensor:
        """What confidence is judged by, [N x RIVALRY]: the best similarities before and logits
        after attention, how far ahead the winner is of codes elsewhere, and how the attention
        spreads over places."""
        weight = logits.softmax(1)
        best = logits.max(1, keepdim=True).values
        far = torch.where(away > BESIDE, logits, torch.full_like(logits, -1e4))
        ahead = (best - far.max(1, keepdim=True).values).clamp(max=20.0) / 5
        spread = (1 + (weight * away).sum(1, keepdim=True)).log()
        return torch.cat([best / 20, ahead, first[:, :1], first[:, :1] - first[:, 1:2],
                          first[:, :1] - first[:, -1:], weight.max(1, keepdim=True).values,
                          weight.square().sum(1, keepdim=True), spread], 1)


def _length(vectors: Tensor) -> Tensor:
    """Of vectors [3 x ...], never quite 0."""
    x, y, z = vectors.square().unbind()
    return (x + y + z).clamp(min=1e-12).sqrt()
