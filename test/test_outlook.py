"""What a camera with a prior may see: all that its pixels look at, and little more."""

from __future__ import annotations

import numpy as np
import pytest
from pose_scene import FISHEYE, OPENCV, PINHOLE, POSE, RATIONAL, points_in_view

from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.outlook import Outlook
from nmap_reloc.types import Camera, PosePrior

CAMERAS = [PINHOLE, OPENCV, RATIONAL, FISHEYE]


def outlook(camera: Camera, position: float = 0.0, turn: float = 0.0, at: Rigid = POSE) -> Outlook:
    return Outlook.of(camera, PosePrior(at, np.diag([position ** 2] * 3 + [turn ** 2] * 3)))


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda c: c.model)
def test_whatever_a_pixel_sees_is_seen(camera: Camera) -> None:
    rng = np.random.default_rng(0)
    points = points_in_view(camera, POSE, 3000, rng, depths=(0.1, 60.0))
    assert outlook(camera).sees(points).all()
    assert outlook(camera, 0.1, 0.05).sees(points).all()


@pytest.mark.parametrize("camera", [PINHOLE, OPENCV, RATIONAL], ids=lambda c: c.model)
def test_little_else_is(camera: Camera) -> None:
    points = POSE.apply(np.random.default_rng(1).normal(size=(20000, 3)) * 5)
    x, y, z = POSE.inverse().apply(points).T
    seen = outlook(camera).sees(points)
    assert not seen[z < 0].any()
    # where the image of the lens ends on the plane of depth 1, give or take its distortion
    wide, high = camera.width / 2 / camera.params[0], camera.height / 2 / camera.params[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = (z > 0) & ((abs(x / z) > 1.6 * wide) | (abs(y / z) > 1.6 * high))
    assert beyond.sum() > 1000 and not seen[beyond].any()


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda c: c.model)
def test_what_the_true_pose_sees_is_within_the_priors_doubt(camera: Camera) -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        shift, turn = rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 3)
        true = Rigid(rotation_from_vector(0.1 * turn / np.linalg.norm(turn)) @ POSE.rotation,
                     POSE.translation + 0.3 * shift / np.linalg.norm(shift))
        assert outlook(camera, 0.1, 0.034).sees(points_in_view(camera, true, 500, rng)).all()


def test_a_ball_is_seen_if_any_of_it_is() -> None:
    beside = POSE.apply([[6.0, 0, 3.0]])  # 1.5 and a half from the pyramid's side
    side = np.array([1, 0, -320 / 525]) / np.hypot(1, 320 / 525)
    away = float(side @ [6.0, 0, 3.0])
    assert not outlook(PINHOLE).sees(beside, 0.99 * away).any()
    assert outlook(PINHOLE).sees(beside, 1.01 * away).all()
    assert outlook(PINHOLE).sees(POSE.apply([[0, 0, -1.0]]), 1.01).all()  # it stands in it
