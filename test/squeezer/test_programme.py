"""The quadratic programme: solved as OSQP solves it, differentiated as finite differences do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nmap_reloc.representations.squeezer import qp
from nmap_reloc.representations.squeezer.network import Verdict, programme
from nmap_reloc.representations.squeezer.programme import LearnedKernel, Points, rank
from nmap_reloc.representations.squeezer.qp_layer import select


def problem(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(K, d): points in a cube, some better than others."""
    rng = np.random.default_rng(seed)
    points = rng.random((count, 3))
    kernel = np.exp(-np.square(points[:, None] - points).sum(2) / (2 * 0.3 ** 2))
    return kernel, rng.gamma(2, 0.5, count)


@pytest.mark.parametrize(("count", "fraction"), [(120, 0.1), (300, 0.05), (300, 0.6)])
def test_it_agrees_with_osqp(count: int, fraction: float) -> None:
    osqp = pytest.importorskip("osqp")
    from scipy import sparse

    kernel, scores = problem(count)
    cap = qp.cap_of(fraction, count)
    solver = osqp.OSQP()
    solver.setup(sparse.csc_matrix(np.triu(2 * kernel)), -0.5 * scores,
                 sparse.csc_matrix(np.vstack([np.ones(count), np.eye(count)])),
                 np.r_[1, np.zeros(count)], np.r_[1, np.full(count, cap)], verbose=False,
                 eps_abs=1e-7, eps_rel=1e-7, max_iter=20000)
    theirs = qp.project(solver.solve().x, cap)
    mine = qp.solve(kernel, scores, 0.5, cap)
    assert mine.min() >= 0 and mine.max() <= cap + 1e-9 and abs(mine.sum() - 1) < 1e-6
    best = qp.objective(kernel, scores, 0.5, theirs)
    assert abs(qp.objective(kernel, scores, 0.5, mine) - best) < 1e-4 * abs(best)
    assert np.isin(np.argsort(-mine)[:int(fraction * count)],
                   np.argsort(-theirs)[:int(fraction * count) + 3]).mean() > 0.95


def test_the_gap_bounds_what_is_left() -> None:
    kernel, scores = problem(200)
    cap = qp.cap_of(0.2, 200)
    rough = qp.solve(kernel, scores, 0.5, cap, steps=5)
    fine = qp.solve(kernel, scores, 0.5, cap, steps=5000, tolerance=1e-10)
    left = qp.objective(kernel, scores, 0.5, rough) - qp.objective(kernel, scores, 0.5, fine)
    assert 0 < left <= qp.gap(kernel, scores, 0.5, rough, cap) + 1e-12


def test_the_projection_is_the_nearest_point() -> None:
    rng = np.random.default_rng(0)
    for cap in (0.03, 0.2, 1.0):
        values = rng.normal(size=50)
        nearest = qp.project(values, cap)
        assert abs(nearest.sum() - 1) < 1e-6 and nearest.min() >= 0 and nearest.max() <= cap
        for _ in range(20):
            other = qp.project(rng.normal(size=50), cap)
            assert np.sum((values - nearest) ** 2) <= np.sum((values - other) ** 2) + 1e-9


def test_weights_that_cannot_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match="can't sum to 1"):
        qp.solve(np.eye(3), np.ones(3), 1.0, 0.2)


def test_gradients_are_those_of_finite_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    from nmap_reloc.representations.squeezer import qp_layer

    monkeypatch.setattr(qp_layer, "RIDGE", 0.0)
    monkeypatch.setattr(qp_layer, "STEPS", 5000)
    monkeypatch.setattr(qp_layer, "TOLERANCE", 1e-12)
    kernel_array, scores_array = problem(14, seed=2)
    weights = np.random.default_rng(1).normal(size=14)

    def answer(kernel: np.ndarray, scores: np.ndarray, tau: float) -> float:
        return float(weights @ qp.solve(kernel, scores, tau, qp.cap_of(0.5, 14), 5000, 1e-12))

    kernel = torch.tensor(kernel_array, requires_grad=True)
    scores = torch.tensor(scores_array, requires_grad=True)
    tau = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    alpha = select(kernel, scores, tau, 0.5)
    (alpha * torch.tensor(weights)).sum().backward()
    cap, found = qp.cap_of(0.5, 14), alpha.detach().numpy()
    free = np.flatnonzero((found > 1e-2 * cap) & (found < 0.99 * cap))
    assert len(free) >= 2, "a problem without free weights has no gradient to test"
    step = 1e-6
    numeric = (answer(kernel_array, scores_array, 0.5 + step)
               - answer(kernel_array, scores_array, 0.5 - step)) / (2 * step)
    assert tau.grad is not None and abs(tau.grad.item() - numeric) < 1e-4
    for i in (*free.tolist(), int(found.argmin())):
        moved = np.eye(14)[i] * step
        numeric = (answer(kernel_array, scores_array + moved, 0.5)
                   - answer(kernel_array, scores_array - moved, 0.5)) / (2 * step)
        assert scores.grad is not None and abs(scores.grad[i].item() - numeric) < 1e-4
        turned = np.zeros((14, 14))
        turned[i, free[0]] = turned[free[0], i] = step
        numeric = (answer(kernel_array + turned, scores_array, 0.5)
                   - answer(kernel_array - turned, scores_array, 0.5)) / (2 * step)
        both = kernel.grad[i, free[0]] + kernel.grad[free[0], i] * (i != free[0])
        assert abs(both.item() - numeric) < 1e-4


def judged(seed: int, views: int = 6, count: int = 40, first: int = 0) -> Points:
    rng = np.random.default_rng(seed)
    found = (rng.random((count, views)) * (rng.random((count, views)) < 0.6)).astype(np.float32)
    return Points(np.arange(first, first + count), rng.normal(size=(count, 3)).astype(np.float32),
                  np.arange(views), found, found, rng.integers(0, 16, (count, views)))


def test_the_sparse_kernel_is_the_dense_one() -> None:
    points = judged(0)
    found = points.found.sum(1)
    unit = float((found ** 2).sum() / found.sum())
    tensor = torch.from_numpy(points.found)
    dense, scores = programme(Verdict(tensor, tensor, tensor), torch.from_numpy(points.regions))
    vector = np.random.default_rng(1).random(40)
    np.testing.assert_allclose(LearnedKernel([points], unit) @ vector, dense.numpy() @ vector,
                               atol=0.03)  # what is less than NOTHING is left out
    np.testing.assert_allclose(scores.numpy() * unit, found, rtol=1e-5)


def test_what_frames_have_enough_of_is_not_kept() -> None:
    """Ten points, nine of which one frame's one region shows, against ten spread ones."""
    found = np.zeros((20, 10), np.float32)
    found[:10, 0] = 1.0
    found[10:, 1:] = 0.12
    found[np.arange(10, 20), np.arange(10)] = 0.9
    points = Points(np.arange(20), (np.arange(60).reshape(20, 3) * 9).astype(np.float32),
                    np.arange(10), found, found, np.zeros((20, 10), np.int64))
    spread = rank([points], 0.3, 0.4)[:8]
    assert (spread >= 10).sum() > 5
    assert sorted(rank([points], 0.3, 0.4).tolist()) == list(range(20))


def test_clusters_that_share_frames_are_solved_together() -> None:
    first, second = judged(0), judged(0, first=40)  # the same frames see both alike
    chosen = rank([first, second], 0.4, 0.2)[:16]
    assert abs(int((chosen < 40).sum()) - 8) <= 2
    top = rank([first, second], 0.4, 0.2, "topk")
    scores = np.r_[first.found.sum(1), second.found.sum(1)][top]
    assert (np.diff(scores) <= 1e-6).all()
