"""Actions that group, include, call, wait, tell and stop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.actions.configurations import (
    PopEnvironment,
    PopLaunchConfigurations,
    PushEnvironment,
    PushLaunchConfigurations,
    ResetEnvironment,
    ResetLaunchConfigurations,
    SetLaunchConfiguration,
)
from launch.event import Event
from launch.event_handler import BaseEventHandler, EventHandler
from launch.events import Shutdown as ShutdownEvent
from launch.events import TimerEvent
from launch.events.process import ProcessExited
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.logging import get_logger
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import (
    normalize_to_list_of_substitutions,
    perform_substitutions,
    perform_typed_substitution,
)

if TYPE_CHECKING:
    from launch.launch_description_source import LaunchDescriptionSource


class GroupAction(Action):
    """Other actions, by default in a scope of launch configurations and environment."""

    def __init__(self, actions: Iterable[Action], *, scoped: bool = True, forwarding: bool = True,
                 launch_configurations: Mapping[Any, SomeSubstitutionsType] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sets = dict(launch_configurations or {})
        begin: list[LaunchDescriptionEntity] = [
            SetLaunchConfiguration(name, value) for name, value in sets.items()]
        if scoped and not forwarding:
            begin = [ResetEnvironment(), ResetLaunchConfigurations(sets)]
        scope = (([PushLaunchConfigurations(), PushEnvironment()],
                  [PopEnvironment(), PopLaunchConfigurations()]) if scoped else ([], []))
        self._entities = [*scope[0], *begin, *actions, *scope[1]]

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return self._entities

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        return self._entities


class IncludeLaunchDescription(Action):
    """Another launch file, with arguments. RuntimeError: a required argument is missing."""

    def __init__(self, launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
                 *, launch_arguments: Iterable[tuple[Any, Any]] | None = None, **kwargs: Any
                 ) -> None:
        super().__init__(**kwargs)
        if isinstance(launch_description_source, (str, Path)):
            from launch.launch_description_sources import AnyLaunchDescriptionSource

            launch_description_source = AnyLaunchDescriptionSource(launch_description_source)
        self.launch_description_source: Any = launch_description_source
        self.launch_arguments = tuple(launch_arguments or ())

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        found = self.launch_description_source.try_get_launch_description_without_context()
        return [] if found is None else [found]

    def _names(self) -> list[str]:
        """Of the arguments, as far as they are known without a context."""
        names = [normalize_to_list_of_substitutions(name) for name, _ in self.launch_arguments]
        return ["".join(getattr(part, "text", "") for part in name) for name in names]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        description = self.launch_description_source.get_launch_description(context)
        path = os.path.abspath(self.launch_description_source.location)
        context.extend_locals({"current_launch_file_path": path,
                               "current_launch_file_directory": os.path.dirname(path)})
        sets = [SetLaunchConfiguration(name, value) for name, value in self.launch_arguments]
        given = [perform_substitutions(context, action.name) for action in sets]
        declared = description.get_launch_arguments_with_include_launch_description_actions()
        for argument, includes in declared:
            known = [*given, *(name for one in includes for name in one._names())]
            needed = argument.default_value is None and not argument._conditionally_included
            if needed and argument.name not in known:
                raise RuntimeError(
                    f"Included launch description missing required argument '{argument.name}' "
                    f"(description: '{argument.description}'), given: [{', '.join(known)}]")
        return [*sets, description]


class OpaqueFunction(Action):
    """Calls function(context, *args, **kwargs), which may yield entities."""

    def __init__(self, *, function: Callable[..., Any], args: Iterable[Any] | None = None,
                 kwargs: dict[str, Any] | None = None, **left_over_kwargs: Any) -> None:
        super().__init__(**left_over_kwargs)
        if not callable(function):
            raise TypeError("OpaqueFunction expected a callable for 'function', got "
                            f"'{type(function)}'")
        self._function, self._args, self._kwargs = function, list(args or ()), dict(kwargs or {})

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        return self._function(context, *self._args, **self._kwargs)


class LogInfo(Action):
    """Says something on the console."""

    def __init__(self, *, msg: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.msg = normalize_to_list_of_substitutions(msg)

    def execute(self, context: LaunchContext) -> None:
        get_logger("launch.user").info(perform_substitutions(context, self.msg))


class EmitEvent(Action):
    """Emits an event."""

    def __init__(self, *, event: Event, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(event, Event):
            raise RuntimeError(f"EmitEvent() expected an event instance, got '{event}'.")
        self.event = event

    def execute(self, context: LaunchContext) -> None:
        context.emit_event_sync(self.event)


class Shutdown(EmitEvent):
    """Ends the launched system; on_exit=Shutdown() makes a process a required one."""

    def __init__(self, *, reason: str = "reason not given", **kwargs: Any) -> None:
        super().__init__(event=ShutdownEvent(reason=reason), **kwargs)

    def execute(self, context: LaunchContext) -> None:
        event = context.get_locals_as_dict().get("event")
        if isinstance(event, ProcessExited):
            get_logger("launch").info(
                f"process[{event.process_name}] was required: shutting down launched system")
        super().execute(context)


class RegisterEventHandler(Action):
    """From now on, an event handler."""

    def __init__(self, event_handler: BaseEventHandler, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event_handler = event_handler

    def describe_conditional_sub_entities(
            self) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        text, entities = self.event_handler.describe()
        return [(text, entities)] if entities else []

    def execute(self, context: LaunchContext) -> None:
        context.register_event_handler(self.event_handler)


class UnregisterEventHandler(RegisterEventHandler):
    """From now on, an event handler less."""

    def execute(self, context: LaunchContext) -> None:
        context.unregister_event_handler(self.event_handler)


class TimerAction(Action):
    """Other actions, some seconds later, once; not when the system ends before."""

    def __init__(self, *, period: float | SomeSubstitutionsType,
                 actions: Iterable[LaunchDescriptionEntity],
                 cancel_on_shutdown: bool | SomeSubstitutionsType = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.period = period
        self.actions = list(actions)
        self._cancel_on_shutdown = cancel_on_shutdown
        self._canceled = False
        self._stop: asyncio.Event | None = None
        self._task: asyncio.Future[None] | None = None
        self._locals: dict[str, Any] = {}

    def describe_conditional_sub_entities(
            self) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        return [(f"{self.period} seconds pass without being canceled", self.actions)]

    def cancel(self) -> None:
        self._canceled = True
        if self._stop is not None:
            self._stop.set()

    def execute(self, context: LaunchContext) -> None:
        if self._canceled or context.asyncio_loop is None:
            return
        seconds = perform_typed_substitution(context, self.period, float)
        self._locals = context.get_locals_as_dict()
        self._stop = asyncio.Event()
        context.register_event_handler(EventHandler(
            matcher=lambda event: isinstance(event, TimerEvent) and event.timer_action is self,
            entities=OpaqueFunction(function=self._fire), handle_once=True))
        if perform_typed_substitution(context, self._cancel_on_shutdown, bool):
            context.register_event_handler(EventHandler(
                matcher=lambda event: isinstance(event, ShutdownEvent),
                entities=OpaqueFunction(function=lambda _: self.cancel())))
        self._task = context.asyncio_loop.create_task(self._wait(context, seconds))

    async def _wait(self, context: LaunchContext, seconds: float) -> None:
        assert self._stop is not None
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except asyncio.TimeoutError:
            await context.emit_event(TimerEvent(timer_action=self))

    def _fire(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        context.extend_locals({key: value for key, value in self._locals.items()
                               if key != "event"})
        return self.actions

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        return self._task
