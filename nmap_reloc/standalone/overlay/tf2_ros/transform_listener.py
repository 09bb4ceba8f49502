"""tf2_ros.transform_listener: fills a buffer from /tf and /tf_static."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from tf2_msgs.msg import TFMessage
from tf2_ros.buffer import Buffer

if TYPE_CHECKING:
    from rclpy.node import Node

DEFAULT_TF_TOPIC = "/tf"
DEFAULT_STATIC_TF_TOPIC = "/tf_static"


class TransformListener:
    """Listens as long as it lives. spin_thread: spins the node in a thread of its own."""

    def __init__(self, buffer: Buffer, node: Node, *, spin_thread: bool = False,
                 qos: QoSProfile | int | None = None, static_qos: QoSProfile | int | None = None,
                 tf_topic: str = DEFAULT_TF_TOPIC,
                 tf_static_topic: str = DEFAULT_STATIC_TF_TOPIC) -> None:
        if qos is None:
            qos = QoSProfile(depth=100, durability=DurabilityPolicy.VOLATILE,
                             history=HistoryPolicy.KEEP_LAST)
        if static_qos is None:
            static_qos = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL,
                                    history=HistoryPolicy.KEEP_LAST)
        self.buffer = buffer
        self.node = node
        # A callback of the node may wait for a transform while these ones run.
        self.group = ReentrantCallbackGroup()
        self.tf_sub = node.create_subscription(TFMessage, tf_topic, self.callback, qos,
                                               callback_group=self.group)
        self.tf_static_sub = node.create_subscription(
            TFMessage, tf_static_topic, self.static_callback, static_qos,
            callback_group=self.group)
        if spin_thread:
            self.executor = SingleThreadedExecutor()
            self.dedicated_listener_thread = Thread(target=self._spin)
            self.dedicated_listener_thread.start()

    def _spin(self) -> None:
        self.executor.add_node(self.node)
        self.executor.spin()
        self.executor.remove_node(self.node)

    def __del__(self) -> None:
        if hasattr(self, "dedicated_listener_thread"):
            self.executor.shutdown()
            self.dedicated_listener_thread.join()
        self.unregister()

    def unregister(self) -> None:
        """Stops listening."""
        self.node.destroy_subscription(self.tf_sub)
        self.node.destroy_subscription(self.tf_static_sub)

    def callback(self, data: TFMessage) -> None:
        """Takes what comes over time."""
        for transform in data.transforms:
            self.buffer.set_transform(transform, "default_authority")

    def static_callback(self, data: TFMessage) -> None:
        """Takes what holds at all times."""
        for transform in data.transforms:
            self.buffer.set_transform_static(transform, "default_authority")
