"""Rigid transforms as tf2 keeps them: a translation (x, y, z) and a quaternion (x, y, z, w)."""

from __future__ import annotations

import math
from typing import NamedTuple

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

# Plain floats: for one transform at a time they are several times faster than arrays.


class Pose(NamedTuple):
    """``parent_from_child``."""

    translation: Vector
    rotation: Quaternion

    def __matmul__(self, other: Pose) -> Pose:
        """``c_from_b @ b_from_a -> c_from_a``."""
        x, y, z = rotate(self.rotation, other.translation)
        dx, dy, dz = self.translation
        return Pose((x + dx, y + dy, z + dz), multiply(self.rotation, other.rotation))

    def inverse(self) -> Pose:
        """``child_from_parent``."""
        x, y, z, w = self.rotation
        back = (-x, -y, -z, w)
        x, y, z = rotate(back, self.translation)
        return Pose((-x, -y, -z), back)


IDENTITY = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    """The rotation b followed by a."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (aw * bx + ax * bw + ay * bz - az * by,
            aw * by + ay * bw + az * bx - ax * bz,
            aw * bz + az * bw + ax * by - ay * bx,
            aw * bw - ax * bx - ay * by - az * bz)


def rotate(q: Quaternion, v: Vector) -> Vector:
    """v + 2 w (u x v) + 2 u x (u x v), u being the vector part of a unit quaternion."""
    x, y, z, w = q
    vx, vy, vz = v
    cx, cy, cz = 2 * (y * vz - z * vy), 2 * (z * vx - x * vz), 2 * (x * vy - y * vx)
    return (vx + w * cx + y * cz - z * cy,
            vy + w * cy + z * cx - x * cz,
            vz + w * cz + x * cy - y * cx)


def normalized(q: Quaternion) -> Quaternion:
    """Unit length."""
    x, y, z, w = q
    length = math.sqrt(x * x + y * y + z * z + w * w)
    return (x / length, y / length, z / length, w / length)


def interpolate(a: Pose, b: Pose, ratio: float) -> Pose:
    """On the way from a (0) to b (1): straight translation, spherical rotation."""
    (ax, ay, az), (bx, by, bz) = a.translation, b.translation
    translation = (ax + ratio * (bx - ax), ay + ratio * (by - ay), az + ratio * (bz - az))
    return Pose(translation, slerp(a.rotation, b.rotation, ratio))


def slerp(a: Quaternion, b: Quaternion, ratio: float) -> Quaternion:
    """The shorter way from a to b at a constant rate; unit length."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    cosine = ax * bx + ay * by + az * bz + aw * bw
    if cosine < 0:  # -b is the same rotation, nearer
        bx, by, bz, bw, cosine = -bx, -by, -bz, -bw, -cosine
    if cosine > 1 - 1e-9:  # the sine below vanishes; a straight line is exact to rounding here
        from_a, from_b = 1 - ratio, ratio
    else:
        angle = math.acos(cosine)
        sine = math.sin(angle)
        from_a, from_b = math.sin((1 - ratio) * angle) / sine, math.sin(ratio * angle) / sine
    return normalized((from_a * ax + from_b * bx, from_a * ay + from_b * by,
                       from_a * az + from_b * bz, from_a * aw + from_b * bw))
