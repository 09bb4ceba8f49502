"""The quadratic programme (equation 2) as a layer: solved by qp.py, differentiated implicitly.

At the optimum the weights strictly between 0 and their cap obey a linear system; how they move
with K, d and tau is that system's solution. The weights at a bound do not move.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nmap_reloc.representations.squeezer import qp

STEPS, TOLERANCE = 200, 1e-4  # of the solver
RIDGE = 0.05  # on the diagonal of the free weights' system, which is singular for near points:
# without it a few steps' gradients would outweigh all others
EDGE = 1e-3  # of the cap: a weight this close to a bound counts as there


class SelectionLayer(torch.autograd.Function):
    """apply(kernel [m x m], scores [m], tau scalar, cap) -> alpha [m]."""

    @staticmethod
    def forward(ctx: Any, kernel: Tensor, scores: Tensor, tau: Tensor, cap: float) -> Tensor:
        found = qp.solve(kernel.detach().numpy().astype(np.float64),
                         scores.detach().numpy().astype(np.float64), float(tau), cap,
                         STEPS, TOLERANCE)
        alpha = torch.from_numpy(found).to(kernel.dtype)
        ctx.save_for_backward(kernel, scores, tau, alpha)
        ctx.cap = cap
        return alpha

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        kernel, scores, tau, alpha = ctx.saved_tensors
        edge = EDGE * ctx.cap
        free = torch.nonzero((alpha > edge) & (alpha < ctx.cap - edge))[:, 0]
        moved = torch.zeros_like(alpha)
        if len(free) > 1:
            moved[free] = _adjoint(kernel[free][:, free], upstream[free])
        towards_kernel = -(moved[:, None] * alpha + alpha[:, None] * moved)
        return towards_kernel, tau * moved, (moved @ scores).reshape(tau.shape), None


def _adjoint(kernel: Tensor, upstream: Tensor) -> Tensor:
    """u of 2 K u + w = upstream, sum u = 0."""
    count = len(upstream)
    system = torch.zeros(count + 1, count + 1, dtype=torch.float64)
    system[:count, :count] = 2 * kernel.double()
    system[:count, :count] += RIDGE * torch.eye(count, dtype=torch.float64)
    system[count, :count] = system[:count, count] = 1
    wanted = torch.cat([upstream.double(), torch.zeros(1, dtype=torch.float64)])
    return torch.linalg.solve(system, wanted)[:count].to(upstream.dtype)


def select(kernel: Tensor, scores: Tensor, tau: Tensor, fraction: float) -> Tensor:
    """The weights with which this fraction of the points is to be kept."""
    alpha: Tensor = SelectionLayer.apply(kernel, scores, tau,
                                         qp.cap_of(fraction, len(scores)))
    return alpha
