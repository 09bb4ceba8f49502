"""Event handlers for the usual events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.event import Event
from launch.event_handler import BaseEventHandler, OnActionEventBase, as_list
from launch.events import ExecutionComplete, IncludeLaunchDescription, Shutdown
from launch.events.process import ProcessExited, ProcessIO, ProcessStarted

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext
    from launch.launch_description_entity import LaunchDescriptionEntity
    from launch.some_entities_type import SomeEntitiesType

__all__ = ["OnExecutionComplete", "OnIncludeLaunchDescription", "OnProcessExit", "OnProcessIO",
           "OnProcessStart", "OnShutdown"]


class OnProcessExit(OnActionEventBase):
    """A process has ended. on_exit: entities, or a function of (event, context) -> entities."""

    def __init__(self, *, target_action: Any = None, on_exit: Any, **kwargs: Any) -> None:
        super().__init__(action_matcher=target_action, on_event=on_exit,
                         target_event_cls=ProcessExited, target_action_cls=Action, **kwargs)


class OnProcessStart(OnActionEventBase):
    """A process has been started."""

    def __init__(self, *, target_action: Any = None, on_start: Any, **kwargs: Any) -> None:
        super().__init__(action_matcher=target_action, on_event=on_start,
                         target_event_cls=ProcessStarted, target_action_cls=Action, **kwargs)


class OnExecutionComplete(OnActionEventBase):
    """An action has been executed and what it waits for is done."""

    def __init__(self, *, target_action: Any = None, on_completion: Any, **kwargs: Any) -> None:
        super().__init__(action_matcher=target_action, on_event=on_completion,
                         target_event_cls=ExecutionComplete, target_action_cls=Action, **kwargs)


class OnProcessIO(OnActionEventBase):
    """A process wrote: on_stdout and on_stderr are functions of the event -> entities."""

    def __init__(self, *, target_action: Any = None,
                 on_stdout: Callable[[ProcessIO], Any] | None = None,
                 on_stderr: Callable[[ProcessIO], Any] | None = None, **kwargs: Any) -> None:
        def written(event: ProcessIO, context: LaunchContext) -> Any:
            handler = on_stdout if event.from_stdout else on_stderr
            return None if handler is None else handler(event)

        super().__init__(action_matcher=target_action, on_event=written,
                         target_event_cls=ProcessIO, target_action_cls=Action, **kwargs)


class OnShutdown(BaseEventHandler):
    """The launched system ends."""

    def __init__(self, *, on_shutdown: Any, **kwargs: Any) -> None:
        super().__init__(matcher=lambda event: isinstance(event, Shutdown), **kwargs)
        self.__on_shutdown = on_shutdown

    def describe(self) -> tuple[str, list[LaunchDescriptionEntity]]:
        known = [] if callable(self.__on_shutdown) else as_list(self.__on_shutdown)
        return super().describe()[0], known

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        if callable(self.__on_shutdown):
            return self.__on_shutdown(event, context)
        return self.__on_shutdown


class OnIncludeLaunchDescription(BaseEventHandler):
    """Visits the launch description."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(matcher=lambda event: isinstance(event, IncludeLaunchDescription),
                         **kwargs)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        return event.launch_description  # type: ignore[attr-defined]
