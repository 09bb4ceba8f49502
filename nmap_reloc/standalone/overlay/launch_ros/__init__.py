"""The part of ROS 2's ``launch_ros`` that launch files in Python use."""

from launch_ros import (
    actions,
    descriptions,
    event_handlers,
    events,
    substitutions,
)

__all__ = ["actions", "descriptions", "event_handlers", "events", "substitutions"]
