"""The covariance is what repeated measurements show: Monte-Carlo, and pycolmap's conventions."""

from __future__ import annotations

import numpy as np
import pytest
from pose_scene import FISHEYE, OPENCV, PINHOLE, POSE, Array, observe, pairs, points_in_view

from nmap_reloc.camera import to_pycolmap
from nmap_reloc.evaluation.calibration import coverage
from nmap_reloc.geometry import Rigid, pose_error, rotation_from_vector, skew
from nmap_reloc.pose import UNCALIBRATED, Calibration, Solution, SolveOptions, solve
from nmap_reloc.types import Camera

DRAWS = 200
OPTIONS = SolveOptions(calibration=UNCALIBRATED)


def repeat(camera: Camera, noise_px: float, options: SolveOptions, count: int = 60,
           outliers: int = 0) -> tuple[Array, Array]:
    """errors [DRAWS x 6], covariances [DRAWS x 6 x 6] of one view under fresh pixel noise."""
    rng = np.random.default_rng(5)
    points3D = points_in_view(camera, POSE, count + outliers, rng)
    exact = observe(camera, POSE, points3D)
    errors, covariances = [], []
    for _ in range(DRAWS):
        seen = exact + rng.normal(0, noise_px, exact.shape)
        seen[count:] = rng.uniform(0, (camera.width, camera.height), (outliers, 2))
        solution = solve(pairs(seen, points3D), camera, options)
        assert isinstance(solution, Solution)
        errors.append(pose_error(POSE, solution.map_from_camera))
        covariances.append(solution.covariance)
    return np.array(errors), np.array(covariances)


@pytest.mark.parametrize("noise_px", [0.4, 2.0])
@pytest.mark.parametrize("camera", [PINHOLE, OPENCV], ids=lambda c: c.model)
def test_monte_carlo_agrees(camera: Camera, noise_px: float) -> None:
    _agree(*repeat(camera, noise_px, OPTIONS))


def test_monte_carlo_agrees_with_opencv_and_a_fisheye_lens() -> None:
    _agree(*repeat(FISHEYE, 1.0, SolveOptions(solver="opencv", calibration=UNCALIBRATED)))


def test_monte_carlo_agrees_among_outliers() -> None:
    _agree(*repeat(OPENCV, 1.0, OPTIONS, outliers=60))


def _agree(errors: Array, covariances: Array) -> None:
    """Within sampling error: 200 draws give a variance to 10 %, a mean distance to 4 %, a coverage
    to 1.6 points; and the mean distance is 3 % larger as the noise is estimated from 60 pairs."""
    predicted = covariances.mean(axis=0)
    unit = np.sqrt(np.outer(np.diag(predicted), np.diag(predicted)))
    empirical = errors.T @ errors / len(errors)
    np.testing.assert_allclose(empirical / unit, predicted / unit, atol=0.35)
    squared = np.einsum("qi,qij,qj->q", errors, np.linalg.inv(covariances), errors)
    assert 0.88 < squared.mean() / 6 < 1.2
    assert 0.89 <= coverage(errors, covariances).position <= 0.985
    assert abs(errors.mean(axis=0) / np.sqrt(np.diag(predicted))).max() < 4 / np.sqrt(DRAWS)


@pytest.mark.parametrize("camera", [PINHOLE, OPENCV], ids=lambda c: c.model)
def test_pycolmap_still_means_what_it_meant(camera: Camera) -> None:
    """pycolmap's own covariance, converted, is that of one pixel of noise.

    Order rotation, translation of cam_from_world; rotation in quaternion half angles; left
    rotation and additive translation. An upgrade that changes any of these fails here.
    """
    import pycolmap

    points3D = points_in_view(camera, POSE, 200, np.random.default_rng(2))
    exact = observe(camera, POSE, points3D)  # so its robust loss weighs every pair alike
    camera_from_map = POSE.inverse()
    found = pycolmap.refine_absolute_pose(
        pycolmap.Rigid3d(np.hstack([camera_from_map.rotation,
                                    camera_from_map.translation[:, None]])),
        exact, points3D, np.ones(200, bool), to_pycolmap(camera), return_covariance=True)
    covariance = found[next(key for key in found if "covariance" in key)]
    one_pixel = _one_pixel(camera, exact, points3D)
    unit = np.sqrt(np.outer(np.diag(one_pixel), np.diag(one_pixel)))
    np.testing.assert_allclose(_from_pycolmap(covariance, camera_from_map) / unit,
                               one_pixel / unit, atol=5e-3)


def _from_pycolmap(covariance: Array, camera_from_map: Rigid) -> Array:
    """-> the convention of types.Estimate: C = -R^T t, dC = -R^T dt - R^T [t]x phi, and the
    left rotation of the inverse is -R^T phi, where phi is twice pycolmap's rotation."""
    back = camera_from_map.rotation.T
    change = np.zeros((6, 6))
    change[:3, :3] = -back @ skew(camera_from_map.translation) * 2
    change[:3, 3:] = -back
    change[3:, :3] = -back * 2
    return np.asarray(change @ covariance @ change.T, np.float64)


def _one_pixel(camera: Camera, points2D: Array, points3D: Array) -> Array:
    """By differences of the projection alone: nothing of the package's Jacobians."""
    columns = []
    for k in range(6):
        step = np.zeros(6)
        step[k] = 1e-6
        moved = [observe(camera, Rigid(rotation_from_vector(sign * step[3:]) @ POSE.rotation,
                                       POSE.translation + sign * step[:3]), points3D)
                 for sign in (1, -1)]
        columns.append((moved[0] - moved[1]).ravel() / 2e-6)
    J = np.array(columns)
    assert J.shape == (6, points2D.size)
    return np.asarray(np.linalg.inv(J @ J.T), np.float64)


def test_calibration_scales_and_bounds_the_covariance() -> None:
    rng = np.random.default_rng(0)
    points3D = points_in_view(PINHOLE, POSE, 400, rng)
    seen = pairs(observe(PINHOLE, POSE, points3D) + rng.normal(0, 0.5, (400, 2)), points3D)

    def covariance(calibration: Calibration) -> Array:
        solution = solve(seen, PINHOLE, SolveOptions(calibration=calibration))
        assert isinstance(solution, Solution)
        return solution.covariance

    plain = covariance(UNCALIBRATED)
    np.testing.assert_allclose(covariance(Calibration(factor=3.0)), 3 * plain)
    # A shared error of 0.5 px beside 0.5 px of independent noise, over all 400 pairs.
    ratio = covariance(Calibration(floor_px=0.5)) / plain
    np.testing.assert_allclose(ratio, ratio[0, 0])
    assert 300 < ratio[0, 0] < 500
