"""rclpy.topic_endpoint_info: who publishes or subscribes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rclpy.qos import QoSProfile


class TopicEndpointTypeEnum(IntEnum):
    """The side of a topic."""

    INVALID = 0
    PUBLISHER = 1
    SUBSCRIPTION = 2


@dataclass
class TopicEndpointInfo:
    """One publisher or subscription of a topic."""

    node_name: str
    node_namespace: str
    topic_type: str
    topic_type_hash: str
    endpoint_type: TopicEndpointTypeEnum
    endpoint_gid: list[int]
    qos_profile: QoSProfile
