"""Rigid transforms named ``b_from_a``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from transforms3d.quaternions import mat2quat, quat2mat

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rigid:
    """``b_from_a``: a point in frame a becomes ``rotation @ x + translation`` in frame b.

    rotation [3 x 3] orthonormal, translation [3] in map units (metres where the map is metric).
    """

    rotation: Array
    translation: Array

    @staticmethod
    def identity() -> Rigid:
        return Rigid(np.eye(3), np.zeros(3))

    @staticmethod
    def from_quaternion(wxyz: npt.ArrayLike, translation: npt.ArrayLike) -> Rigid:
        """Quaternion in (w, x, y, z) order, normalised here."""
        wxyz = np.asarray(wxyz, np.float64)
        return Rigid(quat2mat(wxyz), np.asarray(translation, np.float64).reshape(3))

    def quaternion(self) -> Array:
        """(w, x, y, z)."""
        return np.asarray(mat2quat(self.rotation), np.float64)

    def inverse(self) -> Rigid:
        return Rigid(self.rotation.T, -self.rotation.T @ self.translation)

    def __matmul__(self, other: Rigid) -> Rigid:
        """``c_from_b @ b_from_a -> c_from_a``."""
        return Rigid(self.rotation @ other.rotation,
                     self.rotation @ other.translation + self.translation)

    def apply(self, points: npt.ArrayLike) -> Array:
        """points [N x 3] in frame a -> [N x 3] in frame b."""
        return np.asarray(points, np.float64) @ self.rotation.T + self.translation


def span_of(points: npt.ArrayLike) -> float:
    """points [N x 3] -> length of the diagonal of the box around them; 0 without points."""
    points = np.asarray(points, np.float64).reshape(-1, 3)
    return float(np.linalg.norm(np.ptp(points, axis=0))) if len(points) else 0.0


def angle_degrees(a: Rigid, b: Rigid) -> float:
    """The angle of the rotation between two transforms, in degrees."""
    # atan2 of the skew and trace parts: exact for tiny angles, where arccos is not.
    r = a.rotation @ b.rotation.T
    sine = np.linalg.norm([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]]) / 2
    return float(np.degrees(np.arctan2(sine, (np.trace(r) - 1) / 2)))


def rotation_vector(rotation: Array) -> Array:
    """[3 x 3] -> axis times angle [3] in radians, angle in 0..pi."""
    w, *xyz = mat2quat(rotation)  # w >= 0
    sine = float(np.linalg.norm(xyz))
    if sine < 1e-12:
        return np.asarray(xyz, np.float64) * 2.0
    return np.asarray(xyz, np.float64) * float(2 * np.arctan2(sine, w) / sine)


def rotation_from_vector(vector: npt.ArrayLike) -> Array:
    """Axis times angle [3] in radians -> [3 x 3], by Rodrigues' formula; not a number where the
    angle is not finite."""
    x, y, z = np.asarray(vector, np.float64).tolist()
    angle = math.sqrt(x * x + y * y + z * z)
    if not math.isfinite(angle):
        return np.full((3, 3), np.nan)
    # sin(angle) / angle, and (1 - cos(angle)) / angle^2, which tends to a half.
    small = angle < 1e-9
    sine = 1.0 if small else math.sin(angle) / angle
    rest = 0.5 if small else 2 * (math.sin(angle / 2) / angle) ** 2
    xy, yz, zx = rest * x * y, rest * y * z, rest * z * x
    return np.array([
        [1 - rest * (y * y + z * z), xy - sine * z, zx + sine * y],
        [xy + sine * z, 1 - rest * (z * z + x * x), yz - sine * x],
        [zx - sine * y, yz + sine * x, 1 - rest * (x * x + y * y)]])


def skew(vectors: npt.ArrayLike) -> Array:
    """[... x 3] -> [... x 3 x 3]: skew(a) @ b is the cross product of a and b."""
    vectors = np.asarray(vectors, np.float64)
    matrix = np.zeros((*vectors.shape, 3))
    matrix[..., 2, 1] = vectors[..., 0]
    matrix[..., 0, 2] = vectors[..., 1]
    matrix[..., 1, 0] = vectors[..., 2]
    return matrix - np.swapaxes(matrix, -1, -2)


def pose_error(true: Rigid, estimated: Rigid) -> Array:
    """[6]: true position - position, and the left rotation vector ``true @ estimated.T``.

    This is the error that every pose covariance in the package describes. Its tangent is a
    product (shift, rotation), not a twist of SE(3): the adjoint of SE(3) does not apply.
    """
    return np.concatenate([true.translation - estimated.translation,
                           rotation_vector(true.rotation @ estimated.rotation.T)])


def covariance_of_attached(covariance: Array, a_from_b: Rigid, b_from_c: Rigid) -> Array:
    """Covariance [6 x 6] of ``a_from_b`` -> that of ``a_from_b @ b_from_c``, b_from_c exact.

    For example of the robot's base from that of its camera.
    """
    transport = np.eye(6)
    transport[:3, 3:] = -skew(a_from_b.rotation @ b_from_c.translation)
    return np.asarray(transport @ covariance @ transport.T, np.float64)


def covariance_seen_from(covariance: Array, b_from_a: Rigid) -> Array:
    """Covariance [6 x 6] of ``a_from_c`` -> that of ``b_from_a @ a_from_c``, b_from_a exact."""
    transport = np.zeros((6, 6))
    transport[:3, :3] = transport[3:, 3:] = b_from_a.rotation
    return np.asarray(transport @ covariance @ transport.T, np.float64)
