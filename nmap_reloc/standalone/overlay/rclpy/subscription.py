"""rclpy.subscription: messages of a topic for a callback."""

from __future__ import annotations

import inspect
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from rclpy._entity import Entity, Work, decode

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.executors import Executor
    from rclpy.qos import QoSProfile

    from nmap_reloc.standalone.dds import Reader, Sample


class Subscription(Entity):
    """A subscription; create it by Node.create_subscription."""

    class CallbackType(Enum):
        """What the callback takes."""

        MessageOnly = 0
        WithMessageInfo = 1

    def __init__(self, open_reader: Callable[[Callable[[], None]], Reader], msg_type: type[Any],
                 topic: str, callback: Callable[..., Any], callback_group: CallbackGroup,
                 qos_profile: QoSProfile, raw: bool, keep: int) -> None:
        """open_reader(on_data) opens the DDS reader; keep: samples that wait at most (0: all)."""
        super().__init__(callback_group)
        self.msg_type = msg_type
        self.topic = topic
        self.callback = callback
        self.qos_profile = qos_profile
        self.raw = raw
        self._arrived = False  # since the reader was emptied the last time
        self._waiting: deque[Sample] = deque(maxlen=keep or None)
        self._reader = open_reader(self._on_data)

    @property
    def callback(self) -> Callable[..., Any]:
        """Takes the message, or the message and its info; raw: its bytes."""
        return self._callback

    @callback.setter
    def callback(self, value: Callable[..., Any]) -> None:
        self._callback_type = _callback_type(value)
        self._callback = value

    @property
    def topic_name(self) -> str:
        """The full name."""
        self._check()
        return self.topic

    def get_publisher_count(self) -> int:
        """How many publishers this subscription receives from."""
        self._check()
        return self._reader.matched()

    def _on_data(self) -> None:
        """Called by DDS, in its own thread."""
        self._arrived = True
        self._wake()

    def _is_ready(self) -> bool:
        return self._arrived or bool(self._waiting)

    def _next_sample(self) -> Sample | None:
        """The oldest sample that still waits; the newest ones push out what is beyond depth."""
        with self._lock:
            if self._destroyed:
                return None
            if self._arrived:
                self._arrived = False
                self._waiting.extend(self._reader.take())
            return self._waiting.popleft() if self._waiting else None

    def _take(self, executor: Executor) -> Work | None:
        sample = self._next_sample()
        if sample is None:
            return None
        message = self._message(sample)
        if message is None:
            return None
        if self._callback_type is Subscription.CallbackType.MessageOnly:
            return Work(self._callback, (message,))
        info = {"source_timestamp": sample.source_timestamp, "received_timestamp": time.time_ns()}
        return Work(self._callback, (message, info))

    def _message(self, sample: Sample) -> Any:
        """What the callback gets; None for bytes that are no message."""
        return sample.cdr if self.raw else decode(
            sample.cdr, self.msg_type, f"a message on {self.topic}")

    def _close(self) -> None:
        self._waiting.clear()
        self._reader.close()


def _callback_type(callback: Callable[..., Any]) -> Subscription.CallbackType:
    """RuntimeError where the callback takes neither one argument nor two."""
    signature = inspect.signature(callback)
    for kind in Subscription.CallbackType:
        try:
            signature.bind(*[object()] * (kind.value + 1))
        except TypeError:  # another number of arguments
            continue
        return kind
    raise RuntimeError(
        "Subscription.__init__(): callback should be either be callable with one argument"
        "(to get only the message) or two (to get message and message info)")
