"""tf2_ros.static_transform_broadcaster: sends transforms on /tf_static."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

if TYPE_CHECKING:
    from rclpy.node import Node


class StaticTransformBroadcaster:
    """For transforms that hold at all times; who comes late still gets them."""

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        if qos is None:
            qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL,
                             history=HistoryPolicy.KEEP_LAST)
        self.pub_tf = node.create_publisher(TFMessage, "/tf_static", qos)
        self._sent: dict[str, TransformStamped] = {}

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:
        """Sends one or several, with all that were sent before: only one message is kept."""
        for one in list(transform) if isinstance(transform, Iterable) else [transform]:
            self._sent[one.child_frame_id] = one
        self.pub_tf.publish(TFMessage(transforms=list(self._sent.values())))
