"""Accepts or rejects a single pose. Every threshold has a name, a unit and a reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmap_reloc.geometry import angle_degrees, pose_error
from nmap_reloc.pose import Solution
from nmap_reloc.types import Correspondences, PosePrior, Refusal


@dataclass(frozen=True)
class GateOptions:
    """What a pose must show. None: not asked for."""

    min_inliers: int = 12            # fewer agree by chance somewhere in a large map
    min_inlier_ratio: float = 0.02   # of the keypoints that have correspondences
    min_spread: float = 0.02         # deviation along the inliers' thin axis / image diagonal
    max_residual: float = 6.0        # pixels, rms; chance fills the 12 px of RANSAC evenly: 8.5
    max_relative_sigma: float = 0.1  # deviation of the position / median distance of the inliers
    max_position_sigma: float | None = None  # deviation of the position in map units
    max_rotation_sigma: float = 3.0  # degrees
    max_prior_distance: float = 22.46  # squared Mahalanobis distance; 99.9 % of chi^2 with 6
    max_log_false_alarms: float = -10.0  # log10; 0 were chance, but wrong pairs come in groups


def judge(solution: Solution, correspondences: Correspondences, prior: PosePrior | None = None,
          options: GateOptions | None = None) -> Refusal | None:
    """None where the pose is accepted, else the first reason against it with value and limit."""
    options = options or GateOptions()
    reason = (_support(solution, correspondences, options)
              or _spread(solution, correspondences, options)
              or _certainty(solution, correspondences, options)
              or _contradiction(solution, prior, options))
    return None if reason is None else Refusal("gate", reason)


def _support(solution: Solution, correspondences: Correspondences, options: GateOptions
             ) -> str | None:
    """A keypoint may have several correspondences, but sees one point."""
    count, total = int(solution.inliers.sum()), len(np.unique(correspondences.keypoints))
    if count < options.min_inliers:
        return f"{count} inliers of {total}: at least {options.min_inliers} are needed"
    if count < options.min_inlier_ratio * total:
        return (f"{count / total:.1%} of {total} keypoints are inliers: at least "
                f"{options.min_inlier_ratio:.1%} are needed")
    if solution.residual > options.max_residual:
        return (f"residual {solution.residual:.2f} px: at most {options.max_residual:g} px is "
                "accepted")
    if solution.log_false_alarms > options.max_log_false_alarms:
        return (f"{count} inliers of {total} may be chance: 10^{solution.log_false_alarms:.1f} "
                f"such poses are expected of wrong pairs, at most "
                f"10^{options.max_log_false_alarms:g} are accepted")
    return None


def _spread(solution: Solution, correspondences: Correspondences, options: GateOptions
            ) -> str | None:
    """Inliers in one spot or on one line hold the pose badly, whatever their number."""
    camera = solution.camera
    pixels = correspondences.points2D[solution.inliers].T
    away = pixels - pixels.mean(axis=1, keepdims=True)
    covariance = away @ away.T / max(len(away[0]) - 1, 1)
    thin = float(np.sqrt(max(np.linalg.eigvalsh(covariance)[0], 0.0)))
    spread = thin / float(np.hypot(camera.width, camera.height))
    if spread < options.min_spread:
        return (f"inliers spread over {spread:.1%} of the image diagonal: at least "
                f"{options.min_spread:.1%} is needed")
    return None


def _certainty(solution: Solution, correspondences: Correspondences, options: GateOptions
               ) -> str | None:
    position = largest_sigma(solution.covariance[:3, :3])
    rotation = float(np.degrees(largest_sigma(solution.covariance[3:, 3:])))
    away = correspondences.points3D[solution.inliers] - solution.map_from_camera.translation
    distance = float(np.median(np.linalg.norm(away, axis=1)))
    if position > options.max_relative_sigma * distance:
        return (f"position uncertain by {position / distance:.1%} of the distance to what is "
                f"seen: at most {options.max_relative_sigma:.1%} is accepted")
    if options.max_position_sigma is not None and position > options.max_position_sigma:
        return (f"position uncertain by {position:.3g}: at most {options.max_position_sigma:g} "
                "is accepted")
    if rotation > options.max_rotation_sigma:
        return (f"rotation uncertain by {rotation:.2f} deg: at most "
                f"{options.max_rotation_sigma:g} deg is accepted")
    return None


def _contradiction(solution: Solution, prior: PosePrior | None, options: GateOptions
                   ) -> str | None:
    if prior is None:
        return None
    error = pose_error(solution.map_from_camera, prior.map_from_camera)
    squared = float(error @ np.linalg.solve(solution.covariance + prior.covariance, error))
    if squared <= options.max_prior_distance:
        return None
    turned = angle_degrees(solution.map_from_camera, prior.map_from_camera)
    return (f"contradicts the prior by {np.linalg.norm(error[:3]):.3g} and {turned:.1f} deg: "
            f"squared Mahalanobis distance {squared:.1f}, at most "
            f"{options.max_prior_distance:g} is accepted")


def largest_sigma(covariance: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """The standard deviation along the least certain direction."""
    return float(np.sqrt(max(np.linalg.eigvalsh(covariance)[-1], 0.0)))
