"""What is done when an event matches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from launch.event import Event
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.some_entities_type import SomeEntitiesType

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


def as_list(entities: SomeEntitiesType | None) -> list[LaunchDescriptionEntity]:
    """None, one or many -> many."""
    if entities is None:
        return []
    if isinstance(entities, Iterable):
        return [entity for entity in entities if entity is not None]
    return [entities]


class BaseEventHandler:
    """handle() is called, in the launch service's thread, with each event that matches."""

    def __init__(self, *, matcher: Callable[[Event], bool], handle_once: bool = False) -> None:
        self.__matcher = matcher
        self.handle_once = handle_once

    def matches(self, event: Event) -> bool:
        return self.__matcher(event)

    def describe(self) -> tuple[str, list[LaunchDescriptionEntity]]:
        return f"{type(self).__name__}(handle_once={self.handle_once})", []

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        context.extend_locals({"event": event})
        if self.handle_once:
            context.unregister_event_handler(self)
        return None


class EventHandler(BaseEventHandler):
    """Visits entities."""

    def __init__(self, *, matcher: Callable[[Event], bool],
                 entities: SomeEntitiesType | None = None, handle_once: bool = False) -> None:
        super().__init__(matcher=matcher, handle_once=handle_once)
        self.__entities = as_list(entities)

    @property
    def entities(self) -> list[LaunchDescriptionEntity]:
        return self.__entities

    def describe(self) -> tuple[str, list[LaunchDescriptionEntity]]:
        return super().describe()[0], list(self.__entities)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        return self.__entities


class OnActionEventBase(BaseEventHandler):
    """Events of a type, of one action, of those for which a function says so, or of all."""

    def __init__(self, *, action_matcher: Any, on_event: Any, target_event_cls: type[Event],
                 target_action_cls: type, **kwargs: Any) -> None:
        if not (action_matcher is None or isinstance(action_matcher, target_action_cls)
                or callable(action_matcher)):
            raise TypeError(f"action_matcher must be an '{target_action_cls.__name__}' instance "
                            "or a callable")

        def matches(event: Event) -> bool:
            if not isinstance(event, target_event_cls):
                return False
            if action_matcher is None:
                return True
            action = event.action  # type: ignore[attr-defined]
            if isinstance(action_matcher, target_action_cls):
                return action is action_matcher
            return bool(action_matcher(action))

        super().__init__(matcher=matches, **kwargs)
        self.__on_event = on_event if callable(on_event) else None
        self.__entities = [] if callable(on_event) else as_list(on_event)

    def describe(self) -> tuple[str, list[LaunchDescriptionEntity]]:
        return super().describe()[0], list(self.__entities)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        return self.__entities if self.__on_event is None else self.__on_event(event, context)


class OnEventCall(BaseEventHandler):
    """Calls a function with each event of one type."""

    def __init__(self, kind: type[Event], function: Callable[[Any, LaunchContext], None]) -> None:
        super().__init__(matcher=lambda event: isinstance(event, kind))
        self.__function = function

    def handle(self, event: Event, context: LaunchContext) -> None:
        super().handle(event, context)
        self.__function(event, context)
