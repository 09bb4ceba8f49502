"""Neighbours settle what descriptors leave open."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.representations.maddr.consensus import agree

N, K = 200, 60


def ambiguous(seed: int = 0, turn: float = 0.1, scale: float = 1.15) -> tuple[np.ndarray, ...]:
    """Scores by which a landmark's own keypoint is one of six equally likely ones; keypoints, of
    which the first K are the landmarks' as a turned, nearer camera sees them; places."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-0.7, 0.7, (K, 2))
    way = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    keypoints = np.concatenate([places @ way.T + 0.1, rng.uniform(-1, 1, (N - K, 2))])
    scores = np.full((N, K), -8.0)
    for landmark in range(K):
        scores[[landmark, *rng.choice(N, 5, replace=False)], landmark] = -1.0
    scores += rng.normal(0, 0.1, scores.shape)
    return tuple(a.astype(np.float32) for a in (scores, keypoints, places))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_neighbours_choose_among_what_looks_alike(seed: int) -> None:
    scores, keypoints, places = ambiguous(seed)
    alone = (scores.argmax(0) == np.arange(K)).mean()
    chosen, sure = agree(scores, keypoints, places)
    right = chosen == np.arange(K)
    assert alone < 0.4 and right.mean() > 0.9
    assert sure.min() >= 0 and sure.max() <= 1 and np.median(sure) > 0.5


def test_without_agreement_nothing_is_sure() -> None:
    """Keypoints exchanged at random: the same descriptors of another place."""
    scores, keypoints, places = ambiguous()
    _, sure = agree(scores, keypoints, places)
    _, lost = agree(scores, np.random.default_rng(1).permutation(keypoints), places)
    assert np.median(lost) < 0.5 * np.median(sure)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (3, 1), (2, 2), (5, 3), (20, 40)])
def test_few_of_either(n: int, k: int) -> None:
    rng = np.random.default_rng(0)
    chosen, sure = agree(*(rng.normal(size=shape).astype(np.float32)
                           for shape in ((n, k), (n, 2), (k, 2))))
    assert chosen.shape == sure.shape == (k,) and chosen.max() < n and np.isfinite(sure).all()
    assert k > 1 or not sure.any()
