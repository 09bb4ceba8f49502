"""What the tests of tf2 share: transforms and times."""

from __future__ import annotations

import math

from geometry_msgs.msg import TransformStamped
from rclpy.time import Time


def transform(parent: str, child: str, seconds: float, x: float = 0.0, y: float = 0.0,
              yaw: float = 0.0) -> TransformStamped:
    """parent_from_child at a time."""
    message = TransformStamped()
    message.header.frame_id = parent
    message.header.stamp = Time(nanoseconds=round(seconds * 1e9)).to_msg()
    message.child_frame_id = child
    message.transform.translation.x = x
    message.transform.translation.y = y
    message.transform.rotation.z = math.sin(yaw / 2)
    message.transform.rotation.w = math.cos(yaw / 2)
    return message


def at(seconds: float) -> Time:
    return Time(nanoseconds=round(seconds * 1e9))


def stamp(message: TransformStamped) -> float:
    return float(message.header.stamp.sec + message.header.stamp.nanosec * 1e-9)
