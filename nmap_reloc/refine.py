"""A pose refined on the correspondences that support it, and how well they determine it.

The pose changes as types.Estimate says: by a shift dC of the camera's position and a left rotation
vector theta. With R, C = map_from_camera and X_c = R^T (X - C) that is dX_c = -shift + X_c x turn,
where shift = R^T dC and turn = R^T theta: so only R stands between the fit and the map frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from nmap_reloc.geometry import Rigid, covariance_seen_from, rotation_from_vector
from nmap_reloc.reprojection import Array, Indices, Mask, Observed, Sight, jacobian, look

FREEDOM = 4.0         # degrees of freedom of the Student t that residuals are taken to follow
SCALE_MULTIPLE = 3.5  # pairs farther than this many standard deviations do not take part
MEDIAN_OF_SQUARE = 1.3863  # median squared length of a 2D normal vector of unit deviation
ROUNDS = 16           # Gauss-Newton steps, each with the pairs that take part selected anew
MINIMUM = 4           # pairs that fix a pose and leave a residual to judge it by
FAR = 3               # pairs so many times the largest error off are not worth following
FINEST = 1e-3         # pixels: no noise is taken to be smaller
WORST_CONDITION = 1e12


@dataclass(frozen=True)
class Close:
    """When a pose is close enough to what it converges to. gain: share of the cost that a step
    must gain to be followed by another; same: share of the pairs that may differ between two
    rounds that agree."""

    gain: float
    same: float


BESIDE = Close(0.03, 0.2)  # some standard deviations: near enough for all pairs to take over
ROUGH = Close(1e-4, 0.02)  # a tenth of one: enough to look around from
FINE = Close(1e-5, 0.01)   # a hundredth: whatever it started from


class Agreed(NamedTuple):
    """map_from_camera, how it sees all pairs, which of them agree with it [M], and the noise that
    they show, see noise."""

    map_from_camera: Rigid
    sight: Sight
    inliers: Mask
    sigma: float


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


def refine(start: Rigid, seen: Observed, max_error: float, min_error: float,
           sigma: float | None = None) -> Fit | None:
    """The pose that pairs agree on at last, from one that is nearly right. Arguments, None: see
    approach; or they agree but do not determine a pose."""
    near = np.flatnonzero(look(start, seen).squared < (FAR * max_error) ** 2)
    some = seen.some(near)
    agreed = approach(start, some, max_error, min_error, FINE, sigma)
    fit = None if agreed is None else _result(agreed, some)
    if fit is None:
        return None
    inliers = np.zeros(len(seen), bool)
    inliers[near] = fit.inliers
    return replace(fit, inliers=inliers)


def approach(start: Rigid, seen: Observed, max_error: float, min_error: float, close: Close,
             sigma: float | None = None) -> Agreed | None:
    """Re-selects pairs by the residual scale that they show and re-fits until neither changes.

    max_error, min_error: bounds in pixels on the distance at which a pair takes part. sigma: the
    noise that pairs show at the start, in pixels; None: not known, so all that max_error allows
    begin, as a bad start may keep any of them away. None where too few pairs take part.
    """
    pose, sight = start, look(start, seen)
    inliers: Mask = np.zeros(len(seen), bool)
    sigma, settled = max_error if sigma is None else sigma, False
    for _ in range(ROUNDS):
        radius = reach(sigma, max_error, min_error)
        chosen = best_of_each_keypoint(sight.squared, radius, seen)
        count = np.count_nonzero(chosen)
        if count < MINIMUM:
            return None
        same = settled and np.count_nonzero(chosen != inliers) <= close.same * count
        inliers = chosen
        if same:
            break
        stepped = _step(pose, sight, seen, np.flatnonzero(inliers), close)
        if stepped is None:
            return None
        pose, sight, sigma, settled = stepped
    return Agreed(pose, sight, inliers, sigma)


def reach(sigma: float, max_error: float, min_error: float) -> float:
    """The distance in pixels at which a pair takes part still."""
    return min(max(SCALE_MULTIPLE * sigma, min_error), max_error)


def best_of_each_keypoint(squared: Array, radius: float, seen: Observed) -> Mask:
    """[M]: the pairs within the radius. A keypoint sees one point: of several pairs with it, only
    the nearest can be right."""
    near: Mask = squared < radius**2
    if seen.rivals is None:
        return near
    order, starts, counts = seen.rivals
    among = np.where(near, squared, np.inf)[order]
    least = np.minimum.reduceat(among, starts)
    best = np.flatnonzero((among == np.repeat(least, counts)) & near[order])
    owner = seen.keypoints[order[best]]
    first = np.ones(len(best), bool)  # of several as near, one
    np.not_equal(owner[1:], owner[:-1], out=first[1:])
    mask = np.zeros_like(near)
    mask[order[best[first]]] = True
    return mask


def nearest_of_each_keypoint(squared: Array, seen: Observed) -> Array:
    """[K]: of the pairs' squared distances [M] the least of each keypoint."""
    if seen.rivals is None:
        return squared
    order, starts, _ = seen.rivals
    return np.asarray(np.minimum.reduceat(squared[order], starts), np.float64)


def noise(squared: Array) -> float:
    """Robust standard deviation of one pixel coordinate, from squared lengths of 2D residuals.

    The factor counts the six fitted parameters: residuals are smaller than the errors.
    """
    count = len(squared)
    middle = np.partition(squared, (count // 2, (count - 1) // 2))
    median = (middle[count // 2] + middle[(count - 1) // 2]) / 2
    spent = count / max(count - 3, 1)
    return max(float(np.sqrt(median / MEDIAN_OF_SQUARE * spent)), FINEST)


def _step(pose: Rigid, sight: Sight, seen: Observed, rows: Indices, close: Close
          ) -> tuple[Rigid, Sight, float, bool] | None:
    """One step of Gauss-Newton, re-weighted, by these pairs; shortened where it makes things
    worse. The pose and how it sees all pairs, the noise before it, and whether another would
    change nothing. None: degenerate.
    """
    squared = sight.squared.take(rows)
    sigma = noise(squared)
    squared /= sigma**2
    cost = _cost(squared)
    step, longer = _newton(seen, sight, rows, squared)
    if step is None:
        return None
    for fraction in (longer, 1.0, 0.5, 0.1):
        moved = _moved(pose, fraction * step)
        seen_there = look(moved, seen)
        gained = cost - _cost(seen_there.squared.take(rows) / sigma**2)
        if gained >= 0:
            return moved, seen_there, sigma, gained < close.gain * max(cost, 1.0)
    return pose, sight, sigma, True


def _newton(seen: Observed, sight: Sight, rows: Indices, squared: Array
            ) -> tuple[Array | None, float]:
    """The re-weighted step [6], and how much longer Newton's own would be: weights fall as
    residuals grow, so that the cost bends less than the weighted squares do (for pixels whose
    noise is the same in all directions: mean weight / mean slope, see _variance)."""
    error = sight.error.take(rows, axis=1)
    J = jacobian(seen.planes.take(rows, axis=2), error, sight.in_camera.take(rows, axis=1))
    weights = _weights(squared)
    weighted = (J * weights).reshape(6, -1)
    step = _solve(weighted @ J.reshape(6, -1).T, -(weighted @ error.ravel()))
    longer = weights.sum() / (weights @ weights) * (FREEDOM + 2) / FREEDOM
    return step, float(longer)


def _weights(squared: Array) -> Array:
    """Student t (two dimensions) on squared standardised distances [M]."""
    return (FREEDOM + 2) / (FREEDOM + squared)


def _cost(squared: Array) -> float:
    return float(np.log1p(squared / FREEDOM).sum())


def _moved(pose: Rigid, step: Array) -> Rigid:
    """exp(R turn) R = R exp(turn)."""
    return Rigid(pose.rotation @ rotation_from_vector(step[3:]),
                 pose.translation + pose.rotation @ step[:3])


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


def _result(agreed: Agreed, seen: Observed) -> Fit | None:
    pose, sight, inliers, _ = agreed
    rows = np.flatnonzero(inliers)
    squared = sight.squared.take(rows)
    sigma = noise(squared)
    J = jacobian(seen.planes.take(rows, axis=2), sight.error.take(rows, axis=1),
                 sight.in_camera.take(rows, axis=1)).reshape(6, -1)
    inverse = invert(J @ J.T)
    if inverse is None:
        return None
    variance = _variance(squared, sigma)
    return Fit(pose, covariance_seen_from(variance * inverse, pose), inliers, variance,
               float(np.sqrt(squared.mean())))


def _variance(distances: Array, sigma: float) -> float:
    """Variance of one pixel coordinate as the weighted fit feels it (Huber's formula for
    M-estimators, isotropic in two dimensions), corrected for the six fitted parameters.
    distances [M] squared, pixels."""
    squared = distances / sigma**2
    w = _weights(squared)
    # psi = w e; E[psi psi^T] = a I, E[d psi / d e] = b I, with dw/d(squared) = -w / (nu + squared)
    a = np.mean(w**2 * distances) / 2
    slope = w * (1 - squared / (FREEDOM + squared))
    b, count = np.mean(slope), len(distances)
    small_sample = 1 + 3 / count * np.var(slope) / b**2  # Huber, Robust Statistics, section 7.6
    return max(float(a / b**2 * small_sample**2 * count / max(count - 3, 1)), FINEST**2)
