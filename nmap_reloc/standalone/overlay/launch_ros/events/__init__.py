"""Events of nodes."""

from launch_ros.events import lifecycle, matchers

__all__ = ["lifecycle", "matchers"]
