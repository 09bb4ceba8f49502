"""Descriptors in few bits (SceneSqueezer, section 3.3): an encoder that halves the numbers,
differentiable soft quantisation (Gong et al. 2019), and a decoder.

The encoder is shared by all precisions; each has its own gain before the squashing and its own
first layer behind it, so that one network serves 8 bits as the paper has it and 4 or 2.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BITS = (2, 4, 8)
SOFTNESS = 0.2  # alpha of DSQ: 0 is a staircase, 1 a straight line
HIDDEN = 128


class SoftStaircase(torch.autograd.Function):
    """Values in 0..1 -> the nearest of 2**bits levels; gradients as those of DSQ's tanh steps."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, bits: int) -> Tensor:
        ctx.save_for_backward(values)
        ctx.bits = bits
        steps = 2 ** bits - 1
        return (values * steps).round() / steps

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (values,) = ctx.saved_tensors
        steps = 2 ** ctx.bits - 1
        # In units of a step: phi(x) = s tanh(k (x - middle)), k and s by alpha (their equations).
        inside = values * steps - (values * steps).floor().clamp(max=steps - 1) - 0.5
        k = math.log(2 / SOFTNESS - 1)
        slope = k / (2 * math.tanh(0.5 * k)) * (1 - torch.tanh(k * inside).square())
        return upstream * slope, None


class Quantiser(nn.Module):
    """levels: descriptors -> whole numbers; restore: whole numbers -> descriptors."""

    def __init__(self, descriptor: int, code: int):
        super().__init__()
        self.straight = nn.Linear(descriptor, code)
        self.bend = nn.Sequential(nn.Linear(descriptor, HIDDEN), nn.GELU(),
                                  nn.Linear(HIDDEN, code))
        self.gain = nn.Parameter(torch.zeros(len(BITS), code))
        self.back = nn.ModuleList(nn.Linear(code, descriptor) for _ in BITS)
        self.unbend = nn.Sequential(nn.Linear(descriptor, HIDDEN), nn.GELU(),
                                    nn.Linear(HIDDEN, descriptor))
        for part in (self.bend, self.unbend):
            nn.init.zeros_(part[-1].weight)
            nn.init.zeros_(part[-1].bias)
        nn.init.orthogonal_(self.straight.weight)

    @torch.no_grad()
    def start_from(self, descriptors: Tensor) -> None:
        """Begin with the principal components of descriptors [S x D], turned at random so that
        every number carries as much, and with the linear way back."""
        code = len(self.straight.bias)
        mean = descriptors.mean(0)
        basis = torch.linalg.svd(descriptors - mean, full_matrices=False)[2][:code]
        turn = torch.linalg.qr(torch.randn(code, code)).Q
        rows = turn @ basis
        spread = ((descriptors - mean) @ rows.T).std()
        self.straight.weight.copy_(rows / spread)
        self.straight.bias.copy_(-(rows / spread) @ mean)
        for index, back in enumerate(self.back):
            rounded = self.encode(descriptors, BITS[index]) - 0.5
            known = torch.cat([rounded, torch.ones(len(rounded), 1)], 1)
            solved = torch.linalg.lstsq(known, descriptors).solution
            back.weight.copy_(solved[:-1].T)
            back.bias.copy_(solved[-1])

    def _squash(self, descriptors: Tensor, bits: int) -> Tensor:
        numbers = self.straight(descriptors) + self.bend(descriptors)
        return torch.sigmoid(1.5 * self.gain[BITS.index(bits)].exp() * numbers)

    def encode(self, descriptors: Tensor, bits: int) -> Tensor:
        """descriptors [M x D] -> codes [M x C] in 0..1, on one of 2**bits levels."""
        return SoftStaircase.apply(self._squash(descriptors, bits), bits)

    def levels(self, descriptors: Tensor, bits: int) -> Tensor:
        """descriptors [M x D] -> whole numbers [M x C] below 2**bits, as a map stores them."""
        return (self.encode(descriptors, bits) * (2 ** bits - 1)).round().to(torch.uint8)

    def restore(self, codes: Tensor, precision: Tensor) -> Tensor:
        """codes [M x C] in 0..1, precision [3]: 1 at the index of its bits -> descriptors
        [M x D], unit length."""
        ways = torch.stack([back(codes - 0.5) for back in self.back])
        first = (precision[:, None, None] * ways).sum(0)
        return F.normalize(first + self.unbend(first), dim=-1)

    def loss(self, descriptors: Tensor, bits: int) -> Tensor:
        """L_Q: the distance between a descriptor and what comes back."""
        precision = torch.tensor([float(bits == other) for other in BITS])
        back = self.restore(self.encode(descriptors, bits), precision)
        return (back - descriptors).norm(dim=-1).mean()
