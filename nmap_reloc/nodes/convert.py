"""Between ROS messages and ours; what comes in is checked, what goes out is whole.

Quaternions are (x, y, z, w) in messages, (w, x, y, z) here. Both covariances are of (x, y, z,
rotation about the fixed axes x, y, z), so that only their form differs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Time
from geometry_msgs.msg import (
    Point,
    Pose,
    PoseWithCovarianceStamped,
    Quaternion,
    Transform,
    TransformStamped,
    Vector3,
)

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Doubles

FARTHEST = 1e8            # map units; a position beyond is a mistake, and squares stay finite
LARGEST_VARIANCE = 1e12   # map units or radians, squared
UNIT_TOLERANCE = 0.01     # of a quaternion's length, as in tf2
NANOSECONDS = 10 ** 9
# What rviz and many scripts leave at zero in an initial pose means "not said", not "exactly".
UNSAID_VARIANCE = np.array([0.25, 0.25, 0.25, 0.0685, 0.0685, 0.0685])  # as Nav2's AMCL starts


def nanoseconds(stamp: Time, name: str = "stamp") -> int:
    """Exact. NmapError: not a time."""
    if stamp.sec < 0 or stamp.nanosec >= NANOSECONDS:
        raise NmapError(f"{name} {stamp.sec} s {stamp.nanosec} ns: not a time; correct the clock "
                        "of who sends it")
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def stated_nanoseconds(stamp: Time, name: str = "stamp") -> int:
    """The same of a stamp that must not be left out. NmapError: zero."""
    value = nanoseconds(stamp, name)
    if value == 0:
        raise NmapError(f"{name} 0: not set; have its sender stamp it with the time of capture")
    return value


def seconds(stamp: Time, name: str = "stamp") -> float:
    """The nearest float: to a quarter of a microsecond for times of today."""
    return nanoseconds(stamp, name) / NANOSECONDS


def stamp_from_nanoseconds(value: int) -> Time:
    """Exact; 0 <= value < 2 ** 31 s."""
    sec, nanosec = divmod(int(value), NANOSECONDS)
    return Time(sec=sec, nanosec=nanosec)


def stamp_from_seconds(value: float) -> Time:
    """To the nearest nanosecond of this very float."""
    whole = math.floor(value)
    return stamp_from_nanoseconds(whole * NANOSECONDS + round((value - whole) * NANOSECONDS))


def rigid_from_numbers(position: Any, quaternion_wxyz: Any, name: str) -> Rigid:
    """position [3], quaternion [4] of unit length, both checked. NmapError names the value."""
    translation = np.asarray(position, np.float64)
    wxyz = np.asarray(quaternion_wxyz, np.float64)
    if not (np.isfinite(translation).all() and (np.abs(translation) <= FARTHEST).all()):
        raise NmapError(f"{name} position {_shown(translation)}: finite numbers within "
                        f"{FARTHEST:g} are needed; correct who sends it")
    # NaN compares as false, so it is refused here too; hypot of huge numbers is at most inf
    if not abs(math.hypot(*wxyz.tolist()) - 1) <= UNIT_TOLERANCE:
        raise NmapError(f"{name} orientation (w, x, y, z) {_shown(wxyz)}: not a unit quaternion; "
                        "give (1, 0, 0, 0) for no rotation")
    return Rigid.from_quaternion(wxyz, translation)


def rigid_from_pose(pose: Pose, name: str = "pose") -> Rigid:
    """NmapError: NaN, or a quaternion that is none."""
    p, q = pose.position, pose.orientation
    return rigid_from_numbers((p.x, p.y, p.z), (q.w, q.x, q.y, q.z), name)


def rigid_from_transform(transform: Transform, name: str = "transform") -> Rigid:
    """NmapError: NaN, or a quaternion that is none."""
    p, q = transform.translation, transform.rotation
    return rigid_from_numbers((p.x, p.y, p.z), (q.w, q.x, q.y, q.z), name)


def point(xyz: Any) -> Point:
    x, y, z = (float(value) for value in xyz)
    return Point(x=x, y=y, z=z)


def quaternion(rigid: Rigid) -> Quaternion:
    w, x, y, z = (float(value) for value in rigid.quaternion())
    return Quaternion(x=x, y=y, z=z, w=w)


def pose_from_rigid(rigid: Rigid) -> Pose:
    return Pose(position=point(rigid.translation), orientation=quaternion(rigid))


def transform_from_rigid(rigid: Rigid) -> Transform:
    x, y, z = (float(value) for value in rigid.translation)
    return Transform(translation=Vector3(x=x, y=y, z=z), rotation=quaternion(rigid))


def transform_stamped(parent_from_child: Rigid, parent: str, child: str, stamp: Time
                      ) -> TransformStamped:
    """As TF wants it: frame_id is the parent."""
    message = TransformStamped(child_frame_id=child, transform=transform_from_rigid(
        parent_from_child))
    message.header.frame_id, message.header.stamp = parent, stamp
    return message


def covariance_to_message(covariance: npt.ArrayLike) -> Doubles:
    """[6 x 6] -> float64 [36] row-major, exactly symmetric."""
    matrix = np.asarray(covariance, np.float64).reshape(6, 6)
    return np.ascontiguousarray((matrix + matrix.T) / 2).reshape(36)


def checked_covariance(values: Any, name: str) -> Doubles:
    """[36] or [6 x 6] -> [6 x 6], finite, symmetric, no negative variance in any direction."""
    matrix: Doubles = np.asarray(values, np.float64).reshape(6, 6)
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > LARGEST_VARIANCE:
        raise NmapError(f"{name} covariance: finite numbers within {LARGEST_VARIANCE:g} are "
                        "needed; correct who sends it")
    scale = np.sqrt(np.clip(np.diag(matrix), 0, None))
    # against the deviations of the two entries, for metres and radians differ by orders
    tolerance = 1e-6 * np.outer(scale, scale) + 1e-12
    if (np.abs(matrix - matrix.T) > 2 * tolerance).any():
        raise NmapError(f"{name} covariance: not symmetric; give the 36 numbers row by row")
    matrix = (matrix + matrix.T) / 2
    lowest = float(np.linalg.eigvalsh(matrix / np.outer(scale + 1e-6, scale + 1e-6))[0])
    if lowest < -1e-5:
        raise NmapError(f"{name} covariance with diagonal {_shown(np.diag(matrix))}: a negative "
                        "variance in some direction; give a covariance matrix")
    return matrix


def pose_with_covariance(map_from_base: Rigid, covariance: npt.ArrayLike, frame: str, stamp: Time
                         ) -> PoseWithCovarianceStamped:
    """covariance [6 x 6] as in types.Estimate."""
    message = PoseWithCovarianceStamped()
    message.header.frame_id, message.header.stamp = frame, stamp
    message.pose.pose = pose_from_rigid(map_from_base)
    message.pose.covariance = covariance_to_message(covariance)
    return message


def read_pose_with_covariance(message: PoseWithCovarianceStamped, frame: str,
                              name: str = "pose") -> tuple[Rigid, Doubles]:
    """(map_from_base, covariance [6 x 6]) of a message in `frame`. NmapError: anything amiss."""
    given = message.header.frame_id.removeprefix("/")
    if given != frame:
        raise NmapError(f"{name} header.frame_id {given[:60]!r}: must be {frame!r}, the frame of "
                        "the map; set the sender's (in rviz: Fixed Frame) to it")
    return (rigid_from_pose(message.pose.pose, name),
            checked_covariance(message.pose.covariance, name))


def read_initial_pose(message: PoseWithCovarianceStamped, frame: str, name: str = "initialpose"
                      ) -> tuple[Rigid, Doubles]:
    """The same; a variance of 0 is taken as not said and becomes UNSAID_VARIANCE."""
    pose, covariance = read_pose_with_covariance(message, frame, name)
    unsaid = np.diag(covariance) == 0
    covariance[unsaid, :] = covariance[:, unsaid] = 0
    covariance[unsaid, unsaid] = UNSAID_VARIANCE[unsaid]
    return pose, covariance


def _shown(values: Doubles) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"
