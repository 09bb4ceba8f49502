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
STEP = 0.5  # pixels, of the differences that give the local scale

# COLMAP's distortion parameters -> OpenCV's, for the models that both know.
OPENCV_DISTORTION = {"SIMPLE_PINHOLE": 0, "PINHOLE": 0, "SIMPLE_RADIAL": 1, "RADIAL": 2,
                     "OPENCV": 4, "FULL_OPENCV": 8}


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
    count = len(points2D)
    if camera.model in ("PINHOLE", "SIMPLE_PINHOLE"):
        fx, fy, _, _ = cameras.pinhole_params(camera)
        return (undistort(points2D, camera),
                np.broadcast_to(np.diag([fx, fy]), (count, 2, 2)))
    shifts = np.array([[0, 0], [STEP, 0], [0, STEP]])
    moved = undistort((shifts[:, None] + points2D).reshape(-1, 2), camera, use_pycolmap)
    centre, right, below = moved.reshape(3, count, 2)
    inverse = np.stack([right - centre, below - centre], axis=-1) / STEP  # [M x 2 x 2]
    determinant = (inverse[:, 0, 0] * inverse[:, 1, 1] - inverse[:, 0, 1] * inverse[:, 1, 0])
    adjugate = np.array([[1, -1], [-1, 1]]) * inverse[:, ::-1, ::-1].transpose(0, 2, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return centre, adjugate / determinant[:, None, None]


def _undistort_by_opencv(points2D: Array, camera: Camera) -> Array:
    import cv2

    fx, fy, cx, cy = cameras.pinhole_params(camera)
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    focals, _ = cameras.LAYOUT[camera.model]
    distortion = np.array(camera.params[focals + 2:])
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-10)
    if len(points2D) == 0:
        return np.empty((0, 2))
    if camera.model == "OPENCV_FISHEYE":
        found = cv2.fisheye.undistortPoints(points2D[:, None], K, distortion, criteria=until)
    elif camera.model in OPENCV_DISTORTION:
        padded = np.zeros(max(4, len(distortion)))
        padded[:len(distortion)] = distortion
        found = cv2.undistortPoints(points2D[:, None], K, padded, criteria=until)
    else:
        raise NmapError(f"camera model {camera.model}: OpenCV does not know it; install pycolmap "
                        f"or calibrate with OPENCV_FISHEYE or {', '.join(OPENCV_DISTORTION)}")
    return np.asarray(found, np.float64).reshape(-1, 2)
