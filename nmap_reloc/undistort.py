"""Pixels to the normalized image plane (depth 1), for any camera model; no pycolmap needed."""

from __future__ import annotations

import importlib.util

import numpy as np
import numpy.typing as npt

from nmap_reloc import camera as cameras
from nmap_reloc.errors import NmapError
from nmap_reloc.types import Camera

Array = npt.NDArray[np.float64]

HAS_PYCOLMAP = importlib.util.find_spec("pycolmap") is not None
PIXELS = 1e-6  # so exact are OpenCV's iterations
STEP = 1e-6  # of the plane, of the differences that give pycolmap's local scale

# COLMAP's distortion parameters -> OpenCV's, for the models that both know.
OPENCV_DISTORTION = {"SIMPLE_PINHOLE": 0, "PINHOLE": 0, "SIMPLE_RADIAL": 1, "RADIAL": 2,
                     "OPENCV": 4, "FULL_OPENCV": 8}
# Where OpenCV's Jacobians have the shift to the right and down: after the rotation, and in those
# of fisheye cameras after focal lengths, centre, distortion and rotation.
SHIFT, FISHEYE_SHIFT = slice(3, 5), slice(11, 13)


def undistort(points2D: Array, camera: Camera, use_pycolmap: bool = HAS_PYCOLMAP) -> Array:
    """pixels [M x 2] -> normalized coordinates [M x 2]; not finite where a pixel has no ray.

    NmapError: a camera model that OpenCV does not know, without pycolmap.
    """
    fx, fy, cx, cy = cameras.pinhole_params(camera)
    if camera.model in ("PINHOLE", "SIMPLE_PINHOLE"):
        return np.asarray((points2D - [cx, cy]) / [fx, fy], np.float64)
    points2D = np.ascontiguousarray(points2D, np.float64)
    if use_pycolmap:
        return np.asarray(cameras.to_pycolmap(camera).cam_from_img(points2D), np.float64)
    return _undistort_by_opencv(points2D, camera)


def undistort_with_scale(points2D: Array, camera: Camera, use_pycolmap: bool = HAS_PYCOLMAP
                         ) -> tuple[Array, Array]:
    """pixels [M x 2] -> normalized coordinates [M x 2], d pixels / d normalized [M x 2 x 2]."""
    fx, fy, _, _ = cameras.pinhole_params(camera)
    normalized = undistort(points2D, camera, use_pycolmap)
    if camera.model in ("PINHOLE", "SIMPLE_PINHOLE"):
        return normalized, np.broadcast_to(np.diag([fx, fy]), (len(points2D), 2, 2))
    scale_of = _scale_by_pycolmap if use_pycolmap else _scale_by_opencv
    return normalized, scale_of(normalized, camera)


def _scale_by_pycolmap(normalized: Array, camera: Camera) -> Array:
    rays = np.ones((3, len(normalized), 3))  # right of, below and at the point
    rays[:, :, :2] = normalized
    rays[0, :, 0] += STEP
    rays[1, :, 1] += STEP
    pixels = np.asarray(cameras.to_pycolmap(camera).img_from_cam(rays.reshape(-1, 3)), np.float64)
    seen = pixels.reshape(3, -1, 2)
    return np.asarray((seen[:2] - seen[2]).transpose(1, 2, 0) / STEP)


def _scale_by_opencv(normalized: Array, camera: Camera) -> Array:
    """How pixels move with the camera, seen from depth 1, is how they move with the ray."""
    import cv2

    if not len(normalized):
        return np.empty((0, 2, 2))
    fisheye = camera.model == "OPENCV_FISHEYE"
    project = cv2.fisheye.projectPoints if fisheye else cv2.projectPoints
    shift = FISHEYE_SHIFT if fisheye else SHIFT
    K, distortion = _as_opencv(camera)
    rays = np.pad(normalized, ((0, 0), (0, 1)), constant_values=1.0)
    slopes = project(rays[:, None], np.zeros(3), np.zeros(3), K, distortion)[1]
    return np.asarray(slopes.reshape(len(rays), 2, -1)[..., shift], np.float64)


def _undistort_by_opencv(points2D: Array, camera: Camera) -> Array:
    import cv2

    K, distortion = _as_opencv(camera)
    if not len(points2D):
        return np.empty((0, 2))
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, PIXELS)
    if camera.model == "OPENCV_FISHEYE":
        found = cv2.fisheye.undistortPoints(points2D[:, None], K, distortion, criteria=until)
    elif hasattr(cv2, "undistortPointsIter"):  # so it is called by OpenCV 4
        found = cv2.undistortPointsIter(points2D[:, None], K, distortion, None, None, until)
    else:
        found = cv2.undistortPoints(points2D[:, None], K, distortion, criteria=until)
    return np.asarray(found, np.float64).reshape(-1, 2)


def _as_opencv(camera: Camera) -> tuple[Array, Array]:
    """OpenCV's camera matrix and distortion coefficients. NmapError: it has no such model."""
    fx, fy, cx, cy = cameras.pinhole_params(camera)
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float64)
    focals, _ = cameras.LAYOUT[camera.model]
    distortion = np.array(camera.params[focals + 2:], np.float64)
    if camera.model == "OPENCV_FISHEYE":
        return K, distortion
    if camera.model not in OPENCV_DISTORTION:
        raise NmapError(f"camera model {camera.model}: OpenCV does not know it; install pycolmap "
                        f"or calibrate with OPENCV_FISHEYE or {', '.join(OPENCV_DISTORTION)}")
    return K, np.pad(distortion, (0, max(0, 4 - len(distortion))))
