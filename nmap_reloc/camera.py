"""Cameras: ROS CameraInfo <-> Camera <-> pycolmap.Camera, and the checks that save a day.

ROS and OpenCV put the centre of the first pixel at (0, 0), COLMAP at (0.5, 0.5). The half pixel is
added and taken away in this file and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.types import Camera

if TYPE_CHECKING:
    import pycolmap

HALF_PIXEL = 0.5

# COLMAP's perspective models: how many focal lengths and how many parameters in all. The order is
# always focal lengths, principal point x and y, distortion.
LAYOUT = {
    "SIMPLE_PINHOLE": (1, 3), "PINHOLE": (2, 4), "SIMPLE_RADIAL": (1, 4), "RADIAL": (1, 5),
    "OPENCV": (2, 8), "FULL_OPENCV": (2, 12), "OPENCV_FISHEYE": (2, 8),
    "SIMPLE_RADIAL_FISHEYE": (1, 4), "RADIAL_FISHEYE": (1, 5), "FOV": (2, 5),
    "THIN_PRISM_FISHEYE": (2, 12),
}

# What ROS calls the distortion models that we read, and how many coefficients each may have.
PLUMB_BOB, RATIONAL, EQUIDISTANT = "plumb_bob", "rational_polynomial", "equidistant"
ROS_NAMES = {
    "plumb_bob": PLUMB_BOB, "radtan": PLUMB_BOB, "radial-tangential": PLUMB_BOB,
    "rational_polynomial": RATIONAL, "equidistant": EQUIDISTANT, "fisheye": EQUIDISTANT,
    "none": "none", "": "none",
}
COEFFICIENTS = {PLUMB_BOB: 5, RATIONAL: 8, EQUIDISTANT: 4, "none": 0}


def from_camera_info(distortion_model: str, D: Sequence[float], K: Sequence[float],
                     width: int, height: int, name: str = "camera_info") -> Camera:
    """A calibration as ROS and OpenCV state it -> Camera.

    D: coefficients in OpenCV's order; K [9] row-major, pixels, first pixel's centre at (0, 0).
    NmapError: an unknown distortion model or coefficients that no COLMAP model holds, or what
    check_camera refuses.
    """
    ros = ROS_NAMES.get(distortion_model.strip().lower())
    if ros is None:
        raise NmapError(f"{name} distortion_model {distortion_model!r}: not known; use one of "
                        "plumb_bob, rational_polynomial, equidistant, none")
    K = [float(value) for value in K]
    if len(K) != 9:
        raise NmapError(f"{name} K has {len(K)} numbers: 9 are needed; calibrate the camera")
    d = _coefficients(ros, D, name)
    pinhole = (K[0], K[4], K[2] + HALF_PIXEL, K[5] + HALF_PIXEL)
    if ros == EQUIDISTANT:  # all zero still bends the rays: never a pinhole
        model, params = "OPENCV_FISHEYE", (*pinhole, *d)
    elif not any(d):
        model, params = "PINHOLE", pinhole
    elif not any(d[4:]):
        model, params = "OPENCV", (*pinhole, *d[:4])
    else:  # COLMAP's OPENCV has no k3
        model, params = "FULL_OPENCV", (*pinhole, *d, *[0.0] * (8 - len(d)))
    camera = Camera(model, int(width), int(height), params)
    check_camera(camera, None, name)
    return camera


def _coefficients(ros: str, D: Sequence[float], name: str) -> list[float]:
    d = [float(value) for value in D]
    most = COEFFICIENTS[ros]
    if any(value != 0 for value in d[most:]):  # != so that a NaN is refused too
        raise NmapError(f"{name} D {d}: {ros} has {most} coefficients at most here; "
                        "calibrate with plumb_bob, rational_polynomial or equidistant")
    return d[:most] + [0.0] * (most - len(d))


def from_message(info: Any, rectified: bool = False, name: str = "camera_info") -> Camera:
    """A sensor_msgs/CameraInfo (ROS 2 field names) -> the Camera of the images that go with it.

    rectified: the images are (topic image_rect), so P holds instead of K and D. Binning and region
    of interest are applied as the message defines them. NmapError: see from_camera_info.
    """
    if rectified:
        P = [float(value) for value in info.p]
        camera = from_camera_info("none", (), P[0:3] + P[4:7] + P[8:11], info.width, info.height,
                                  name)
    else:
        camera = from_camera_info(info.distortion_model, info.d, info.k, info.width, info.height,
                                  name)
    roi = info.roi
    if roi.width and roi.height:
        fx, fy, cx, cy, *distortion = camera.params
        camera = Camera(camera.model, int(roi.width), int(roi.height),
                        (fx, fy, cx - roi.x_offset, cy - roi.y_offset, *distortion))
    return _resized(camera, camera.width // max(1, info.binning_x),
                    camera.height // max(1, info.binning_y))


def to_camera_info(camera: Camera) -> tuple[str, list[float], list[float]]:
    """Camera -> (distortion_model, D, K [9] row-major) with ROS's pixel centres.

    NmapError where ROS has no such model.
    """
    fx, fy, cx, cy = pinhole_params(camera)
    K = [fx, 0.0, cx - HALF_PIXEL, 0.0, fy, cy - HALF_PIXEL, 0.0, 0.0, 1.0]
    rest = list(camera.params[LAYOUT[camera.model][0] + 2:])
    if camera.model in ("PINHOLE", "SIMPLE_PINHOLE"):
        return PLUMB_BOB, [0.0] * 5, K
    if camera.model in ("SIMPLE_RADIAL", "RADIAL"):
        k1, k2 = [*rest, 0.0][:2]
        return PLUMB_BOB, [k1, k2, 0.0, 0.0, 0.0], K
    if camera.model == "OPENCV":
        return PLUMB_BOB, [*rest, 0.0], K
    if camera.model == "FULL_OPENCV":
        return RATIONAL, rest, K
    if camera.model == "OPENCV_FISHEYE":
        return EQUIDISTANT, rest, K
    raise NmapError(f"camera model {camera.model}: ROS has no such model; calibrate with one of "
                    "plumb_bob, rational_polynomial, equidistant")


def pinhole_params(camera: Camera) -> tuple[float, float, float, float]:
    """(fx, fy, cx, cy) in pixels, COLMAP's pixel centres. NmapError: a model without them."""
    if camera.model not in LAYOUT:
        raise NmapError(f"camera model {camera.model!r}: not supported; use one of "
                        f"{', '.join(LAYOUT)}")
    focals, count = LAYOUT[camera.model]
    if len(camera.params) != count:
        raise NmapError(f"camera model {camera.model} has {len(camera.params)} parameters: "
                        f"{count} are needed; correct the calibration")
    p = camera.params
    return p[0], p[focals - 1], p[focals], p[focals + 1]


def check_camera(camera: Camera, image_shape: Sequence[int] | None, name: str) -> None:
    """Refuses intrinsics that can't belong to an image of shape (height, width, ...).

    image_shape: None where there is no image yet. NmapError names what is wrong and the remedy.
    """
    try:
        fx, fy, cx, cy = pinhole_params(camera)
    except NmapError as error:
        raise NmapError(f"{name}: {error}") from None
    if not all(math.isfinite(value) for value in camera.params):
        raise NmapError(f"{name} parameters {camera.params}: not finite; calibrate the camera")
    if min(fx, fy) <= 0:
        raise NmapError(f"{name} focal length {min(fx, fy):g}: must be above 0; "
                        "calibrate the camera")
    if camera.width <= 0 or camera.height <= 0:
        raise NmapError(f"{name} size {camera.width} x {camera.height}: must be above 0; "
                        "correct the calibration")
    if not (0 <= cx <= camera.width and 0 <= cy <= camera.height):
        raise NmapError(f"{name} principal point ({cx:g}, {cy:g}): outside the image of "
                        f"{camera.width} x {camera.height}; correct the calibration")
    if image_shape is not None and (camera.height, camera.width) != tuple(image_shape[:2]):
        raise NmapError(f"{name} is {image_shape[1]} x {image_shape[0]} but its intrinsics are "
                        f"for {camera.width} x {camera.height}: they do not belong together; "
                        "give the calibration of this camera at this size")


def scaled(camera: Camera, factor: float) -> Camera:
    """The camera of the same image resized by factor (size rounded, focal lengths to match)."""
    if not (math.isfinite(factor) and factor > 0):
        raise NmapError(f"scale factor {factor}: must be above 0; give a positive number")
    return _resized(camera, max(1, round(camera.width * factor)),
                    max(1, round(camera.height * factor)))


def _resized(camera: Camera, width: int, height: int) -> Camera:
    fx, fy, cx, cy = pinhole_params(camera)
    x, y = width / camera.width, height / camera.height
    focals, _ = LAYOUT[camera.model]
    focal = (fx * x, fy * y) if focals == 2 else (fx * (x + y) / 2,)
    return Camera(camera.model, width, height,
                  (*focal, cx * x, cy * y, *camera.params[focals + 2:]))


@lru_cache(16)
def to_pycolmap(camera: Camera, camera_id: int = 1) -> pycolmap.Camera:
    """Camera -> pycolmap.Camera, the same one again: not to be changed."""
    import pycolmap

    return pycolmap.Camera(model=camera.model, width=camera.width, height=camera.height,
                           params=list(camera.params), camera_id=camera_id)


def from_pycolmap(camera: pycolmap.Camera) -> Camera:
    """pycolmap.Camera -> Camera."""
    return Camera(str(camera.model_name), int(camera.width), int(camera.height),
                  tuple(float(value) for value in camera.params))


def parse_camera(text: str, name: str = "camera") -> Camera:
    """COLMAP's way to write a camera: ``MODEL WIDTH HEIGHT PARAMS...``, commas or spaces.

    NmapError: anything else, or what check_camera refuses.
    """
    model, *numbers = text.replace(",", " ").split() or [""]
    try:
        values = [float(number) for number in numbers]
        width, height = int(values[0]), int(values[1])
    except (ValueError, IndexError, OverflowError):
        raise NmapError(f"{name} {text!r}: not a camera; write MODEL,WIDTH,HEIGHT,PARAMETERS, for "
                        "example PINHOLE,640,480,525,525,320,240") from None
    camera = Camera(model.upper(), width, height, tuple(values[2:]))
    check_camera(camera, None, name)
    return camera


def project(camera: Camera, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """points [N x 3] in the camera's frame -> pixels [N x 2]; infinite where behind the camera."""
    points = np.asarray(points, np.float64)
    pixels = np.full((len(points), 2), np.inf)
    front = points[:, 2] > 1e-6
    if front.any():
        seen = np.asarray(to_pycolmap(camera).img_from_cam(points[front]), np.float64)
        pixels[front] = np.where(np.isfinite(seen), seen, np.inf)
    return pixels
