"""rclpy.type_support: what is a message type, what a service type."""

from __future__ import annotations

from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.messages import type_name


def message_type_name(msg_type: type[Any]) -> str:
    """sensor_msgs/msg/Image of the class; AttributeError where it is no message type."""
    return _name(msg_type, "message")


def service_type_name(srv_type: type[Any]) -> str:
    """std_srvs/srv/Trigger of the class; AttributeError where it is no service type."""
    name = _name(srv_type, "service")
    if not hasattr(srv_type, "Request"):
        raise AttributeError(f"{srv_type!r} is a message type, where a service type is needed")
    return name


def _name(kind: Any, what: str) -> str:
    try:
        return type_name(kind)
    except NmapError:
        raise AttributeError(
            f"{kind!r} is no ROS 2 {what} type; import one from its package") from None
