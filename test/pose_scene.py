"""A synthetic scene for the tests of pose solving."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmap_reloc.camera import to_pycolmap
from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.reprojection import Observed, planes_of
from nmap_reloc.types import Camera, Correspondences
from nmap_reloc.undistort import undistort_with_scale

Array = npt.NDArray[np.float64]

PINHOLE = Camera("PINHOLE", 640, 480, (525.0, 520.0, 320.0, 240.0))
OPENCV = Camera("OPENCV", 752, 480, (458.0, 457.0, 367.0, 248.0, -0.28, 0.07, 2e-4, 2e-5))
FISHEYE = Camera("OPENCV_FISHEYE", 640, 480, (280.0, 280.0, 320.0, 240.0,
                                              0.02, -0.01, 3e-3, -1e-3))
RATIONAL = Camera("FULL_OPENCV", 640, 480, (500.0, 500.0, 320.0, 240.0,
                                            0.3, 0.1, 1e-3, -1e-3, 0.02, 0.5, 0.1, 0.01))
POSE = Rigid(rotation_from_vector([0.4, -1.1, 0.7]), np.array([120.0, -35.0, 4.0]))


def observe(camera: Camera, pose: Rigid, points3D: Array) -> Array:
    """Pixels [M x 2] where the camera sees the points."""
    return np.asarray(to_pycolmap(camera).img_from_cam(pose.inverse().apply(points3D)), np.float64)


def points_in_view(camera: Camera, pose: Rigid, count: int, rng: np.random.Generator,
                   depths: tuple[float, float] = (3.0, 9.0)) -> Array:
    """[count x 3] in the map frame, spread over the image."""
    pixels = rng.uniform((20, 20), (camera.width - 20, camera.height - 20), (count, 2))
    plane = np.asarray(to_pycolmap(camera).cam_from_img(pixels))
    depth = rng.uniform(*depths, (count, 1))
    return pose.apply(np.hstack([plane * depth, depth]))


def observed(camera: Camera, pixels: Array, points3D: Array) -> Observed:
    """Pixels [M x 2] paired with points [M x 3], each a keypoint of its own."""
    return Observed(planes_of(*undistort_with_scale(pixels, camera)), points3D.T.copy(),
                    np.arange(len(pixels), dtype=np.int32))


def pairs(points2D: Array, points3D: Array, confidences: Array | None = None) -> Correspondences:
    count = len(points2D)
    if confidences is None:
        confidences = np.ones(count)
    return Correspondences(points2D, points3D, confidences.astype(np.float32),
                           np.arange(count, dtype=np.int32), np.zeros(count, np.int32))
