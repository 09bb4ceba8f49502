"""A pose to start from: near what is believed already, or the best of some that RANSAC finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from nmap_reloc import camera as cameras
from nmap_reloc.geometry import Rigid
from nmap_reloc.refine import BESIDE, ROUGH, approach, nearest_of_each_keypoint
from nmap_reloc.reprojection import Array, Observed, look
from nmap_reloc.types import Camera

if TYPE_CHECKING:
    from nmap_reloc.pose import SolveOptions

Solver = Literal["pycolmap", "opencv"]

# So few of the best pairs are tried first, for as long as it takes to find what half of them
# agree on.
QUICK_PAIRS, QUICK_INLIERS, QUICK_TRIALS = 192, 96, 100
WORTH = 12  # inliers that are worth another search: fewer are chance
# Of the image's diagonal: so far from where a guess puts them pairs may lie that correct it; and
# how many of the best must agree on what they lead to. Chance would bring together one.
GUESSED, GUESSED_INLIERS = 0.1, 48


def hypothesis(seen: Observed, normalized: Array, confidences: npt.NDArray[np.float32],
               camera: Camera, solver: Solver, options: SolveOptions, guess: Rigid | None
               ) -> Rigid | None:
    """map_from_camera that the most confident pairs agree on; where they do not, more of them.

    normalized [M x 2]: of the pairs seen; guess: map_from_camera, which spares RANSAC where the
    best pairs agree on a pose near it.
    """
    order, most = np.argsort(-confidences, kind="stable"), options.max_trials
    if guess is not None:
        near = _near(guess, seen.some(order[:QUICK_PAIRS]), camera, options)
        if near is not None:
            return near
    fx, fy, _, _ = cameras.pinhole_params(camera)
    # Undistorted once, not for every hypothesis: so any camera model will do.
    points2D, points3D = normalized * [fx, fy], seen.points.T
    pinhole = replace(camera, model="PINHOLE", params=(fx, fy, 0.0, 0.0))
    ransac = _ransac_by_pycolmap if solver == "pycolmap" else _ransac_by_opencv
    found = None
    for pairs, enough, trials in (
            (QUICK_PAIRS, QUICK_INLIERS, min(QUICK_TRIALS, most)),
            (options.hypothesis_pairs, options.enough_inliers, most), (len(order), 0, most)):
        some, last = order[:pairs], pairs >= len(order)
        settings = replace(options, max_trials=most if last else trials)
        found = ransac(points2D[some], points3D[some], pinhole, settings)
        if last or (found is not None and found[1] >= enough):
            break
    if found is None or found[1] < WORTH:
        return None if found is None else found[0]
    others = (ransac(points2D[some], points3D[some], pinhole, replace(settings, seed=seed))
              for seed in range(options.seed + 1, options.seed + options.searches))
    return _best([found[0], *(other[0] for other in others if other is not None)], seen, options)


def _best(poses: Sequence[Rigid], seen: Observed, options: SolveOptions) -> Rigid:
    """What all pairs lead to from each, and of that the one that they agree on best (the measure
    of MSAC: squared distances, cut off at the largest error)."""
    best, least = poses[0], np.inf
    for pose in poses:
        agreed = approach(pose, seen, options.max_error, options.min_error, ROUGH)
        if agreed is not None:
            apart = nearest_of_each_keypoint(agreed.sight.squared, seen)
            misfit = float(np.minimum(apart, options.max_error ** 2).sum())
            if misfit < least:
                best, least = agreed.map_from_camera, misfit
    return best


def _near(guess: Rigid, seen: Observed, camera: Camera, options: SolveOptions) -> Rigid | None:
    """What the pairs near a guess lead to, if enough agree on it."""
    reach = max(GUESSED * float(np.hypot(camera.width, camera.height)), options.max_error)
    agreed = approach(guess, seen, reach, options.min_error, BESIDE)
    if agreed is None:
        return None
    close = look(agreed.map_from_camera, seen).squared < options.max_error ** 2
    return agreed.map_from_camera if np.count_nonzero(close) >= GUESSED_INLIERS else None


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
    """LO-RANSAC of OpenCV's USAC."""
    import cv2

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
