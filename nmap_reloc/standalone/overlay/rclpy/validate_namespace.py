"""rclpy.validate_namespace."""

from __future__ import annotations

from rclpy import _names
from rclpy.exceptions import InvalidNamespaceException


def validate_namespace(namespace: str) -> bool:
    """True, or InvalidNamespaceException."""
    flaw = _names.namespace_flaw(namespace)
    if flaw is None:
        return True
    raise InvalidNamespaceException(namespace, *flaw)
