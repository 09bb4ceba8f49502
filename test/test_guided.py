"""Landmarks near keypoints: the same pairs as by comparing everything with everything."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.geometry import Rigid
from nmap_reloc.guided import Seen, match_near

AT_ORIGIN = Rigid(np.eye(3), np.zeros(3))


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def scene(seed: int, keypoints: int, landmarks: int) -> tuple[Seen, np.ndarray, np.ndarray]:
    """Keypoints, some of them lost to distortion; landmarks about them, some behind the camera."""
    random = np.random.default_rng(seed)
    normalized = random.uniform(-0.6, 0.6, (keypoints, 2))
    scale = np.tile(np.diag([500.0, 520.0]), (keypoints, 1, 1))
    scale += 40 * random.normal(size=scale.shape) * np.linalg.norm(normalized, axis=1)[:, None,
                                                                                       None]
    rays = np.column_stack([normalized[random.integers(0, keypoints, landmarks)]
                            + 0.01 * random.normal(size=(landmarks, 2)), np.ones(landmarks)])
    positions = rays * random.uniform(-1, 9, (landmarks, 1))
    normalized[::17] = np.nan
    return Seen(unit(random.normal(size=(keypoints, 8))), normalized, scale), positions, unit(
        random.normal(size=(landmarks, 8)))


def slowly(seen: Seen, positions: np.ndarray, descriptors: np.ndarray, radius: float,
           similarity: float) -> set[tuple[int, int]]:
    """Every landmark with every keypoint."""
    good = np.isfinite(seen.normalized).all(1)
    low, high = seen.normalized[good].min(0), seen.normalized[good].max(0)
    front = positions[:, 2] > 1e-6
    plane = np.where(front[:, None], positions[:, :2] / positions[:, 2:], np.nan)
    shown = ((plane >= low) & (plane <= high)).all(1)
    moved = np.einsum("nij,nlj->nli", seen.scale, plane[None] - seen.normalized[:, None])
    alike = seen.descriptors @ descriptors.T
    fits = (np.linalg.norm(moved, axis=2) <= radius) & shown & (alike >= similarity)
    alike = np.where(fits, alike, -np.inf)
    return {(k, int(alike[k].argmax())) for k in range(len(alike))
            if fits[k].any() and alike[:, alike[k].argmax()].argmax() == k}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("radius", [3.0, 8.0, 400.0])
def test_the_same_pairs_as_by_looking_at_all(seed: int, radius: float) -> None:
    seen, positions, descriptors = scene(seed, 200, 600)
    found = match_near(seen, AT_ORIGIN, positions, descriptors, radius, 0.3)
    pairs = set(zip(found.keypoints.tolist(), found.landmarks.tolist(), strict=True))
    assert pairs == slowly(seen, positions, descriptors, radius, 0.3)
    assert len(pairs) > 3 and (found.distance <= radius).all() and (found.similarity >= 0.3).all()


def test_a_radius_finer_than_the_grid() -> None:
    seen, positions, descriptors = scene(5, 400, 2000)
    found = match_near(seen, AT_ORIGIN, positions, descriptors, 0.5, -1.0)
    pairs = set(zip(found.keypoints.tolist(), found.landmarks.tolist(), strict=True))
    assert pairs == slowly(seen, positions, descriptors, 0.5, -1.0) and len(pairs) > 3


def test_nothing_to_find() -> None:
    seen, positions, descriptors = scene(0, 50, 20)
    lost = Seen(seen.descriptors, np.full_like(seen.normalized, np.nan), seen.scale)
    behind = positions * [1, 1, -1] * np.sign(positions[:, 2:])
    for asked, places in ((lost, positions), (seen, behind), (seen, positions[:0])):
        assert len(match_near(asked, AT_ORIGIN, places, descriptors[:len(places)], 8.0, 0.3)) == 0
