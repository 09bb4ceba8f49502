"""rclpy.publisher: sends messages to a topic."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from rclpy._rclpy_pybind11 import InvalidHandle, RCLError

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.messages import serialize

if TYPE_CHECKING:
    from rclpy.context import Context
    from rclpy.qos import QoSProfile

    from nmap_reloc.standalone.dds import Writer


class Publisher:
    """A publisher; create it by Node.create_publisher. Any thread may publish."""

    def __init__(self, writer: Writer, msg_type: type[Any], topic: str, qos_profile: QoSProfile,
                 context: Context) -> None:
        self._writer = writer
        self.msg_type = msg_type
        self.topic = topic
        self.qos_profile = qos_profile
        self._context = context
        self._lock = threading.Lock()
        self._destroyed = False

    def publish(self, msg: Any) -> None:
        """msg: of the publisher's type, or bytes of CDR.

        TypeError for another type, InvalidHandle after destroy, RCLError after the shutdown.
        """
        self._check()
        if isinstance(msg, self.msg_type):
            data = serialize(msg)
        elif isinstance(msg, bytes):
            data = msg
        else:
            raise TypeError(f"Expected {self.msg_type}, got {type(msg)}")
        if not self._context.ok():
            raise RCLError("Failed to publish: publisher's context is invalid")
        try:
            self._writer.write(data)
        except NmapError as error:
            if self._context._exiting:
                return
            self._check()  # destroyed by another thread meanwhile
            raise RCLError(f"Failed to publish: {error}") from error

    def get_subscription_count(self) -> int:
        """How many subscriptions receive what this publishes."""
        self._check()
        return self._writer.matched()

    @property
    def topic_name(self) -> str:
        """The full name."""
        self._check()
        return self.topic

    def _check(self) -> None:
        if self._destroyed:
            raise InvalidHandle("cannot use Destroyable because destruction was requested")

    def destroy(self) -> None:
        """The end; nodes call it."""
        with self._lock:
            if self._destroyed:
                return
            self._destroyed = True
        self._writer.close()
