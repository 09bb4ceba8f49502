"""rclpy.callback_groups: which callbacks of a node may run at the same time."""

from __future__ import annotations

import weakref
from threading import Lock
from typing import Any


class CallbackGroup:
    """What the groups share; not to be instantiated."""

    def __init__(self) -> None:
        self.entities: set[weakref.ref[Any]] = set()

    def add_entity(self, entity: Any) -> None:
        """entity: a subscription, timer, client, service or guard condition."""
        self.entities.add(weakref.ref(entity, self.entities.discard))

    def has_entity(self, entity: Any) -> bool:
        """Says whether the entity is one of the group's."""
        return weakref.ref(entity) in self.entities

    def can_execute(self, entity: Any) -> bool:
        """Says whether the entity's callback may run now."""
        raise NotImplementedError()

    def beginning_execution(self, entity: Any) -> bool:
        """Takes the permission to run a callback; where given, ending_execution must follow."""
        raise NotImplementedError()

    def ending_execution(self, entity: Any) -> None:
        """Gives the permission back."""
        raise NotImplementedError()


class ReentrantCallbackGroup(CallbackGroup):
    """Callbacks run in parallel without restriction."""

    def can_execute(self, entity: Any) -> bool:
        return True

    def beginning_execution(self, entity: Any) -> bool:
        return True

    def ending_execution(self, entity: Any) -> None:
        """Nothing was taken."""


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """One callback at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._active_entity: Any = None
        self._lock = Lock()

    def can_execute(self, entity: Any) -> bool:
        with self._lock:
            return self._active_entity is None

    def beginning_execution(self, entity: Any) -> bool:
        with self._lock:
            if self._active_entity is None:
                self._active_entity = entity
                return True
        return False

    def ending_execution(self, entity: Any) -> None:
        with self._lock:
            if self._active_entity is not entity:
                raise RuntimeError("A callback ended that its group did not let begin")
            self._active_entity = None
