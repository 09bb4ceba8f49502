"""A second look: places that the decoder thought less likely, where the pose says they fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pose_scene import OPENCV, PINHOLE, POSE, observe, pairs, points_in_view

from nmap_reloc.geometry import angle_degrees
from nmap_reloc.pose import Solution, solve
from nmap_reloc.types import Camera, Correspondences

RIGHT, CONFUSED, LOST = 40, 120, 100


def scene(camera: Camera, seed: int = 0) -> tuple[Correspondences, np.ndarray]:
    """First pairs that are right, then such as took another's place (the right one is among their
    others), then such as know no right place; and where all of them truly are."""
    rng = np.random.default_rng(seed)
    count = RIGHT + CONFUSED + LOST
    true = points_in_view(camera, POSE, count, rng)
    pixels = observe(camera, POSE, true) + rng.normal(0, 0.5, (count, 2))
    taken = true.copy()
    taken[RIGHT:] = rng.permutation(true[RIGHT:])
    others = rng.permutation(np.repeat(true, 3, 0)).reshape(count, 3, 3)
    others[RIGHT:RIGHT + CONFUSED, 1] = true[RIGHT:RIGHT + CONFUSED]
    return replace(pairs(pixels, taken), others=others), true


@pytest.mark.parametrize("camera", [PINHOLE, OPENCV])
def test_confused_pairs_find_their_place(camera: Camera) -> None:
    seen, true = scene(camera)
    once, twice = solve(replace(seen, others=None), camera), solve(seen, camera)
    assert isinstance(once, Solution) and isinstance(twice, Solution)
    assert once.points3D is seen.points3D and once.inliers.sum() < RIGHT + 10
    confused = slice(RIGHT, RIGHT + CONFUSED)
    assert twice.inliers[confused].mean() > 0.9 and twice.inliers[RIGHT + CONFUSED:].sum() < 10
    np.testing.assert_array_equal(twice.points3D[confused][twice.inliers[confused]],
                                  true[confused][twice.inliers[confused]])
    assert twice.log_false_alarms == once.log_false_alarms


def test_the_pose_is_better_for_it() -> None:
    errors = []
    for seed in range(6):
        seen = scene(PINHOLE, seed)[0]
        found = [solve(replace(seen, others=None), PINHOLE), solve(seen, PINHOLE)]
        errors.append([angle_degrees(s.map_from_camera, POSE) for s in found
                       if isinstance(s, Solution)])
    once, twice = np.mean(errors, axis=0)
    assert twice < 0.8 * once


def test_where_no_other_place_fits_nothing_changes() -> None:
    seen = scene(PINHOLE)[0]
    far = replace(seen, others=np.full((len(seen), 2, 3), 1e4))
    once, twice = solve(replace(seen, others=None), PINHOLE), solve(far, PINHOLE)
    assert isinstance(once, Solution) and isinstance(twice, Solution)
    np.testing.assert_array_equal(once.inliers, twice.inliers)
    np.testing.assert_array_equal(seen.points3D, twice.points3D)


def test_where_every_pair_agrees_nothing_is_looked_for() -> None:
    true = points_in_view(PINHOLE, POSE, RIGHT, np.random.default_rng(0))
    seen = replace(pairs(observe(PINHOLE, POSE, true), true), others=true[:, None] + 1.0)
    found = solve(seen, PINHOLE)
    assert isinstance(found, Solution) and found.inliers.all()
    np.testing.assert_array_equal(found.points3D, seen.points3D)
