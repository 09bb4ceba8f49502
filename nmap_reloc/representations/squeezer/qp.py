"""The quadratic programme that selects points (SceneSqueezer, equation 2), solved fast.

    minimise a'Ka - tau d'a   with   sum a = 1,  0 <= a <= cap = 1 / (nu m)

by accelerated projected gradient: one product with K a step, no factorisation.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]


class Kernel(Protocol):
    """A symmetric positive semidefinite matrix of entries that are not negative, or what acts
    like one."""

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __matmul__(self, vector: Array, /) -> Array: ...


STEPS = 400
PLENTY = 0.3  # the fraction of points from which on their spread is all that matters
TOLERANCE = 1e-5  # of the gain that a step may still bring, relative to the objective


def cap_of(fraction: float, count: int) -> float:
    """The bound of each weight where this fraction of `count` points is to be kept."""
    return float(1 / min(max(fraction * count, 1.0), count))


def objective(kernel: Kernel, scores: Array, tau: float, alpha: Array) -> float:
    return float(alpha @ (kernel @ alpha) - tau * (scores @ alpha))


def balance(kernel: Kernel, scores: Array, fraction: float) -> float:
    """The unit of tau: the weight of d at which, were points kept in proportion to d, one point
    more would cost as much as it gives. Where only a small fraction is kept that would be too
    little, for every frame must find enough of them before it matters where.
    """
    share = scores / max(float(scores.sum()), 1e-12)
    even = 2 * float(share @ (kernel @ share)) / max(float(scores @ share), 1e-12)
    return float(even * max(1.0, (PLENTY / fraction) ** 0.5))


def project(values: Array, cap: float) -> Array:
    """The nearest point of {sum = 1, 0 <= a <= cap}: clip(values - t) with the right t, which
    Newton's method finds, kept between bounds."""
    low, high = float(values.min()) - cap, float(values.max())
    shift = high - 0.5 * cap
    for _ in range(60):
        left = values - shift
        inside = (left > 0) & (left < cap)
        free, full = int(inside.sum()), int((left >= cap).sum())
        excess = float(left[inside].sum()) + full * cap - 1
        if abs(excess) < 1e-9:
            break
        low, high = (shift, high) if excess > 0 else (low, shift)
        shift = shift + excess / free if free else (low + high) / 2
        if not low < shift < high:
            shift = (low + high) / 2
    return np.asarray(np.clip(values - shift, 0, cap))


def gap(kernel: Kernel, scores: Array, tau: float, alpha: Array, cap: float) -> float:
    """How far the objective at alpha is above the least at most (Frank and Wolfe's bound)."""
    slope = 2 * (kernel @ alpha) - tau * scores
    left, least = 1.0, 0.0
    for value in np.sort(slope)[:int(np.ceil(1 / cap))]:  # all weight where the slope is least
        share = min(cap, left)
        least += share * float(value)
        left -= share
    return float(slope @ alpha) - least


def solve(kernel: Kernel, scores: Array, tau: float, cap: float, steps: int = STEPS,
          tolerance: float = TOLERANCE) -> Array:
    """kernel [m x m] symmetric and positive semidefinite, scores [m] -> alpha [m].

    Stops when the gap to the optimum is below `tolerance` of the objective, or after `steps`.
    ValueError: a cap with which the weights can't sum to 1.
    """
    count = len(scores)
    if cap * count < 1 - 1e-9:
        raise ValueError(f"cap {cap:g}: {count} weights can't sum to 1")
    rate = 1 / max(2 * _largest_eigenvalue(kernel, count), 1e-12)
    alpha: Array = np.full(count, 1 / count, kernel.dtype)
    ahead = alpha
    momentum = 1.0
    for step in range(steps):
        slope = 2 * (kernel @ ahead) - tau * scores
        after = project(ahead - rate * slope, cap)
        if slope @ (after - alpha) > 0:  # momentum leads uphill: start again from here
            momentum = 1.0
        growth = (1 + (1 + 4 * momentum ** 2) ** 0.5) / 2
        ahead = after + (momentum - 1) / growth * (after - alpha)
        alpha, momentum = after, growth
        if step % 20 == 19:
            scale = abs(objective(kernel, scores, tau, alpha)) + 1e-9
            if gap(kernel, scores, tau, alpha, cap) < tolerance * scale:
                break
    return alpha


def _largest_eigenvalue(kernel: Kernel, count: int, steps: int = 12) -> float:
    """Slightly above it, by power iteration from the row sums (entries are not negative)."""
    vector = kernel @ np.ones(count, kernel.dtype)
    for _ in range(steps):
        vector = kernel @ (vector / max(float(np.linalg.norm(vector)), 1e-12))
    return 1.02 * float(np.linalg.norm(vector))
