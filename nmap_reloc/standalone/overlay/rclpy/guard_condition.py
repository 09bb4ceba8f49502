"""rclpy.guard_condition: a callback that any thread may ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy._entity import Entity, Work

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.context import Context
    from rclpy.executors import Executor


class GuardCondition(Entity):
    """Triggers between two runs of the callback count as one."""

    def __init__(self, callback: Callable[[], Any], callback_group: CallbackGroup | None,
                 context: Context | None = None) -> None:
        super().__init__(callback_group)
        self.callback = callback
        self._triggered = False

    def trigger(self) -> None:
        """The executor will run the callback; InvalidHandle after destroy."""
        self._check()
        self._triggered = True
        self._wake()

    def _is_ready(self) -> bool:
        return self._triggered

    def _take(self, executor: Executor) -> Work | None:
        if self._destroyed or not self._triggered:
            return None
        self._triggered = False
        return Work(self.callback, ())
