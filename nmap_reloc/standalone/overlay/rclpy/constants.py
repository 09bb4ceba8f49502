"""rclpy.constants."""

from __future__ import annotations

S_TO_NS = 1000 * 1000 * 1000
