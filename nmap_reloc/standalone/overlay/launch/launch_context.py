"""The state that entities share while a description is launched."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from launch.event import Event
    from launch.event_handler import BaseEventHandler
    from launch.substitution import Substitution


class _Locals:
    """Read-only attributes."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__["_values"] = values

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(
                f"context.locals does not contain attribute '{name}', it contains: "
                f"[{', '.join(self.__dict__['_values'])}]") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"can't set attribute '{name}', locals are read-only")


class LaunchContext:
    """Launch configurations, environment, event handlers and queued events.

    All but the launch service's own thread must go through LaunchService.emit_event or
    asyncio_loop.call_soon_threadsafe.
    """

    def __init__(self, *, argv: Iterable[str] | None = None, noninteractive: bool = False) -> None:
        self.argv = list(argv or [])
        self.noninteractive = noninteractive
        self.asyncio_loop: asyncio.AbstractEventLoop | None = None
        self.is_shutdown = False
        self.launch_configurations: dict[str, str] = {}
        self._configurations_stack: list[dict[str, str]] = []
        self._environment_stack: list[dict[str, str]] = []
        self._environment_at_start = dict(os.environ)
        self._globals: dict[str, Any] = {}
        self._locals: dict[str, Any] = {}
        self._locals_stack: list[dict[str, Any]] = []
        self._event_handlers: deque[BaseEventHandler] = deque()
        self._event_queue: deque[Event] = deque()
        self._wake = asyncio.Event()  # something happened that the service should look at
        self._completion_futures: list[asyncio.Future[Any]] = []

    def add_completion_future(self, completion_future: asyncio.Future[Any]) -> None:
        """The service is not idle before it is done."""
        self._completion_futures.append(completion_future)
        completion_future.add_done_callback(lambda _: self._wake.set())

    @property
    def locals(self) -> _Locals:
        return _Locals(self.get_locals_as_dict())

    def get_locals_as_dict(self) -> dict[str, Any]:
        return {**self._globals, **self._locals}

    def extend_globals(self, extensions: dict[str, Any]) -> None:
        self._globals.update(extensions)

    def extend_locals(self, extensions: dict[str, Any]) -> None:
        """Until the handling of the present event ends."""
        self._locals.update(extensions)

    def _push_locals(self) -> None:
        self._locals_stack.append(dict(self._locals))

    def _pop_locals(self) -> None:
        self._locals = self._locals_stack.pop()

    @property
    def environment(self) -> MutableMapping[str, str]:
        return os.environ

    def _push_environment(self) -> None:
        self._environment_stack.append(dict(os.environ))

    def _pop_environment(self) -> None:
        self._replace_environment(self._environment_stack.pop())

    def _reset_environment(self) -> None:
        self._replace_environment(self._environment_at_start)

    @staticmethod
    def _replace_environment(values: dict[str, str]) -> None:
        os.environ.clear()
        os.environ.update(values)

    def _push_launch_configurations(self) -> None:
        self._configurations_stack.append(dict(self.launch_configurations))

    def _pop_launch_configurations(self) -> None:
        self.launch_configurations = self._configurations_stack.pop()

    def would_handle_event(self, event: Event) -> bool:
        return any(handler.matches(event) for handler in self._event_handlers)

    def register_event_handler(self, event_handler: BaseEventHandler, append: bool = False
                               ) -> None:
        """Before those that are there already, unless append."""
        if append:
            self._event_handlers.append(event_handler)
        else:
            self._event_handlers.appendleft(event_handler)

    def unregister_event_handler(self, event_handler: BaseEventHandler) -> None:
        self._event_handlers.remove(event_handler)

    def emit_event_sync(self, event: Event) -> None:
        """Queue it; handlers run in the order of events. Only from the service's own thread."""
        self._event_queue.append(event)
        self._wake.set()

    async def emit_event(self, event: Event) -> None:
        self.emit_event_sync(event)

    def perform_substitution(self, substitution: Substitution) -> str:
        return substitution.perform(self)
