"""A pose from 2D-3D correspondences: LO-RANSAC, a robust refinement, a calibrated covariance."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from nmap_reloc.chance import log_false_alarms
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.hypothesis import hypothesis
from nmap_reloc.ransac import Solver
from nmap_reloc.refine import MINIMUM, ROUGH, Agreed, Fit, approach, refine
from nmap_reloc.reprojection import Indices, Observed, planes_of
from nmap_reloc.second_look import look_again
from nmap_reloc.types import Camera, Correspondences, Refusal
from nmap_reloc.undistort import HAS_PYCOLMAP, undistort_with_scale

Array = npt.NDArray[np.float64]


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
    hypothesis_pairs: int = 384   # RANSAC draws from and scores the most confident pairs only,
    enough_inliers: int = 24      # and from all pairs where that gave fewer inliers than this
    searches: int = 3             # RANSACs, each of other samples: one may end at a pose that only
    # a part of the pairs agrees on; with the best of three, errors are a tenth smaller
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


def solve(correspondences: Correspondences, camera: Camera, options: SolveOptions | None = None,
          guess: Rigid | None = None) -> Solution | Refusal:
    """The pose that most correspondences agree on; deterministic. NmapError: no such solver.

    guess: map_from_camera, which spares RANSAC where most of the best pairs agree on a pose near
    it; a wrong one changes nothing.
    """
    options = options or SolveOptions()
    found = _observed(correspondences, camera, choose_solver(options.solver))
    if isinstance(found, Refusal):
        return found
    seen, normalized, usable = found
    first = hypothesis(seen, normalized, correspondences.confidences[usable], camera,
                       choose_solver(options.solver), options, guess)
    return _settled(first, seen, usable, correspondences, camera, options)


def solve_from(start: Rigid, correspondences: Correspondences, camera: Camera,
               options: SolveOptions | None = None) -> Solution | Refusal:
    """The same from a pose that is nearly right: without RANSAC."""
    options = options or SolveOptions()
    found = _observed(correspondences, camera, choose_solver(options.solver))
    if isinstance(found, Refusal):
        return found
    seen, _, usable = found
    first = approach(start, seen, options.max_error, options.min_error, ROUGH)
    return _settled(first, seen, usable, correspondences, camera, options)


def _settled(first: Agreed | None, seen: Observed, usable: Indices,
             correspondences: Correspondences, camera: Camera, options: SolveOptions
             ) -> Solution | Refusal:
    """The refined pose, its inliers among all pairs, and how well they determine it. Chance is
    judged by the first look: the second finds agreement because it looks for it."""
    errors, others = (options.max_error, options.min_error), correspondences.others
    points, fit = seen.points, None
    if first is not None:
        if others is not None:
            points = look_again(first, seen, others[usable], *errors)
        fit = refine(first.map_from_camera, seen.with_points(points), *errors, first.sigma)
    if first is None or fit is None:
        return Refusal("solve", f"the {len(usable)} correspondences do not determine a pose: "
                                "too few agree, or they lie on one line")
    chance = log_false_alarms(first.sight, seen, first.inliers, (camera.width, camera.height))
    inliers, points3D = np.zeros(len(correspondences), bool), correspondences.points3D
    inliers[usable] = fit.inliers
    if others is not None:
        points3D = points3D.copy()
        points3D[usable] = points.T
    return Solution(fit.map_from_camera, calibrated(fit, options.calibration), inliers, points3D,
                    fit.residual, camera, choose_solver(options.solver), chance)


def _observed(correspondences: Correspondences, camera: Camera, solver: Solver
              ) -> tuple[Observed, Array, Indices] | Refusal:
    """What was seen by the usable pairs, normalized [U x 2], and which these are [U]."""
    count = len(correspondences)
    if count < MINIMUM:
        return Refusal("solve", f"{count} correspondences: at least {MINIMUM} are needed")
    normalized, scale = undistort_with_scale(correspondences.points2D, camera,
                                             use_pycolmap=solver == "pycolmap")
    points = np.ascontiguousarray(correspondences.points3D.T)
    with np.errstate(invalid="ignore"):
        planes = planes_of(normalized, scale)
        usable = np.flatnonzero(np.isfinite(planes.sum((0, 1)) + points.sum(0)))
    if len(usable) < MINIMUM:
        return Refusal("solve", f"{len(usable)} of {count} correspondences are finite: "
                                f"at least {MINIMUM} are needed")
    seen = Observed(planes, points, correspondences.keypoints)
    return seen.some(usable), normalized[usable], usable


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
