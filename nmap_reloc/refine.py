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

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FREEDOM = 4.0         # degrees of freedom of the Student t that residuals are taken to follow
SCALE_MULTIPLE = 3.5  # pairs farther than this many standard deviations do not take part
MEDIAN_OF_NORM = 1.1774  # median length of a 2D normal vector of unit standard deviation
ROUNDS = 8            # re-selections of the pairs that take part
STEPS = 2             # Gauss-Newton steps in each
MINIMUM = 4           # pairs that fix a pose and leave a residual to judge it by
CONVERGED = 1e-6      # of the cost: what a step must gain to be followed by another
FINEST = 1e-3         # pixels: no noise is taken to be smaller
WORST_CONDITION = 1e12


@dataclass(frozen=True)
class Observed:
    """What was seen: normalized [M x 2], scale [M x 2 x 2] pixels per normalized unit,
    points3D [M x 3] map units, keypoints [M] index of the keypoint of each pair."""

    normalized: Array
    scale: Array
    points3D: Array
    keypoints: npt.NDArray[np.int32]


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


def residuals(pose: Rigid, seen: Observed) -> tuple[Array, Array]:
    """Reprojection errors [M x 2] in pixels (infinite behind the camera), X_c [M x 3]."""
    in_camera = (seen.points3D - pose.translation) @ pose.rotation
    depth = in_camera[:, 2]
    front = depth > 1e-9 * np.abs(in_camera).max(initial=0.0)
    plane = in_camera[:, :2] / np.where(front, depth, 1.0)[:, None]
    du, dv = (plane - seen.normalized).T
    scale = seen.scale
    error = np.empty((len(du), 2))
    error[:, 0] = scale[:, 0, 0] * du + scale[:, 0, 1] * dv
    error[:, 1] = scale[:, 1, 0] * du + scale[:, 1, 1] * dv
    error[~front] = np.inf
    return error, in_camera


def jacobian(scale: Array, in_camera: Array) -> Array:
    """d pixels / d (position, left rotation vector), both turned into the camera's frame.

    [6 x 2M], all columns of x before all of y. dX_c = -shift + X_c x turn.
    """
    inverse_depth = 1 / in_camera[:, 2]
    u, v = in_camera[:, 0] * inverse_depth, in_camera[:, 1] * inverse_depth
    plane = np.zeros((2, 6, len(u)))  # d (u, v)
    uv = u * v
    plane[0, 0] = plane[1, 1] = -inverse_depth
    plane[:, 2] = u * inverse_depth, v * inverse_depth
    plane[0, 3:] = uv, -1 - u * u, v
    plane[1, 3:] = 1 + v * v, -uv, -u
    made = np.empty((6, 2, len(u)))
    for axis in (0, 1):
        np.multiply(scale[:, axis, 0], plane[0], out=made[:, axis])
        made[:, axis] += scale[:, axis, 1] * plane[1]
    return made.reshape(6, -1)


def refine(start: Rigid, seen: Observed, max_error: float, min_error: float) -> Fit | None:
    """Re-selects pairs by the residual scale that they show and re-fits until neither changes.

    max_error, min_error: bounds in pixels on the distance at which a pair takes part.
    None where the pairs do not determine a pose.
    """
    pose, sigma = start, max_error
    inliers: Mask = np.zeros(len(seen.points3D), bool)
    settled = False
    for _ in range(ROUNDS):
        error, _ = residuals(pose, seen)
        distance = np.linalg.norm(error, axis=1)
        threshold = float(np.clip(SCALE_MULTIPLE * sigma, min_error, max_error))
        chosen = best_of_each_keypoint(distance, distance < threshold, seen.keypoints)
        if chosen.sum() < MINIMUM:
            return None
        if settled and np.array_equal(chosen, inliers):
            break
        inliers = chosen
        sigma = noise(distance[inliers])
        fitted = _fit(pose, _subset(seen, inliers), sigma)
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


def _subset(seen: Observed, mask: Mask) -> Observed:
    return Observed(seen.normalized[mask], seen.scale[mask], seen.points3D[mask],
                    seen.keypoints[mask])


def _weights(squared: Array) -> Array:
    """Student t (two dimensions) on squared standardised distances [M]."""
    return (FREEDOM + 2) / (FREEDOM + squared)


def _cost(error: Array, sigma: float) -> float:
    return float(np.log1p((error**2).sum(1) / (FREEDOM * sigma**2)).sum())


def _fit(pose: Rigid, seen: Observed, sigma: float) -> tuple[Rigid, bool] | None:
    """Gauss-Newton, re-weighted; a step that makes things worse is shortened.

    The pose, and whether another step would change it. None: degenerate.
    """
    error, in_camera = residuals(pose, seen)
    cost = _cost(error, sigma)
    for _ in range(STEPS):
        J = jacobian(seen.scale, in_camera)
        w = np.tile(_weights((error**2).sum(1) / sigma**2), 2)
        step = _solve((J * w) @ J.T, -J @ (w * error.T.ravel()))
        if step is None:
            return None
        for fraction in (1.0, 0.5, 0.1):
            moved = _moved(pose, fraction * step)
            new_error, new_in_camera = residuals(moved, seen)
            new_cost = _cost(new_error, sigma)
            if new_cost <= cost:
                break
        else:
            return pose, True
        gained, pose, error, in_camera, cost = (
            cost - new_cost, moved, new_error, new_in_camera, new_cost)
        if gained < CONVERGED * max(cost, 1.0):
            return pose, True
    return pose, False


def _moved(pose: Rigid, step: Array) -> Rigid:
    shift, turn = pose.rotation @ step[:3], pose.rotation @ step[3:]
    return Rigid(rotation_from_vector(turn) @ pose.rotation, pose.translation + shift)


def _solve(information: Array, right: Array) -> Array | None:
    """Balanced first, so that the map's unit does not matter; None where it is singular."""
    unit = 1 / np.sqrt(np.maximum(np.diag(information), 1e-300))
    try:
        return np.asarray(
            unit * np.linalg.solve(information * np.outer(unit, unit), unit * right), np.float64)
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
    used = _subset(seen, inliers)
    error, in_camera = residuals(pose, used)
    if not np.isfinite(error).all():
        return None
    distance = np.linalg.norm(error, axis=1)
    sigma = noise(distance)
    J = jacobian(used.scale, in_camera)
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
