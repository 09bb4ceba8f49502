"""A pose from 2D-3D correspondences: LO-RANSAC, a robust refinement, a calibrated covariance."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from nmap_reloc import camera as cameras
from nmap_reloc.chance import log_false_alarms
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.refine import MINIMUM, Fit, refine
from nmap_reloc.reprojection import Observed
from nmap_reloc.second_look import look_again
from nmap_reloc.types import Camera, Correspondences, Refusal
from nmap_reloc.undistort import HAS_PYCOLMAP, undistort_with_scale

Array = npt.NDArray[np.float64]
Solver = Literal["pycolmap", "opencv"]


@dataclass(frozen=True)
class Calibration:
    """What the residuals of one image can't tell: errors that its correspondences share.

    covariance = factor * (1 + floor_px^2 * inliers / variance) * (the covariance of the fit)
    factor: over all. floor_px: an error of this many pixels that does not average out, however
    many inliers there are (landmarks of one voxel are displaced together).
    """

    factor: float = 1.0
    floor_px: float = 0.0


# Set from data, once for all scenes: with these the 95 % ellipse of position holds 94 % of 340
# poses accepted against neumap maps of three sizes in four real scenes (`nmap-reloc bench`).
CALIBRATION = Calibration(factor=4.0, floor_px=0.3)
UNCALIBRATED = Calibration()  # for independent pixel noise of equal size


@dataclass(frozen=True)
class SolveOptions:
    """How to solve. Distances in pixels."""

    solver: Literal["auto", "pycolmap", "opencv"] = "auto"  # auto: pycolmap where there is one
    max_error: float = 8.0        # of an inlier of RANSAC, and of the refinement at most
    min_error: float = 1.0        # an inlier of the refinement may always be this far off
    hypothesis_pairs: int = 384   # RANSAC draws from and scores the most confident pairs only
    enough_inliers: int = 24      # and from all pairs where that gave fewer inliers than this
    confidence: float = 0.9999
    min_trials: int = 50
    max_trials: int = 10000
    seed: int = 0
    calibration: Calibration = CALIBRATION


@dataclass(frozen=True)
class Solution:
    """map_from_camera; covariance [6 x 6] as types.Estimate says; inliers [M] boolean;
    points3D [M x 3]: the correspondences', after a second look at those that did not agree;
    residual: rms reprojection error of the inliers in pixels; camera: whose pose it is;
    solver: which one proposed the pose; log_false_alarms: see chance.py."""

    map_from_camera: Rigid
    covariance: Array
    inliers: npt.NDArray[np.bool_]
    points3D: Array
    residual: float
    camera: Camera
    solver: Solver
    log_false_alarms: float


def solve(correspondences: Correspondences, camera: Camera,
          options: SolveOptions | None = None) -> Solution | Refusal:
    """The pose that most correspondences agree on; deterministic. NmapError: no such solver."""
    options = options or SolveOptions()
    found = _observed(correspondences, camera, choose_solver(options.solver))
    if isinstance(found, Refusal):
        return found
    seen, usable = found
    start = _hypothesis(seen, correspondences.points2D[usable],
                        correspondences.confidences[usable], camera,
                        choose_solver(options.solver), options)
    if start is None:
        return Refusal("solve", f"no pose within {options.max_error:g} px of {MINIMUM} of the "
                                f"{len(usable)} correspondences")
    return _settled(start, seen, usable, correspondences, camera, options)


def solve_from(start: Rigid, correspondences: Correspondences, camera: Camera,
               options: SolveOptions | None = None) -> Solution | Refusal:
    """The same from a pose that is nearly right: without RANSAC."""
    options = options or SolveOptions()
    found = _observed(correspondences, camera, choose_solver(options.solver))
    if isinstance(found, Refusal):
        return found
    return _settled(start, *found, correspondences, camera, options)


def _observed(correspondences: Correspondences, camera: Camera, solver: Solver
              ) -> tuple[Observed, npt.NDArray[np.intp]] | Refusal:
    """What was seen by the usable pairs, and which these are."""
    count = len(correspondences)
    if count < MINIMUM:
        return Refusal("solve", f"{count} correspondences: at least {MINIMUM} are needed")
    normalized, scale = undistort_with_scale(correspondences.points2D, camera,
                                             use_pycolmap=solver == "pycolmap")
    usable = np.flatnonzero(np.isfinite(normalized).all(1) & np.isfinite(scale).all((1, 2))
                            & np.isfinite(correspondences.points3D).all(1))
    if len(usable) < MINIMUM:
        return Refusal("solve", f"{len(usable)} of {count} correspondences are finite: "
                                f"at least {MINIMUM} are needed")
    return Observed(normalized[usable], scale[usable], correspondences.points3D[usable],
                    correspondences.keypoints[usable]), usable


def _settled(start: Rigid, seen: Observed, usable: npt.NDArray[np.intp],
             correspondences: Correspondences, camera: Camera, options: SolveOptions
             ) -> Solution | Refusal:
    """The refined pose, its inliers among all pairs, and how well they determine it."""
    fit = refine(start, seen, options.max_error, options.min_error)
    if fit is None:
        return Refusal("solve", f"the {len(usable)} correspondences do not determine a pose: "
                                "too few agree, or they lie on one line")
    return _solution(fit, seen, usable, correspondences, camera, options)


def _solution(fit: Fit, seen: Observed, usable: npt.NDArray[np.intp],
              correspondences: Correspondences, camera: Camera, options: SolveOptions
              ) -> Solution:
    """After a second look. Chance is judged by the first look alone: the second finds agreement
    because it looks for it."""
    chance = log_false_alarms(fit.map_from_camera, seen, fit.inliers,
                              (camera.width, camera.height))
    points3D = correspondences.points3D
    if correspondences.others is not None:
        points3D = points3D.copy()
        fit, points3D[usable] = look_again(fit, seen, correspondences.others[usable],
                                           options.max_error, options.min_error)
    inliers = np.zeros(len(correspondences), bool)
    inliers[usable] = fit.inliers
    return Solution(fit.map_from_camera, calibrated(fit, options.calibration), inliers, points3D,
                    fit.residual, camera, choose_solver(options.solver), chance)


def choose_solver(wanted: Literal["auto", "pycolmap", "opencv"]) -> Solver:
    """NmapError: one that is not installed, or unknown."""
    if wanted == "auto":
        return "pycolmap" if HAS_PYCOLMAP else "opencv"
    if wanted not in ("pycolmap", "opencv"):
        raise NmapError(f"solver {wanted!r}: unknown; use auto, pycolmap or opencv")
    if importlib.util.find_spec({"opencv": "cv2"}.get(wanted, wanted)) is None:
        raise NmapError(f"solver {wanted}: not installed; pip install it or use solver auto")
    return wanted


def calibrated(fit: Fit, calibration: Calibration) -> Array:
    """The covariance of the fit with what Calibration adds."""
    shared = calibration.floor_px**2 * fit.inliers.sum() / fit.variance
    return np.asarray(calibration.factor * (1 + shared) * fit.covariance, np.float64)


def _hypothesis(seen: Observed, points2D: Array, confidences: npt.NDArray[np.float32],
                camera: Camera, solver: Solver, options: SolveOptions) -> Rigid | None:
    """RANSAC on the most confident pairs; on all of them where those do not agree."""
    best = np.argsort(-confidences, kind="stable")[:options.hypothesis_pairs]
    found = _ransac(seen, points2D, best, camera, solver, options)
    if len(best) < len(points2D) and (found is None or found[1] < options.enough_inliers):
        found = _ransac(seen, points2D, np.arange(len(points2D)), camera, solver, options)
    return None if found is None else found[0]


def _ransac(seen: Observed, points2D: Array, rows: npt.NDArray[np.intp], camera: Camera,
            solver: Solver, options: SolveOptions) -> tuple[Rigid, int] | None:
    """map_from_camera and the number of inliers among these rows."""
    if solver == "pycolmap":
        return _ransac_by_pycolmap(points2D[rows], seen.points3D[rows], camera, options)
    return _ransac_by_opencv(seen.normalized[rows], seen.points3D[rows], camera, options)


def _ransac_by_pycolmap(points2D: Array, points3D: Array, camera: Camera, options: SolveOptions
                        ) -> tuple[Rigid, int] | None:
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
                                            cameras.to_pycolmap(camera), settings)
    if found is None:
        return None
    pose = np.asarray(found["cam_from_world"].matrix())
    return _from_centre(pose[:, :3], pose[:, 3], centre), int(found["num_inliers"])


def _ransac_by_opencv(normalized: Array, points3D: Array, camera: Camera, options: SolveOptions
                      ) -> tuple[Rigid, int] | None:
    """LO-RANSAC of OpenCV's USAC, on undistorted points: so any camera model will do."""
    import cv2

    fx, fy, _, _ = cameras.pinhole_params(camera)
    settings = cv2.UsacParams()
    settings.threshold = options.max_error
    settings.confidence = options.confidence
    settings.maxIterations = options.max_trials
    settings.randomGeneratorState = options.seed
    settings.isParallel = False
    settings.sampler = cv2.SAMPLING_UNIFORM
    settings.score = cv2.SCORE_METHOD_MSAC
    settings.loMethod = cv2.LOCAL_OPTIM_INNER_LO
    centre = points3D.mean(axis=0)
    try:
        found, _, rotation, translation, inliers = cv2.solvePnPRansac(
            points3D - centre, normalized * [fx, fy], np.diag([fx, fy, 1.0]), np.zeros(4),
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
