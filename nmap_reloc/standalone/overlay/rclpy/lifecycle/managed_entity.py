"""rclpy.lifecycle.managed_entity: what follows the life cycle of its node."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from rclpy.lifecycle._state_machine import LifecycleState, TransitionCallbackReturn


class ManagedEntity:
    """Hears of the transitions of the node that it was added to."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """state, here and below: the one the node comes from."""
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        return TransitionCallbackReturn.SUCCESS


class SimpleManagedEntity(ManagedEntity):
    """Knows whether the node is active."""

    def __init__(self) -> None:
        self._enabled = False

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._enabled = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._enabled = False
        return TransitionCallbackReturn.SUCCESS

    @property
    def is_activated(self) -> bool:
        """True between activate and deactivate."""
        return self._enabled

    @staticmethod
    def when_enabled(wrapped: Callable[..., None] | None = None, *,
                     when_not_enabled: Callable[..., None] | None = None) -> Any:
        """Decorates a method that does nothing, or something else, while the node is not active.
        """
        def decorator(method: Callable[..., None]) -> Callable[..., None]:
            @wraps(method)
            def only_when_enabled(self: SimpleManagedEntity, *args: Any, **kwargs: Any) -> None:
                if self._enabled:
                    method(self, *args, **kwargs)
                elif when_not_enabled is not None:
                    when_not_enabled()
            return only_when_enabled
        return decorator if wrapped is None else decorator(wrapped)
