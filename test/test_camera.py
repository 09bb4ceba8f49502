"""Camera conversions agree with OpenCV's projection and pycolmap's; nonsense is refused."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pycolmap
import pytest

from nmap_reloc.camera import (
    LAYOUT,
    check_camera,
    from_camera_info,
    from_message,
    from_pycolmap,
    parse_camera,
    scaled,
    to_camera_info,
    to_pycolmap,
)
from nmap_reloc.errors import NmapError
from nmap_reloc.types import Camera

K = (500.0, 0.0, 310.0, 0.0, 510.0, 250.0, 0.0, 0.0, 1.0)
POINTS = np.array([[0.1, -0.2, 1.0], [0.4, 0.3, 1.5], [-0.5, 0.1, 2.0]])
CALIBRATIONS = [
    ("plumb_bob", (-0.1, 0.02, 0.001, -0.002, 0.0), "OPENCV"),
    ("plumb_bob", (-0.1, 0.02, 0.001, -0.002, 0.03), "FULL_OPENCV"),
    ("plumb_bob", (0.0, 0.0, 0.0, 0.0, 0.0), "PINHOLE"),
    ("rational_polynomial", (0.1, -0.2, 0.001, -0.002, 0.05, 0.01, 0.02, 0.03), "FULL_OPENCV"),
    ("equidistant", (0.02, -0.01, 0.003, -0.001), "OPENCV_FISHEYE"),
    ("equidistant", (0.0, 0.0, 0.0, 0.0), "OPENCV_FISHEYE"),
    ("none", (), "PINHOLE"),
]


@pytest.mark.parametrize(("ros", "D", "model"), CALIBRATIONS)
def test_projects_as_opencv_half_a_pixel_apart(ros: str, D: tuple[float, ...], model: str) -> None:
    camera = from_camera_info(ros, D, K, 640, 480)
    assert camera.model == model
    matrix = np.reshape(K, (3, 3))
    if ros == "equidistant":
        expected, _ = cv2.fisheye.projectPoints(POINTS[:, None], np.zeros(3), np.zeros(3), matrix,
                                                np.array(D))
    else:
        expected, _ = cv2.projectPoints(POINTS, np.zeros(3), np.zeros(3), matrix,
                                        np.array(D or (0.0,) * 4))
    ours = to_pycolmap(camera).img_from_cam(POINTS)
    np.testing.assert_allclose(ours, expected.reshape(-1, 2) + 0.5, atol=1e-9)


@pytest.mark.parametrize(("ros", "D", "model"), CALIBRATIONS)
def test_camera_info_there_and_back(ros: str, D: tuple[float, ...], model: str) -> None:
    camera = from_camera_info(ros, D, K, 640, 480)
    said, coefficients, matrix = to_camera_info(camera)
    assert from_camera_info(said, coefficients, matrix, 640, 480) == camera
    np.testing.assert_allclose(matrix, K)


def test_pycolmap_there_and_back_and_layout() -> None:
    for model, (focals, count) in LAYOUT.items():
        reference = pycolmap.Camera.create_from_model_name(1, model, 500.0, 640, 480)
        assert len(reference.params) == count, model
        assert list(reference.focal_length_idxs()) == list(range(focals)), model
        assert list(reference.principal_point_idxs()) == [focals, focals + 1], model
        camera = from_pycolmap(reference)
        assert from_pycolmap(to_pycolmap(camera)) == camera


def message(**changes: object) -> SimpleNamespace:
    P = [400.0, 0.0, 300.0, 0.0, 0.0, 400.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    fields: dict[str, object] = {
        "distortion_model": "plumb_bob", "d": [-0.1, 0.02, 0.001, -0.002, 0.0], "k": list(K),
        "p": P, "width": 640, "height": 480, "binning_x": 0, "binning_y": 0, "roi": roi}
    return SimpleNamespace(**{**fields, **changes})


def test_message_rectified_binned_and_cropped() -> None:
    assert from_message(message()).params[:4] == (500, 510, 310.5, 250.5)
    rectified = from_message(message(), rectified=True)
    assert (rectified.model, rectified.params) == ("PINHOLE", (400, 400, 300.5, 240.5))
    binned = from_message(message(binning_x=2, binning_y=2))
    assert (binned.width, binned.height) == (320, 240)
    assert binned.params[:4] == (250, 255, 155.25, 125.25)
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=300)
    cropped = from_message(message(roi=roi))
    assert (cropped.width, cropped.height) == (400, 300)
    assert cropped.params[:4] == (500, 510, 210.5, 210.5)


def test_scaled_keeps_the_rays() -> None:
    camera = from_camera_info("plumb_bob", (-0.1, 0.02, 0.001, -0.002, 0.0), K, 640, 480)
    half = scaled(camera, 0.5)
    assert (half.width, half.height) == (320, 240)
    np.testing.assert_allclose(to_pycolmap(half).img_from_cam(POINTS),
                               to_pycolmap(camera).img_from_cam(POINTS) / 2)
    one_focal = scaled(Camera("SIMPLE_RADIAL", 640, 480, (500, 320, 240, 0.1)), 2)
    assert one_focal.params == (1000, 640, 480, 0.1)


@pytest.mark.parametrize(("camera", "shape", "said"), [
    (Camera("PINHOLE", 640, 480, (500, 500, 320, 240)), (240, 320, 3), "320 x 240"),
    (Camera("PINHOLE", 640, 480, (0, 500, 320, 240)), None, "focal length 0"),
    (Camera("PINHOLE", 640, 480, (500, float("nan"), 320, 240)), None, "not finite"),
    (Camera("PINHOLE", 640, 480, (500, 500, 700, 240)), None, "principal point (700, 240)"),
    (Camera("PINHOLE", 0, 480, (500, 500, 0, 240)), None, "size 0 x 480"),
    (Camera("PINHOLE", 640, 480, (500, 500, 320)), None, "3 parameters"),
    (Camera("LENS", 640, 480, (500,)), None, "'LENS'"),
])
def test_refuses_wrong_intrinsics(camera: Camera, shape: tuple[int, ...] | None, said: str
                                  ) -> None:
    with pytest.raises(NmapError) as refusal:
        check_camera(camera, shape, "left.png")
    text = str(refusal.value)
    assert text.startswith("left.png") and said in text and ";" in text and "\n" not in text


@pytest.mark.parametrize(("ros", "D", "matrix", "said"), [
    ("kannala", (), K, "distortion_model 'kannala'"),
    ("none", (0.1,), K, "none has 0 coefficients"),
    ("rational_polynomial", (0.1,) * 12, K, "8 coefficients"),
    ("plumb_bob", (0.1,), K[:4], "K has 4 numbers"),
    ("plumb_bob", (), (0.0,) * 9, "focal length 0"),
    ("plumb_bob", (float("nan"),), K, "not finite"),
])
def test_refuses_wrong_camera_info(ros: str, D: tuple[float, ...], matrix: tuple[float, ...],
                                   said: str) -> None:
    with pytest.raises(NmapError, match="/camera_info") as refusal:
        from_camera_info(ros, D, matrix, 640, 480, "/camera_info")
    assert said in str(refusal.value)


def test_parses_a_written_camera() -> None:
    expected = Camera("PINHOLE", 640, 480, (525, 525, 320, 240))
    assert parse_camera("PINHOLE,640,480,525,525,320,240") == expected
    assert parse_camera("pinhole 640 480 525 525 320 240") == expected
    for wrong in ("", "PINHOLE", "PINHOLE,a,b", "525,525,320,240", "PINHOLE,640,480,525"):
        with pytest.raises(NmapError):
            parse_camera(wrong)
