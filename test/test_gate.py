"""The gate: what is accepted, and each reason for refusing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from pose_scene import PINHOLE, POSE, observe, pairs, points_in_view

from nmap_reloc.camera import to_pycolmap
from nmap_reloc.gate import GateOptions, judge
from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.pose import Solution, solve
from nmap_reloc.types import Correspondences, PosePrior


def close_wall(seed: int) -> Correspondences:
    """Half of what a view close to a wall is paired with is one patch seen from far: what is
    there agrees in the large and nowhere in detail, so that a wrong pose gathers inliers."""
    rng = np.random.default_rng(seed)
    pixels = rng.uniform((0, 0), (640, 480), (700, 2))
    pixels[:350], seen = (330, 250) + rng.normal(size=(2, 350, 2)) * (18, 40)
    plane = np.asarray(to_pycolmap(PINHOLE).cam_from_img(seen))
    depth = rng.uniform(9, 12, (350, 1))
    patch = POSE.apply(np.hstack([plane * depth, depth]))
    return pairs(pixels, np.vstack([patch, points_in_view(PINHOLE, POSE, 350, rng, (0.5, 1.0))]))


@pytest.fixture(scope="module")
def good() -> tuple[Solution, Correspondences]:
    rng = np.random.default_rng(0)
    points3D = points_in_view(PINHOLE, POSE, 100, rng)
    seen = pairs(observe(PINHOLE, POSE, points3D) + rng.normal(0, 0.5, (100, 2)), points3D)
    solution = solve(seen, PINHOLE)
    assert isinstance(solution, Solution)
    return solution, seen


def reason(solution: Solution, seen: Correspondences, prior: PosePrior | None = None,
           **options: float) -> str:
    refusal = judge(solution, seen, prior, GateOptions(**options))  # type: ignore[arg-type]
    assert refusal is not None and refusal.stage == "gate" and "\n" not in refusal.reason
    return refusal.reason


def test_a_good_pose_passes(good: tuple[Solution, Correspondences]) -> None:
    assert judge(*good) is None


def test_support_is_asked_for(good: tuple[Solution, Correspondences]) -> None:
    solution, seen = good
    few = dataclasses.replace(solution, inliers=np.arange(100) < 11)
    assert reason(few, seen) == "11 inliers of 100: at least 12 are needed"
    rare = dataclasses.replace(solution, inliers=np.arange(1000) < 15)
    many = seen.some(np.resize(np.arange(100), 1000))
    each = dataclasses.replace(many, keypoints=np.arange(1000, dtype=np.int32))
    assert reason(rare, each) == "1.5% of 1000 keypoints are inliers: at least 2.0% are needed"
    assert "keypoints are inliers" not in str(judge(rare, many))  # of 100 keypoints, each with ten
    rough = dataclasses.replace(solution, residual=7.5)
    assert reason(rough, seen) == "residual 7.50 px: at most 6 px is accepted"


def test_inliers_on_a_line_or_in_a_spot_are_refused(good: tuple[Solution, Correspondences]
                                                    ) -> None:
    solution, seen = good
    for pixels in (np.linspace([20, 20], [600, 400], 100), seen.points2D * 0.01 + 300):
        held = dataclasses.replace(seen, points2D=pixels)
        assert "of the image diagonal: at least 2.0% is needed" in reason(solution, held)


def test_uncertainty_is_refused(good: tuple[Solution, Correspondences]) -> None:
    solution, seen = good
    vague = dataclasses.replace(solution, covariance=np.diag([1.0, 1, 1, 1e-6, 1e-6, 1e-6]))
    assert "of the distance to what is seen: at most 10.0%" in reason(vague, seen)
    assert reason(vague, seen, max_relative_sigma=9.0, max_position_sigma=0.5) == (
        "position uncertain by 1: at most 0.5 is accepted")
    turned = dataclasses.replace(solution, covariance=np.diag([1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1.0]))
    assert reason(turned, seen) == "rotation uncertain by 57.30 deg: at most 3 deg is accepted"


def test_relative_uncertainty_knows_no_unit(good: tuple[Solution, Correspondences]) -> None:
    solution, seen = good
    scale = np.diag([1e3] * 3 + [1.0] * 3)
    pose = Rigid(POSE.rotation, solution.map_from_camera.translation * 1e3)
    larger = dataclasses.replace(solution, map_from_camera=pose,
                                 covariance=scale @ solution.covariance @ scale)
    assert judge(larger, dataclasses.replace(seen, points3D=seen.points3D * 1e3)) is None


@pytest.mark.parametrize("seed", range(4))
def test_many_inliers_close_to_a_wall_are_chance(seed: int) -> None:
    seen = close_wall(seed)
    solution = solve(seen, PINHOLE)
    assert isinstance(solution, Solution) and solution.inliers.sum() > 17
    assert np.linalg.norm(solution.map_from_camera.translation - POSE.translation) > 5
    assert f"{solution.inliers.sum()} inliers of 700 may be chance" in reason(solution, seen)


def test_a_prior_may_agree_or_contradict(good: tuple[Solution, Correspondences]) -> None:
    solution, seen = good
    loose = np.diag([0.04, 0.04, 0.04, 1e-3, 1e-3, 1e-3])
    near = Rigid(POSE.rotation, POSE.translation + [0.3, -0.2, 0.1])
    assert judge(solution, seen, PosePrior(near, loose)) is None
    far = Rigid(POSE.rotation, POSE.translation + [3.0, 0.0, 0.0])
    assert reason(solution, seen, PosePrior(far, loose)).startswith(
        "contradicts the prior by 3 and 0.0 deg")
    turned = Rigid(rotation_from_vector([0, 0, 0.5]) @ POSE.rotation, POSE.translation)
    assert "28.7 deg" in reason(solution, seen, PosePrior(turned, loose))
