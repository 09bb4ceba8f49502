"""cv_bridge: between image messages and OpenCV's arrays."""

from __future__ import annotations

from cv_bridge.core import CvBridge, CvBridgeError

__all__ = ["CvBridge", "CvBridgeError"]
