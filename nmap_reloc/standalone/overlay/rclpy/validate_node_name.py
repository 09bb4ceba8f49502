"""rclpy.validate_node_name."""

from __future__ import annotations

from rclpy import _names
from rclpy.exceptions import InvalidNodeNameException


def validate_node_name(node_name: str) -> bool:
    """True, or InvalidNodeNameException."""
    flaw = _names.node_name_flaw(node_name)
    if flaw is None:
        return True
    raise InvalidNodeNameException(node_name, *flaw)
