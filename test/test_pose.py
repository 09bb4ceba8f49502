"""Solving: right, deterministic, fast, with either solver; degenerate input is refused."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from pose_scene import (
    FISHEYE,
    OPENCV,
    PINHOLE,
    POSE,
    RATIONAL,
    Array,
    observe,
    pairs,
    points_in_view,
)

from nmap_reloc import pose
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, angle_degrees, rotation_from_vector
from nmap_reloc.pose import Solution, SolveOptions, solve
from nmap_reloc.types import Camera, Correspondences, Refusal
from nmap_reloc.undistort import undistort, undistort_with_scale

CAMERAS = [PINHOLE, OPENCV, FISHEYE, RATIONAL]


def scene(camera: Camera, inlier_ratio: float, count: int = 1000, noise_px: float = 0.7,
          at: Rigid = POSE) -> Correspondences:
    rng = np.random.default_rng(11)
    points3D = points_in_view(camera, at, count, rng)
    points2D = observe(camera, at, points3D) + rng.normal(0, noise_px, (count, 2))
    wrong = rng.permutation(count)[:round(count * (1 - inlier_ratio))]
    points2D[wrong] = rng.uniform(0, (camera.width, camera.height), (len(wrong), 2))
    return pairs(points2D, points3D)


def solved(correspondences: Correspondences, camera: Camera, **options: object) -> Solution:
    solution = solve(correspondences, camera, SolveOptions(**options))  # type: ignore[arg-type]
    assert isinstance(solution, Solution), solution
    return solution


@pytest.mark.parametrize("solver", ["pycolmap", "opencv"])
@pytest.mark.parametrize("camera", CAMERAS, ids=lambda c: c.model)
@pytest.mark.parametrize("inlier_ratio", [0.9, 0.2])
def test_finds_the_pose_among_outliers(camera: Camera, solver: str, inlier_ratio: float) -> None:
    solution = solved(scene(camera, inlier_ratio), camera, solver=solver)
    assert solution.solver == solver
    assert np.linalg.norm(solution.map_from_camera.translation - POSE.translation) < 0.02
    assert angle_degrees(solution.map_from_camera, POSE) < 0.1
    assert abs(solution.inliers.sum() - 1000 * inlier_ratio) < 25
    assert 0.8 < solution.residual < 1.2  # the rms length of 0.7 px in x and y is 0.99


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda c: c.model)
@pytest.mark.parametrize("inlier_ratio", [0.9, 0.2])
def test_a_guess_spares_ransac_and_changes_no_answer(
        camera: Camera, inlier_ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    given = scene(camera, inlier_ratio)
    # as decoders are: the wrong ones are the less confident
    right = np.linalg.norm(observe(camera, POSE, given.points3D) - given.points2D, axis=1) < 4
    given = dataclasses.replace(given, confidences=np.where(right, 0.9, 0.3).astype(np.float32))
    alone = solved(given, camera)
    near = Rigid(rotation_from_vector([0.03, -0.04, 0.02]) @ POSE.rotation,
                 POSE.translation + [0.05, 0.03, -0.04])
    kidnapped = Rigid(rotation_from_vector([0, 1.5, 0]) @ POSE.rotation,
                      POSE.translation + [3.0, 0, 0])
    far = solve(given, camera, guess=kidnapped)
    assert isinstance(far, Solution)
    np.testing.assert_array_equal(far.map_from_camera.translation,
                                  alone.map_from_camera.translation)
    monkeypatch.setattr("nmap_reloc.ransac._ransac_by_pycolmap", None)  # not called
    guided = solve(given, camera, guess=near)
    assert isinstance(guided, Solution)
    assert np.linalg.norm(guided.map_from_camera.translation
                          - alone.map_from_camera.translation) < 1e-3
    assert np.mean(guided.inliers == alone.inliers) > 0.99


def test_same_input_same_answer() -> None:
    first, again = (solved(scene(OPENCV, 0.3), OPENCV) for _ in range(2))
    np.testing.assert_array_equal(first.map_from_camera.translation,
                                  again.map_from_camera.translation)
    np.testing.assert_array_equal(first.covariance, again.covariance)


def test_solvers_agree_after_refinement() -> None:
    seen = scene(OPENCV, 0.6)
    one, other = (solved(seen, OPENCV, solver=name) for name in ("pycolmap", "opencv"))
    sigma = np.sqrt(np.trace(one.covariance[:3, :3]))
    apart = one.map_from_camera.translation - other.map_from_camera.translation
    assert np.linalg.norm(apart) < 0.1 * sigma


def test_confident_pairs_come_first() -> None:
    seen = scene(PINHOLE, 0.1, count=3000)
    error = np.linalg.norm(observe(PINHOLE, POSE, seen.points3D) - seen.points2D, axis=1)
    told = dataclasses.replace(seen, confidences=(error < 5).astype(np.float32))
    assert abs(solved(told, PINHOLE).inliers.sum() - 300) < 20
    # Confidences that mislead cost time, not the pose: then all pairs are drawn from.
    misled = dataclasses.replace(seen, confidences=(error > 5).astype(np.float32))
    assert abs(solved(misled, PINHOLE).inliers.sum() - 300) < 20


def test_refinement_is_better_than_ransac_of_pycolmap_alone() -> None:
    import pycolmap

    from nmap_reloc.camera import to_pycolmap
    ours, theirs = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        points3D = points_in_view(PINHOLE, POSE, 300, rng)
        points2D = observe(PINHOLE, POSE, points3D) + rng.standard_t(3, (300, 2))
        solution = solved(pairs(points2D, points3D), PINHOLE)
        ours.append(np.linalg.norm(solution.map_from_camera.translation - POSE.translation))
        found = pycolmap.estimate_absolute_pose(points2D, points3D, to_pycolmap(PINHOLE))
        centre = found["cam_from_world"].inverse().translation
        theirs.append(np.linalg.norm(centre - POSE.translation))
    assert np.median(ours) < 0.7 * np.median(theirs)


@pytest.mark.parametrize("solver", ["pycolmap", "opencv"])
def test_of_several_searches_the_best_agreed_pose_is_taken(solver: str) -> None:
    """Half of the landmarks have look-alikes a step aside, which agree on another pose."""
    aside = Rigid(POSE.rotation, POSE.translation + [0.5, 0, 0])
    rng = np.random.default_rng(7)
    points3D = points_in_view(PINHOLE, POSE, 600, rng)
    points2D = observe(PINHOLE, POSE, points3D) + rng.normal(0, 0.7, (600, 2))
    points2D[::2] = observe(PINHOLE, aside, points3D[::2]) + rng.normal(0, 1.5, (300, 2))

    def right(searches: int) -> int:
        answers = [solved(pairs(points2D, points3D), PINHOLE, solver=solver, seed=seed,
                          searches=searches, min_trials=1, max_trials=4).map_from_camera
                   for seed in range(0, 80, 8)]
        return sum(np.linalg.norm(a.translation - POSE.translation) < 0.1 for a in answers)
    assert right(8) >= 9


def test_few_sure_pairs_are_found_among_many_wrong_ones() -> None:
    """Twenty of nine hundred pairs are right, but they are among the surest: too few for all
    pairs to show them, and for the surest to be searched once and quickly."""
    rng = np.random.default_rng(2)
    points = points_in_view(PINHOLE, POSE, 900, rng)
    pixels = observe(PINHOLE, POSE, points) + rng.normal(0, 0.7, (900, 2))
    pixels[20:] = rng.permutation(pixels[20:])
    sure = np.where(np.arange(900) < 20, 0.8, np.linspace(0.9, 0.1, 900))
    given = pairs(pixels, points, sure)

    def right(searches: int) -> int:
        found = [solve(given, PINHOLE, SolveOptions(seed=seed, searches=searches))
                 for seed in range(6)]
        return sum(isinstance(one, Solution) and np.linalg.norm(
            one.map_from_camera.translation - POSE.translation) < 0.05 for one in found)

    assert right(3) >= 5 > right(1)


def test_a_keypoint_supports_one_point_only() -> None:
    seen = scene(PINHOLE, 1.0, count=100)
    twice = Correspondences(*(np.concatenate([value, value]) for value in (
        seen.points2D, seen.points3D, seen.confidences, seen.keypoints, seen.voxels)))
    once, doubled = solved(seen, PINHOLE), solved(twice, PINHOLE)
    assert once.inliers.sum() == doubled.inliers.sum()
    np.testing.assert_allclose(doubled.covariance, once.covariance, rtol=1e-4)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_any_unit_of_the_map_will_do(unit: float) -> None:
    rng = np.random.default_rng(0)
    points3D = points_in_view(PINHOLE, POSE, 200, rng)
    points2D = observe(PINHOLE, POSE, points3D) + rng.normal(0, 0.5, (200, 2))
    solution = solved(pairs(points2D, points3D * unit), PINHOLE)
    error = solution.map_from_camera.translation / unit - POSE.translation
    assert np.linalg.norm(error) < 0.02
    assert 1e-4 < np.sqrt(solution.covariance[0, 0]) / unit < 0.02


def test_wrong_rows_are_left_out() -> None:
    seen = scene(OPENCV, 0.8)
    seen.points3D[3] = np.nan
    seen.points2D[5] = np.inf
    solution = solved(seen, OPENCV)
    assert not solution.inliers[[3, 5]].any() and len(solution.inliers) == 1000


def _refused(points2D: Array, points3D: Array, reason: str, solver: str) -> None:
    answer = solve(pairs(points2D, points3D), PINHOLE,
                   SolveOptions(solver=solver))  # type: ignore[arg-type]
    assert isinstance(answer, Refusal)
    assert answer.stage == "solve" and reason in answer.reason and "\n" not in answer.reason


@pytest.mark.parametrize("solver", ["pycolmap", "opencv"])
def test_degenerate_input_is_refused(solver: str) -> None:
    rng = np.random.default_rng(0)
    points3D = points_in_view(PINHOLE, POSE, 50, rng)
    points2D = observe(PINHOLE, POSE, points3D)
    _refused(points2D[:0], points3D[:0], "0 correspondences", solver)
    _refused(points2D[:3], points3D[:3], "3 correspondences: at least 4", solver)
    _refused(points2D, np.full_like(points3D, np.nan), "0 of 50", solver)
    _refused(np.tile(points2D[:1], (50, 1)), np.tile(points3D[:1], (50, 1)), "pose", solver)
    line = points3D[0] + np.linspace(0, 1, 50)[:, None] * (points3D[1] - points3D[0])
    _refused(observe(PINHOLE, POSE, line), line, "pose", solver)
    behind = POSE.apply([0, 0, -5] + rng.normal(0, 0.1, (50, 3)))
    answer = solve(pairs(rng.uniform(0, 480, (50, 2)), behind), PINHOLE)
    assert isinstance(answer, Refusal) or answer.inliers.sum() < 12  # what the gate refuses


def test_four_pairs_are_enough_and_say_how_little_they_are() -> None:
    rng = np.random.default_rng(4)
    points3D = points_in_view(PINHOLE, POSE, 4, rng)
    solution = solve(pairs(observe(PINHOLE, POSE, points3D), points3D), PINHOLE)
    assert isinstance(solution, Solution) and np.isfinite(solution.covariance).all()
    assert np.linalg.eigvalsh(solution.covariance)[0] > 0


def test_a_solver_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose, "HAS_PYCOLMAP", False)
    assert solved(scene(PINHOLE, 0.9), PINHOLE).solver == "opencv"
    monkeypatch.setattr(pose.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NmapError, match="solver pycolmap: not installed"):
        pose.choose_solver("pycolmap")
    with pytest.raises(NmapError, match="solver 'magic': unknown"):
        pose.choose_solver("magic")  # type: ignore[arg-type]


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda c: c.model)
def test_opencv_undistorts_as_pycolmap_does(camera: Camera) -> None:
    pixels = np.random.default_rng(0).uniform(10, (camera.width - 10, camera.height - 10), (99, 2))
    one, scale = undistort_with_scale(pixels, camera)
    other, scale_there = undistort_with_scale(pixels, camera, use_pycolmap=False)
    np.testing.assert_allclose(other, one, atol=1e-6)
    np.testing.assert_allclose(scale_there, scale, rtol=1e-5, atol=1e-3)
    # The scale undoes a small step.
    step = undistort(pixels + [0.01, -0.02], camera) - one
    np.testing.assert_allclose(np.einsum("mij,mj->mi", scale, step),
                               np.tile([0.01, -0.02], (99, 1)), rtol=0.02, atol=1e-4)


def test_a_camera_that_opencv_does_not_know_is_named() -> None:
    camera = Camera("FOV", 640, 480, (500.0, 500.0, 320.0, 240.0, 0.9))
    with pytest.raises(NmapError, match="camera model FOV: OpenCV does not know it"):
        undistort(np.zeros((1, 2)), camera, use_pycolmap=False)


def test_a_thousand_pairs_take_milliseconds() -> None:
    seen, spent = scene(OPENCV, 0.6), []
    for _ in range(5):
        started = time.thread_time()  # other work on the machine does not count
        solved(seen, OPENCV)
        spent.append(time.thread_time() - started)
    assert min(spent) < 0.03
