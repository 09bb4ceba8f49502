"""rclpy.expand_topic_name."""

from __future__ import annotations

from rclpy import _names


def expand_topic_name(topic_name: str, node_name: str, node_namespace: str) -> str:
    """A name as a node writes it -> the fully qualified one; ValueError where it is invalid."""
    return _names.expand(topic_name, node_name, node_namespace)
