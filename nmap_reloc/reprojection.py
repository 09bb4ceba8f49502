"""What was seen, how far a pose is from it, and how that changes with the pose.

Columns of coordinates, not rows of points: here they are taken a dozen times an image, and numpy
is fast on numbers that lie together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

NEAREST = 1e-9  # depth, of that of the farthest point


@dataclass(frozen=True)
class Observed:
    """M pairs: planes [2 x 3 x M] see planes_of, points [3 x M] map units, keypoints [M] index
    of the keypoint of each pair."""

    planes: Array
    points: Array
    keypoints: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.keypoints)

    def some(self, which: Indices) -> Observed:
        return Observed(self.planes.take(which, axis=2), self.points.take(which, axis=1),
                        self.keypoints[which])

    def with_points(self, points: Array) -> Observed:
        """The same keypoints with other points [3 x M]."""
        moved = replace(self, points=points)
        moved.__dict__["rivals"] = self.rivals  # which the points have no part in
        return moved

    @cached_property
    def rivals(self) -> tuple[Indices, Indices, Indices] | None:
        """The pairs in the order of their keypoints [M], where each keypoint's begin [K], how
        many they are [K]; None where every keypoint has but one."""
        order = self.keypoints.argsort(kind="stable")
        ordered = self.keypoints[order]
        new = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
        if len(new) + 1 >= len(order):
            return None
        starts = np.concatenate([[0], new])
        return order, starts, np.diff(starts, append=len(order))


class Sight(NamedTuple):
    """How a pose sees M points: the reprojection error [2 x M] in pixels and its squared length
    [M], both infinite behind the camera; in_camera: X_c [3 x M]."""

    error: Array
    squared: Array
    in_camera: Array


def planes_of(normalized: Array, scale: Array) -> Array:
    """normalized [M x 2], scale [M x 2 x 2] pixels per unit there -> [2 x 3 x M]: times X_c it is
    the reprojection error [2 x M] times the depth."""
    made = np.empty((2, 3, len(normalized)))
    made[:, :2] = scale.transpose(1, 2, 0)
    u, v = normalized.T
    made[:, 2] = -made[:, 0] * u - made[:, 1] * v
    return made


def look(pose: Rigid, seen: Observed) -> Sight:
    return look_at(pose, seen.planes, seen.points)


def look_at(pose: Rigid, planes: Array, points: Array) -> Sight:
    """planes [2 x 3 x M] and points [3 x M] as Observed has them."""
    in_camera: Array = pose.rotation.T @ (points - pose.translation[:, None])
    depth = in_camera[2]
    products = planes * in_camera
    error = products[:, 0] + products[:, 1]
    error += products[:, 2]
    if depth.min(initial=np.inf) > NEAREST * depth.max(initial=0.0):
        error /= depth
    else:
        front = np.isfinite(depth)
        front &= depth > NEAREST * depth[front].max(initial=0.0)
        error /= np.where(front, depth, 1.0)
        error[:, ~front] = np.inf
    x, y = error
    return Sight(error, x * x + y * y, in_camera)


def distances(pose: Rigid, seen: Observed) -> Array:
    """Lengths of the reprojection errors [M] in pixels."""
    return np.asarray(np.sqrt(look(pose, seen).squared), np.float64)


def jacobian(planes: Array, error: Array, in_camera: Array) -> Array:
    """d pixels / d (position, left rotation vector), both turned into the camera's frame.

    planes [2 x 3 x M], error [2 x M], in_camera [3 x M] -> [6 x 2 x M]. With P = planes - error
    in the third column, d error = P dX_c / depth, and dX_c = -shift + X_c x turn.
    """
    inverse_depth = 1 / in_camera[2]
    u, v = in_camera[:2] * inverse_depth
    p, q, r = planes[:, 0], planes[:, 1], planes[:, 2] - error
    made = np.empty((6, 2, in_camera.shape[1]))
    np.negative(inverse_depth, out=inverse_depth)
    np.multiply(p, inverse_depth, out=made[0])
    np.multiply(q, inverse_depth, out=made[1])
    np.multiply(r, inverse_depth, out=made[2])
    np.subtract(q, r * v, out=made[3])
    np.subtract(r * u, p, out=made[4])
    np.subtract(p * v, q * u, out=made[5])
    return made
