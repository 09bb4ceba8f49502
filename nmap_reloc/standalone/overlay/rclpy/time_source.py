"""rclpy.time_source: /clock sets the ROS clocks of a node while use_sim_time is true."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from rclpy.clock import ROSClock
from rclpy.clock_type import ClockType
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from rosgraph_msgs.msg import Clock as ClockMsg

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.subscription import Subscription

CLOCK_TOPIC = "/clock"
USE_SIM_TIME_NAME = "use_sim_time"


class TimeSource:
    """Switches clocks between system time and /clock."""

    def __init__(self, *, node: Node) -> None:
        self._node = weakref.ref(node)
        self._clock_sub: Subscription | None = None
        self._associated_clocks: list[ROSClock] = []
        self._last_time_set = Time(clock_type=ClockType.ROS_TIME)  # zero: none has come yet
        self._active = False

    @property
    def ros_time_is_active(self) -> bool:
        return self._active

    @ros_time_is_active.setter
    def ros_time_is_active(self, enabled: bool) -> None:
        if enabled == self._active:
            return
        self._active = enabled
        for clock in self._associated_clocks:
            clock._set_ros_time_is_active(enabled)
        node = self._node()
        if node is None:
            return
        if enabled:
            self._clock_sub = node.create_subscription(
                ClockMsg, CLOCK_TOPIC, self.clock_callback,
                QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
        elif self._clock_sub is not None:
            node.destroy_subscription(self._clock_sub)
            self._clock_sub = None

    def attach_clock(self, clock: ROSClock) -> None:
        """From now on the clock follows; ValueError for one of another type."""
        if not isinstance(clock, ROSClock):
            raise ValueError("Only clocks with type ROS_TIME can be attached.")
        clock.set_ros_time_override(self._last_time_set)
        clock._set_ros_time_is_active(self._active)
        self._associated_clocks.append(clock)

    def clock_callback(self, msg: Any) -> None:
        """Sets the clocks."""
        self._last_time_set = Time.from_msg(msg.clock)
        for clock in self._associated_clocks:
            clock.set_ros_time_override(self._last_time_set)
