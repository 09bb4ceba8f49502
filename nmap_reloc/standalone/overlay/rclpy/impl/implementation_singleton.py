"""rclpy.impl.implementation_singleton."""

from __future__ import annotations

from rclpy import _rclpy_pybind11 as rclpy_implementation

__all__ = ["rclpy_implementation"]
