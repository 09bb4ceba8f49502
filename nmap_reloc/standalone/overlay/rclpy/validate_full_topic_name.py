"""rclpy.validate_full_topic_name."""

from __future__ import annotations

from rclpy import _names
from rclpy.exceptions import InvalidServiceNameException, InvalidTopicNameException


def validate_full_topic_name(name: str, *, is_service: bool = False) -> bool:
    """The name is fully qualified. Raises Invalid(Topic|Service)NameException."""
    flaw = _names.full_topic_flaw(name)
    if flaw is None:
        return True
    raise (InvalidServiceNameException if is_service else InvalidTopicNameException)(name, *flaw)
