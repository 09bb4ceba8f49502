"""What the things that an executor waits for share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from rclpy._rclpy_pybind11 import InvalidHandle
from rclpy.logging import get_logger

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.messages import deserialize

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.executors import Executor


BAD_NEWS_PERIOD = 1.0  # s between two complaints of bad messages
_logger = get_logger("rmw_cyclonedds_cpp")


def decode(cdr: bytes, kind: type[Any], what: str) -> Any:
    """A message, or None for bytes that are none: one bad sender must not end the node."""
    try:
        return deserialize(cdr, kind)
    except NmapError as error:
        _logger.error(f"dropped {what}: {error}", throttle_duration_sec=BAD_NEWS_PERIOD)
        return None


def nobody() -> None:
    """Wakes nobody: of what belongs to no node."""


class Work(NamedTuple):
    """A callback that may run now."""

    callback: Callable[..., Any]  # a function or a coroutine function
    arguments: tuple[Any, ...]
    finish: Callable[[Any], None] | None = None  # takes the callback's result


class Entity:
    """A subscription, timer, service, client or guard condition."""

    callback_group: CallbackGroup | None

    def __init__(self, callback_group: CallbackGroup | None) -> None:
        self.callback_group = callback_group
        self._wake: Callable[[], None] = nobody  # the node sets what wakes its executor
        self._lock = threading.RLock()  # of taking against destroying
        self._destroyed = False

    def _is_ready(self) -> bool:
        """Says whether _take may give work; cheap, without a lock."""
        raise NotImplementedError

    def _take(self, executor: Executor) -> Work | None:
        """The next piece of work; None where there is none after all."""
        raise NotImplementedError

    def _check(self) -> None:
        if self._destroyed:
            raise InvalidHandle("cannot use Destroyable because destruction was requested")

    def destroy(self) -> None:
        """The end; nodes call it."""
        with self._lock:
            if not self._destroyed:
                self._destroyed = True
                self._close()

    def _close(self) -> None:
        """Frees what the entity holds in DDS."""
