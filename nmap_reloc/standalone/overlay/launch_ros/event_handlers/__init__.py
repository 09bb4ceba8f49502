"""What is done when a lifecycle node changes its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from launch import Event, EventHandler
from launch_ros.actions.lifecycle_node import LifecycleNode
from launch_ros.events.lifecycle import StateTransition

__all__ = ["OnStateTransition"]


class OnStateTransition(EventHandler):
    """Transitions of a node, with a label, from a state, to a state; None: any."""

    def __init__(self, *, entities: Any, target_lifecycle_node: LifecycleNode | None = None,
                 transition: str | None = None, start_state: str | None = None,
                 goal_state: str | None = None, matcher: Callable[[Event], bool] | None = None,
                 **kwargs: Any) -> None:
        if not isinstance(target_lifecycle_node, (LifecycleNode, type(None))):
            raise RuntimeError("OnStateTransition requires a 'LifecycleNode' action as the target")

        def matches(event: Event) -> bool:
            return (isinstance(event, StateTransition)
                    and target_lifecycle_node in (None, event.action)
                    and transition in (None, event.transition)
                    and start_state in (None, event.start_state)
                    and goal_state in (None, event.goal_state))

        super().__init__(matcher=matcher or matches, entities=entities, **kwargs)
