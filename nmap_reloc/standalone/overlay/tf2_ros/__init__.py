"""tf2_ros: where frames lie to each other, over time."""

from __future__ import annotations

from tf2_ros._buffer_core import BufferCore
from tf2_ros._exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TimeoutException,
    TransformException,
)
from tf2_ros.buffer import Buffer
from tf2_ros.static_transform_broadcaster import StaticTransformBroadcaster
from tf2_ros.transform_broadcaster import TransformBroadcaster
from tf2_ros.transform_listener import TransformListener

__all__ = ["Buffer", "BufferCore", "ConnectivityException", "ExtrapolationException",
           "InvalidArgumentException", "LookupException", "StaticTransformBroadcaster",
           "TimeoutException", "TransformBroadcaster", "TransformException", "TransformListener"]
