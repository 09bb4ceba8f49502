"""Events of lifecycle nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from launch import Event
from launch_ros.events.matchers import matches_node_name
from lifecycle_msgs.msg import Transition, TransitionEvent

__all__ = ["ChangeState", "StateTransition", "matches_node_name"]

_TRANSITIONS = ("CREATE", "CONFIGURE", "CLEANUP", "ACTIVATE", "DEACTIVATE",
                "UNCONFIGURED_SHUTDOWN", "INACTIVE_SHUTDOWN", "ACTIVE_SHUTDOWN", "DESTROY")


class ChangeState(Event):
    """Asks lifecycle nodes to make a transition. ValueError: there is no such transition."""

    name = "launch_ros.events.lifecycle.ChangeState"
    valid_transitions: ClassVar[dict[int, str]] = {
        getattr(Transition, f"TRANSITION_{name}"): f"TRANSITION_{name}"
        for name in _TRANSITIONS}

    def __init__(self, *, lifecycle_node_matcher: Callable[[Any], bool], transition_id: int
                 ) -> None:
        if transition_id not in self.valid_transitions:
            known = ", ".join(f"{text}: {number}"
                              for number, text in self.valid_transitions.items())
            raise ValueError(f"given transition_id of '{transition_id}', expected one of "
                             f"{{{known}}}")
        self.lifecycle_node_matcher = lifecycle_node_matcher
        self.transition_id = transition_id


class StateTransition(Event):
    """A lifecycle node has made a transition."""

    name = "launch_ros.events.lifecycle.StateTransition"

    def __init__(self, *, action: Any, msg: TransitionEvent) -> None:
        self.action = action
        self.msg = msg
        self.timestamp = msg.timestamp
        self.transition = msg.transition.label
        self.start_state = msg.start_state.label
        self.goal_state = msg.goal_state.label
