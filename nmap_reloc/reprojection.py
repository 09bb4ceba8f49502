"""What was seen, how far a pose is from it, and how that changes with the pose.

Columns of coordinates, not rows of points: here they are taken thirty times an image, and numpy
is fast on numbers that lie together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Observed:
    """What was seen: normalized [M x 2], scale [M x 2 x 2] pixels per normalized unit,
    points3D [M x 3] map units, keypoints [M] index of the keypoint of each pair."""

    normalized: Array
    scale: Array
    points3D: Array
    keypoints: npt.NDArray[np.int32]

    @cached_property
    def columns(self) -> tuple[Array, Array, Array]:
        """normalized [2 x M], scale [2 x 2 x M], points3D [3 x M], each row in one piece."""
        return (np.ascontiguousarray(self.normalized.T),
                np.ascontiguousarray(self.scale.transpose(1, 2, 0)),
                np.ascontiguousarray(self.points3D.T))

    def some(self, which: Mask | npt.NDArray[np.intp]) -> Observed:
        """Those pairs: [M] boolean, or indices."""
        return Observed(self.normalized[which], self.scale[which], self.points3D[which],
                        self.keypoints[which])


def residuals(pose: Rigid, seen: Observed) -> tuple[Array, Array]:
    """Reprojection errors [2 x M] in pixels (infinite behind the camera), X_c [3 x M]."""
    normalized, scale, points = seen.columns
    in_camera: Array = pose.rotation.T @ (points - pose.translation[:, None])
    depth = in_camera[2]
    front = depth > 1e-9 * np.abs(in_camera).max(initial=0.0)
    everywhere = bool(front.all())
    du, dv = in_camera[:2] / (depth if everywhere else np.where(front, depth, 1.0)) - normalized
    error = scale[:, 0] * du
    error += scale[:, 1] * dv
    if not everywhere:
        error[:, ~front] = np.inf
    return error, in_camera


def distances(pose: Rigid, seen: Observed) -> Array:
    """Lengths of the reprojection errors [M] in pixels."""
    return lengths(residuals(pose, seen)[0])


def lengths(error: Array) -> Array:
    """[2 x M] -> [M]."""
    return np.asarray(np.sqrt(squares(error)), np.float64)


def squares(error: Array) -> Array:
    """[2 x M] -> squared lengths [M]."""
    x, y = error
    return np.asarray(x * x + y * y, np.float64)


def jacobian(seen: Observed, in_camera: Array) -> Array:
    """d pixels / d (position, left rotation vector), both turned into the camera's frame.

    [6 x 2M], all columns of x before all of y. dX_c = -shift + X_c x turn.
    """
    scale = seen.columns[1]
    inverse_depth = 1 / in_camera[2]
    u, v = in_camera[:2] * inverse_depth
    plane = np.zeros((2, 6, len(u)))  # d (u, v)
    uv = u * v
    plane[0, 0] = plane[1, 1] = -inverse_depth
    plane[0, 2], plane[1, 2] = u * inverse_depth, v * inverse_depth
    plane[0, 3], plane[0, 4], plane[0, 5] = uv, -1 - u * u, v
    plane[1, 3], plane[1, 4], plane[1, 5] = 1 + v * v, -uv, -u
    made = np.empty((6, 2, len(u)))
    for axis in (0, 1):
        np.multiply(plane[0], scale[axis, 0], out=made[:, axis])
        made[:, axis] += plane[1] * scale[axis, 1]
    return made.reshape(6, -1)
