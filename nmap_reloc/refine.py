"""A pose refined on the correspondences that support it, and how well they determine it.

The pose changes as types.Estimate says: by a shift dC of the camera's position and a left rotation
vector theta. With R, C = map_from_camera and X_c = R^T (X - C) that is dX_c = -shift + X_c x turn,
where shift = R^T dC and turn = R^T theta: so only R stands between the fit and the map frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid, covariance_seen_from, rotation_from_vector
from nmap_reloc.reprojection import (
    Array,
    Mask,
    Observed,
    distances,
    jacobian,
    lengths,
    residuals,
    squares,
)

FREEDOM = 4.0         # degrees of freedom of the Student t that residuals are taken to follow
SCALE_MULTIPLE = 3.5  # pairs farther than this many standard deviations do not take part
MEDIAN_OF_NORM = 1.1774  # median length of a 2D normal vector of unit standard deviation
ROUNDS = 8            # re-selections of the pairs that take part
STEPS = 2             # Gauss-Newton steps in each
MINIMUM = 4           # pairs that fix a pose and leave a residual to judge it by
# of the cost: what a step must gain to be followed by another. 1e-5 is a thirtieth of a standard
# deviation of the pose.
CONVERGED = 1e-5
SAME = 0.01           # share of the pairs that may differ between two rounds that agree
FINEST = 1e-3         # pixels: no noise is taken to be smaller
WORST_CONDITION = 1e12


@dataclass(frozen=True)
class Fit:
    """map_from_camera; covariance [6 x 6] see types.Estimate; inliers [M];
    variance: of one pixel coordinate, as the covariance assumes it; residual: rms distance in
    pixels."""

    map_from_camera: Rigid
    covariance: Array
    inliers: Mask
    variance: float
    residual: float


def refine(start: Rigid, seen: Observed, max_error: float, min_error: float) -> Fit | None:
    """Re-selects pairs by the residual scale that they show and re-fits until neither changes.

    max_error, min_error: bounds in pixels on the distance at which a pair takes part.
    None where the pairs do not determine a pose.
    """
    pose, sigma = start, max_error
    inliers: Mask = np.zeros(len(seen.points3D), bool)
    settled = False
    for _ in range(ROUNDS):
        distance = distances(pose, seen)
        threshold = float(np.clip(SCALE_MULTIPLE * sigma, min_error, max_error))
        chosen = best_of_each_keypoint(distance, distance < threshold, seen.keypoints)
        if chosen.sum() < MINIMUM:
            return None
        same = settled and np.sum(chosen != inliers) <= SAME * chosen.sum()
        inliers = chosen
        if same:
            break
        sigma = noise(distance[inliers])
        fitted = _fit(pose, seen.some(inliers), sigma)
        if fitted is None:
            return None
        pose, settled = fitted
    return _result(pose, seen, inliers)


def best_of_each_keypoint(distance: Array, among: Mask, keypoints: npt.NDArray[np.int32]) -> Mask:
    """A keypoint sees one point: of several pairs with it, only the nearest can be right."""
    chosen = np.flatnonzero(among)
    order = chosen[np.argsort(distance[chosen], kind="stable")]
    _, first = np.unique(keypoints[order], return_index=True)
    mask = np.zeros_like(among)
    mask[order[first]] = True
    return mask


def noise(distance: Array) -> float:
    """Robust standard deviation of one pixel coordinate, from the lengths of 2D residuals.

    The factor counts the six fitted parameters: residuals are smaller than the errors.
    """
    spent = np.sqrt(len(distance) / max(len(distance) - 3, 1))
    return max(float(np.median(distance) / MEDIAN_OF_NORM * spent), FINEST)


def _weights(squared: Array) -> Array:
    """Student t (two dimensions) on squared standardised distances [M]."""
    return (FREEDOM + 2) / (FREEDOM + squared)


def _cost(squared: Array) -> float:
    return float(np.log1p(squared / FREEDOM).sum())


def _fit(pose: Rigid, seen: Observed, sigma: float) -> tuple[Rigid, bool] | None:
    """Gauss-Newton, re-weighted; a step that makes things worse is shortened.

    The pose, and whether another step would change it. None: degenerate.
    """
    error, in_camera = residuals(pose, seen)
    squared = squares(error) / sigma**2
    cost = _cost(squared)
    for _ in range(STEPS):
        J = jacobian(seen, in_camera)
        weighted = J * np.tile(_weights(squared), 2)
        step = _solve(weighted @ J.T, -weighted @ error.ravel())
        if step is None:
            return None
        for fraction in (1.0, 0.5, 0.1):
            moved = _moved(pose, fraction * step)
            new_error, new_in_camera = residuals(moved, seen)
            new_squared = squares(new_error) / sigma**2
            new_cost = _cost(new_squared)
            if new_cost <= cost:
                break
        else:
            return pose, True
        gained, pose, error, in_camera, squared, cost = (
            cost - new_cost, moved, new_error, new_in_camera, new_squared, new_cost)
        if gained < CONVERGED * max(cost, 1.0):
            return pose, True
    return pose, False


def _moved(pose: Rigid, step: Array) -> Rigid:
    shift, turn = pose.rotation @ step[:3], pose.rotation @ step[3:]
    return Rigid(rotation_from_vector(turn) @ pose.rotation, pose.translation + shift)


def _solve(information: Array, right: Array) -> Array | None:
    """Balanced first, so that the map's unit does not matter; None where it is singular."""
    unit = 1 / np.sqrt(np.maximum(information.diagonal(), 1e-300))
    try:
        return np.asarray(unit * np.linalg.solve(
            information * unit * unit[:, None], unit * right), np.float64)
    except np.linalg.LinAlgError:
        return None


def invert(information: Array) -> Array | None:
    """The inverse [6 x 6] whatever the map's unit is; None where something is not determined."""
    diagonal = np.diag(information)
    if not np.isfinite(information).all() or diagonal.min() <= 0:
        return None
    unit = 1 / np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(information * np.outer(unit, unit))
    if values[0] <= values[-1] / WORST_CONDITION:
        return None
    return np.asarray((vectors / values) @ vectors.T * np.outer(unit, unit), np.float64)


def _result(pose: Rigid, seen: Observed, inliers: Mask) -> Fit | None:
    used = seen.some(inliers)
    error, in_camera = residuals(pose, used)
    if not np.isfinite(error).all():
        return None
    distance = lengths(error)
    sigma = noise(distance)
    J = jacobian(used, in_camera)
    inverse = invert(J @ J.T)
    if inverse is None:
        return None
    variance = _variance(distance, sigma)
    return Fit(pose, covariance_seen_from(variance * inverse, pose), inliers, variance,
               float(np.sqrt(np.mean(distance**2))))


def _variance(distance: Array, sigma: float) -> float:
    """Variance of one pixel coordinate as the weighted fit feels it (Huber's formula for
    M-estimators, isotropic in two dimensions), corrected for the six fitted parameters."""
    squared = distance**2 / sigma**2
    w = _weights(squared)
    # psi = w e; E[psi psi^T] = a I, E[d psi / d e] = b I, with dw/d(squared) = -w / (nu + squared)
    a = np.mean(w**2 * distance**2) / 2
    slope = w * (1 - squared / (FREEDOM + squared))
    b, count = np.mean(slope), len(distance)
    small_sample = 1 + 3 / count * np.var(slope) / b**2  # Huber, Robust Statistics, section 7.6
    return max(float(a / b**2 * small_sample**2 * count / max(count - 3, 1)), FINEST**2)
