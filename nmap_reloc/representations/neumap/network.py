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


@dataclass(frozen=True)
class NeumapShape:
    """Sizes of the network; they travel with its weights."""

    descriptor: int = 64  # width of the extractor's descriptors
    code_width: int = 16
    width: int = 96
    blocks: int = 3
    heads: int = 4
    candidates: int = 16


class Block(nn.Module):
    """Cross-attention from a keypoint to its candidate codes, then an MLP (equations 3, 5, 6)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm_query, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(),
                                 nn.Linear(2 * width, width))

    def forward(self, state: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """state [N x W], keys and values [N x K x W], bias [N x K x H] -> [N x W]."""
        n, k, width = keys.shape
        query = self.query(self.norm_query(state)).view(n, 1, self.heads, -1)
        logits = (query * keys.view(n, k, self.heads, -1)).sum(-1)
        attention = (logits * (width // self.heads) ** -0.5 + bias).softmax(1)
        mixed = (attention[..., None] * values.view(n, k, self.heads, -1)).sum(1)
        state = state + self.out(mixed.reshape(n, width))
        return state + self.mlp(self.norm_mlp(state))  # type: ignore[no-any-return]


class NeumapNetwork(nn.Module):
    """encode: landmarks -> codes. unfold: codes -> keys and values. decode: keypoints -> map."""

    def __init__(self, shape: NeumapShape):
        super().__init__()
        self.shape = shape
        width, code = shape.width, shape.code_width
        self.encoder = nn.Sequential(nn.Linear(shape.descriptor, 128), nn.GELU(),
                                     nn.Linear(128, code))
        self.encode_direct = nn.Linear(shape.descriptor, code, bias=False)
        self.ask = nn.Sequential(nn.Linear(shape.descriptor, 128), nn.GELU(),
                                 nn.Linear(128, code))
        self.ask_direct = nn.Linear(shape.descriptor, code, bias=False)
        self.start = nn.Linear(shape.descriptor + code, width)
        self.expand = nn.ModuleList(
            nn.Sequential(nn.Linear(code, width), nn.GELU(), nn.Linear(width, width))
            for _ in range(shape.blocks))
        self.key = nn.ModuleList(nn.Linear(width, width) for _ in range(shape.blocks))
        self.value = nn.ModuleList(nn.Linear(width, width) for _ in range(shape.blocks))
        self.block = nn.ModuleList(Block(width, shape.heads) for _ in range(shape.blocks))
        self.relate = nn.Sequential(nn.Linear(5, 32), nn.GELU(),
                                    nn.Linear(32, shape.blocks * shape.heads))
        self.point_query, self.point_key = nn.Linear(width, code), nn.Linear(width, code)
        self.temperature = nn.Parameter(torch.tensor(2.5))
        self.confidence = nn.Sequential(nn.LayerNorm(width + 6), nn.Linear(width + 6, 64),
                                        nn.GELU(), nn.Linear(64, 1))
        for layer in (self.point_query, self.point_key, self.encoder[2], self.ask[2]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():  # both sides begin as the same projection, so that alike meets alike
            nn.init.orthogonal_(self.encode_direct.weight)
            self.ask_direct.weight.copy_(self.encode_direct.weight)

    def encode(self, descriptors: Tensor) -> Tensor:
        """landmark descriptors [M x D] -> codes [M x C], each number within -1..1."""
        raw = self.encode_direct(descriptors) + self.encoder(descriptors)
        return F.normalize(raw, dim=-1)

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

    def questions(self, descriptors: Tensor) -> Tensor:
        """keypoint descriptors [N x D] -> the same space as codes [N x C], unit length."""
        return F.normalize(self.ask_direct(descriptors) + self.ask(descriptors), dim=-1)

    def decode(self, descriptors: Tensor, codes: Tensor, keys: Tensor, values: Tensor,
               positions: Tensor, voxels: Tensor, side: Tensor) -> tuple[Tensor, ...]:
        """All active voxels in one call.

        descriptors [N x D]; codes [M x C]; keys, values [T x M x W]; positions [M x 3] map units;
        voxels [M] index of each code's voxel; side [1] of a voxel, map units
        -> coordinates [N x 3], confidence logits [N], voxel [N], candidates [N x K],
        first logits [N x K], final logits [N x K].
        """
        asked = self.questions(descriptors)
        scale = self.temperature.exp()
        first, chosen = (asked @ codes.T).topk(self.shape.candidates, dim=1)
        place = positions[chosen]  # [N x K x 3]
        apart = (place - place[:, :1]) / side
        distance = apart.square().sum(-1, keepdim=True).clamp(min=1e-12).sqrt()
        same = (voxels[chosen] == voxels[chosen[:, :1]])[..., None].to(first.dtype)
        related = torch.cat([first[..., None], first[:, :1, None] - first[..., None],
                             (1 + 8 * distance).log(), (-distance).exp(), same], -1)
        bias = self.relate(related).unflatten(-1, (self.shape.blocks, self.shape.heads))
        state = self.start(torch.cat([descriptors * 4, asked * 2], -1))
        for t, block in enumerate(self.block):
            state = block(state, keys[t][chosen], values[t][chosen], bias[:, :, t])
        moved = self.point_query(state)[:, None] * (
            codes[chosen] + self.point_key(values[-1][chosen]))
        logits = (first + moved.sum(-1)) * scale  # [N x K]
        coordinates, voxel = self.compete(logits, place, voxels[chosen])
        confidence = self.confidence(torch.cat([state, self.rivalry(logits, first, distance)], -1))
        return coordinates, confidence[:, 0], voxel, chosen, first * scale, logits

    @staticmethod
    def compete(logits: Tensor, place: Tensor, owner: Tensor) -> tuple[Tensor, Tensor]:
        """The voxel of the best logit wins; its candidates' positions are averaged by attention."""
        best = logits.argmax(1, keepdim=True)
        winner = owner.gather(1, best)
        mine = torch.where(owner == winner, logits, torch.full_like(logits, -1e4))
        return (mine.softmax(1)[..., None] * place).sum(1), winner[:, 0]

    @staticmethod
    def rivalry(logits: Tensor, first: Tensor, distance: Tensor) -> Tensor:
        """What confidence is judged by, [N x 6]: the two best logits before and after attention,
        and how the attention spreads over places."""
        top = logits.topk(2, 1).values / 20
        weight = logits.softmax(1)
        mean = (weight * distance[..., 0]).sum(1, keepdim=True)
        return torch.cat([top, first[:, :2], weight.max(1, keepdim=True).values,
                          (1 + mean).log()], 1)
