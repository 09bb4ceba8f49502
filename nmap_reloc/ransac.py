"""LO-RANSAC by pycolmap or OpenCV: a pose that some of the pairs agree on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from nmap_reloc import camera as cameras
from nmap_reloc.geometry import Rigid
from nmap_reloc.reprojection import Array, Indices
from nmap_reloc.types import Camera

if TYPE_CHECKING:
    from nmap_reloc.pose import SolveOptions

Solver = Literal["pycolmap", "opencv"]
# A search so short is for pairs of which half agree: any good sample leads refine() to the pose.
QUICK_TRIALS = 100


@dataclass(frozen=True)
class Drawn:
    """Pairs to draw samples from, the surest first: points2D [M x 2] pixels of a pinhole camera,
    points3D [M x 3] map units."""

    points2D: Array
    points3D: Array
    pinhole: Camera
    solver: Solver

    @staticmethod
    def of(normalized: Array, points: Array, order: Indices, camera: Camera, solver: Solver
           ) -> Drawn:
        """normalized [M x 2], points [3 x M]: undistorted once, not for every hypothesis, so any
        camera model will do. order [M]: the surest first."""
        fx, fy, _, _ = cameras.pinhole_params(camera)
        pinhole = replace(camera, model="PINHOLE", params=(fx, fy, 0.0, 0.0))
        return Drawn(normalized[order] * [fx, fy], points.T[order], pinhole, solver)

    def __len__(self) -> int:
        return len(self.points2D)

    def search(self, pairs: int, options: SolveOptions) -> tuple[Rigid | None, int]:
        """map_from_camera that most of the surest `pairs` agree on, and how many; None, 0."""
        ransac = _ransac_by_pycolmap if self.solver == "pycolmap" else _ransac_by_opencv
        return ransac(self.points2D[:pairs], self.points3D[:pairs], self.pinhole,
                      options) or (None, 0)


def _ransac_by_pycolmap(points2D: Array, points3D: Array, pinhole: Camera, options: SolveOptions
                        ) -> tuple[Rigid, int] | None:
    """map_from_camera and the number of inliers."""
    import pycolmap

    settings = pycolmap.AbsolutePoseEstimationOptions()
    settings.ransac.max_error = options.max_error
    settings.ransac.confidence = options.confidence
    settings.ransac.min_num_trials = options.min_trials
    settings.ransac.max_num_trials = options.max_trials
    settings.ransac.min_inlier_ratio = 0.01
    settings.ransac.dyn_num_trials_multiplier = 1.0  # refine() does what three times more buy
    settings.ransac.random_seed = options.seed
    # The centre of the points is taken away: maps may be far from their origin.
    centre = points3D.mean(axis=0)
    found = pycolmap.estimate_absolute_pose(points2D, points3D - centre,
                                            cameras.to_pycolmap(pinhole), settings)
    if found is None:
        return None
    pose = np.asarray(found["cam_from_world"].matrix())
    return _from_centre(pose[:, :3], pose[:, 3], centre), int(found["num_inliers"])


def _ransac_by_opencv(points2D: Array, points3D: Array, pinhole: Camera, options: SolveOptions
                      ) -> tuple[Rigid, int] | None:
    """LO-RANSAC of OpenCV's USAC; a short search without the LO, which takes two thirds of it."""
    import cv2

    settings = cv2.UsacParams()
    settings.threshold = options.max_error
    settings.confidence = options.confidence
    settings.maxIterations = options.max_trials
    settings.randomGeneratorState = options.seed
    settings.isParallel = False
    settings.sampler = cv2.SAMPLING_UNIFORM
    settings.score = cv2.SCORE_METHOD_MSAC
    quick = options.max_trials <= QUICK_TRIALS
    settings.loMethod = cv2.LOCAL_OPTIM_NULL if quick else cv2.LOCAL_OPTIM_INNER_LO
    centre = points3D.mean(axis=0)
    try:
        found, _, rotation, translation, inliers = cv2.solvePnPRansac(
            points3D - centre, points2D, np.diag([*pinhole.params[:2], 1.0]), np.zeros(4),
            params=settings)
    except cv2.error:  # it throws where the points are degenerate
        return None
    if not found or inliers is None:
        return None
    turned = np.asarray(cv2.Rodrigues(rotation)[0], np.float64)
    return _from_centre(turned, np.asarray(translation, np.float64).reshape(3),
                        centre), len(inliers)


def _from_centre(rotation: Array, translation: Array, centre: Array) -> Rigid:
    """camera_from_map about the points' centre -> map_from_camera."""
    about = Rigid(rotation, translation).inverse()
    return Rigid(about.rotation, about.translation + centre)
