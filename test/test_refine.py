"""Refining: what it starts from does not matter, nor what can't be seen."""

from __future__ import annotations

import numpy as np
import pytest
from pose_scene import OPENCV, PINHOLE, POSE, Array, observe, observed, points_in_view

from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.refine import FAR, best_of_each_keypoint, refine
from nmap_reloc.reprojection import Observed, jacobian, look
from nmap_reloc.types import Camera


def noisy(camera: Camera, points3D: Array, noise_px: float = 0.5) -> Observed:
    pixels = observe(camera, POSE, points3D)
    pixels += np.random.default_rng(1).normal(0, noise_px, pixels.shape)
    return observed(camera, pixels, points3D)


def moved(step: Array) -> Rigid:
    return Rigid(rotation_from_vector(step[3:]) @ POSE.rotation, POSE.translation + step[:3])


@pytest.mark.parametrize("camera", [PINHOLE, OPENCV], ids=lambda c: c.model)
def test_the_start_does_not_matter(camera: Camera) -> None:
    rng = np.random.default_rng(0)
    seen = noisy(camera, points_in_view(camera, POSE, 150, rng))
    seen.points[:, :50] = rng.permutation(seen.points[:, :50], axis=1)  # wrong pairs
    found = []
    for seed in range(4):
        step = np.random.default_rng(seed).normal(0, [0.02] * 3 + [0.003] * 3)
        fit = refine(moved(step), seen, 8.0, 1.0)
        assert fit is not None and fit.inliers[50:].mean() > 0.95
        found.append(fit)
    sigma = np.sqrt(np.trace(found[0].covariance[:3, :3]))
    for fit in found[1:]:
        apart = fit.map_from_camera.translation - found[0].map_from_camera.translation
        assert np.linalg.norm(apart) < 0.01 * sigma
        np.testing.assert_array_equal(fit.inliers, found[0].inliers)


@pytest.mark.parametrize("camera", [PINHOLE, OPENCV], ids=lambda c: c.model)
def test_the_jacobian_is_that_of_the_error(camera: Camera) -> None:
    seen = noisy(camera, points_in_view(camera, POSE, 20, np.random.default_rng(2)), 3.0)
    at = look(POSE, seen)
    J = jacobian(seen.planes, at.error, at.in_camera)
    for k in range(6):
        step = np.zeros(6)
        step[k] = 1e-6
        step = np.r_[POSE.rotation @ step[:3], POSE.rotation @ step[3:]]
        slope = (look(moved(step), seen).error - look(moved(-step), seen).error) / 2e-6
        np.testing.assert_allclose(J[k], slope, rtol=1e-5, atol=1e-4)


def test_what_cannot_be_seen_changes_nothing() -> None:
    points3D = points_in_view(PINHOLE, POSE, 60, np.random.default_rng(3))
    whole, seen = noisy(PINHOLE, points3D), noisy(PINHOLE, points3D)
    seen.points[:, 0] = np.nan
    seen.planes[:, :, 1] = np.nan
    seen.points[:, 2] = POSE.apply([[0.0, 0.0, -3.0]])[0]
    at = look(POSE, seen)
    assert np.isinf(at.squared[[0, 2]]).all() and np.isnan(at.squared[1])
    np.testing.assert_array_equal(at.squared[3:], look(POSE, whole).squared[3:])
    fit = refine(POSE, seen, 8.0, 1.0)
    assert fit is not None and fit.inliers[3:].mean() > 0.95 and not fit.inliers[:3].any()


def test_a_keypoint_is_given_its_nearest_point() -> None:
    points3D = points_in_view(PINHOLE, POSE, 6, np.random.default_rng(4))
    seen = noisy(PINHOLE, points3D)
    squared = np.array([4.0, 1.0, 1.0, 9.0, np.inf, 0.5])
    twice = Observed(seen.planes, seen.points, np.array([7, 7, 7, 2, 2, 9], np.int32))
    assert best_of_each_keypoint(squared, 2.5, seen).tolist() == [1, 1, 1, 0, 0, 1]
    assert best_of_each_keypoint(squared, 2.5, twice).tolist() == [0, 1, 0, 0, 0, 1]
    assert best_of_each_keypoint(squared, 4.0, twice).tolist() == [0, 1, 0, 1, 0, 1]


def test_far_pairs_are_not_followed() -> None:
    """They can't come within reach while a pose that is nearly right is refined."""
    points3D = points_in_view(PINHOLE, POSE, 60, np.random.default_rng(5))
    seen = noisy(PINHOLE, points3D)
    turned = moved(np.r_[0, 0, 0, POSE.rotation @ [0, 2 * FAR * 8.0 / 525, 0]])
    assert refine(turned, seen, 8.0, 1.0) is None
