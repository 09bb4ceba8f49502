"""rclpy.clock_type: which clock a time belongs to."""

from __future__ import annotations

from enum import IntEnum


class ClockType(IntEnum):
    """The numbers are those of rcl_clock_type_t."""

    UNINITIALIZED = 0
    ROS_TIME = 1
    SYSTEM_TIME = 2
    STEADY_TIME = 3
