"""Matching against landmarks with descriptors of their own."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.representations.hybrid import explicit
from nmap_reloc.representations.hybrid.explicit import RATIO, Explicit, match
from nmap_reloc.types import Features


def scene(seed: int, keypoints: int = 60, landmarks: int = 200) -> tuple[Features, Explicit]:
    """The first half of the keypoints see landmarks of the same number."""
    rng = np.random.default_rng(seed)
    described = rng.normal(size=(landmarks, 32))
    seen = rng.normal(size=(keypoints, 32))
    half = keypoints // 2
    seen[:half] = described[:half] + 0.4 * rng.normal(size=(half, 32))
    described /= np.linalg.norm(described, axis=1, keepdims=True)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    features = Features(rng.uniform(0, 400, (keypoints, 2)).astype(np.float32),
                        np.ones(keypoints, np.float32), seen.astype(np.float32),
                        np.zeros(0, np.float32), 400, 400)
    return features, Explicit(rng.normal(size=(landmarks, 3)), described.astype(np.float32),
                              rng.integers(0, 9, landmarks).astype(np.int32))


@pytest.mark.parametrize("block", [7, 64, 10_000])
def test_mutual_nearest_neighbours_whatever_the_blocks(block: int,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explicit, "BLOCK", block)
    for seed in range(4):
        features, landmarks = scene(seed)
        similarity = features.descriptors @ landmarks.descriptors.T
        expected = {}
        for k, row in enumerate(similarity):
            second, first = np.argsort(row)[-2:]
            ratio = np.sqrt((2 - 2 * row[first]) / (2 - 2 * row[second]))
            if similarity[:, first].argmax() == k and ratio < RATIO:
                expected[k] = first
        found = match(features, landmarks)
        assert set(found.keypoints.tolist()) == set(expected)
        np.testing.assert_array_equal(
            found.points3D, landmarks.positions[[expected[k] for k in found.keypoints]])
        assert {k: int(expected[k]) for k in expected if k < 30} == {k: k for k in range(30)}
        assert (np.diff(found.confidences) <= 0).all() and found.confidences.max() <= 1


def test_only_the_wanted_voxels() -> None:
    features, landmarks = scene(0)
    some = landmarks.of_voxels(np.array([2, 5], np.int32), 9)
    assert len(some) and set(some.voxels.tolist()) == {2, 5}
    assert set(match(features, some).voxels.tolist()) <= {2, 5}
    assert landmarks.of_voxels(None, 9) is landmarks
    assert len(match(features, landmarks.of_voxels(np.zeros(0, np.int32), 9))) == 0
