"""How ROS 2 spells topics, services and types on DDS."""

from __future__ import annotations

TOPIC, REQUEST, REPLY = "rt", "rq", "rr"


def topic_name(topic: str) -> str:
    """rt/camera/image of /camera/image."""
    return f"{TOPIC}/{topic.lstrip('/')}"


def service_names(service: str) -> tuple[str, str]:
    """DDS topics of a service's requests and replies."""
    name = service.lstrip("/")
    return f"{REQUEST}/{name}Request", f"{REPLY}/{name}Reply"


def dds_type(name: str) -> str:
    """sensor_msgs::msg::dds_::Image_ of sensor_msgs/msg/Image."""
    package, kind, short = name.split("/")
    return f"{package}::{kind}::dds_::{short}_"


def ros_type(name: str) -> str:
    """The inverse of dds_type; other names stay as they are."""
    parts = name.split("::")
    if len(parts) == 4 and parts[2] == "dds_" and parts[3].endswith("_"):
        return f"{parts[0]}/{parts[1]}/{parts[3][:-1]}"
    return name


def ros_topic(name: str) -> str | None:
    """/camera/image of rt/camera/image; None for what is no ROS topic."""
    prefix, _, rest = name.partition("/")
    return f"/{rest}" if prefix == TOPIC and rest else None


def ros_service(topic: str, type_name: str) -> tuple[str, str] | None:
    """Name and type of the service that a DDS topic belongs to; None for what is none."""
    prefix, _, rest = topic.partition("/")
    ends = {REQUEST: ("Request", "_Request"), REPLY: ("Reply", "_Response")}.get(prefix)
    kind = ros_type(type_name)
    if ends is None or not rest.endswith(ends[0]) or not kind.endswith(ends[1]):
        return None
    return f"/{rest[:-len(ends[0])]}", kind[:-len(ends[1])]
