"""rclpy.wait_for_message."""

from __future__ import annotations

import threading
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile


def wait_for_message(msg_type: type[Any], node: Node, topic: str, *,
                     qos_profile: QoSProfile | int = 1,
                     time_to_wait: float = -1) -> tuple[bool, Any]:
    """(True, the next message) or, after the time (negative: never) or a shutdown, (False, None).

    It takes the message itself: no executor need spin.
    """
    news = threading.Event()
    subscription = node.create_subscription(msg_type, topic, lambda _: None, qos_profile)
    # Taken out of the node, so that no executor takes the message.
    node._subscriptions.remove(subscription)
    subscription._wake = news.set
    try:
        with node.context._waking(news.set):
            while node.context.ok():
                sample = subscription._next_sample()
                message = None if sample is None else subscription._message(sample)
                if message is not None:
                    return True, message
                if not news.wait(None if time_to_wait < 0 else time_to_wait):
                    break
                news.clear()
    finally:
        subscription.destroy()
    return False, None
