"""How others watch and drive a managed node: five services and one topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lifecycle_msgs.msg import State, Transition, TransitionDescription, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState
from rclpy.lifecycle._state_machine import (
    STATES,
    TRANSITIONS,
    LifecycleState,
    LifecycleTransition,
    StateMachine,
)
from rclpy.node import Node

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup


class CommunicationInterface:
    """change_state: takes a transition by its number, says whether the node's callback agreed."""

    def __init__(self, node: Node, machine: StateMachine, change_state: Callable[[int], bool],
                 callback_group: CallbackGroup | None) -> None:
        self._machine = machine
        self._change_state = change_state
        # Not node.create_...: a derived class may have its own.
        self._events = Node.create_publisher(node, TransitionEvent, "~/transition_event", 10)
        self._services = [
            Node.create_service(node, kind, f"~/{name}", answer, callback_group=callback_group)
            for kind, name, answer in (
                (ChangeState, "change_state", self._on_change_state),
                (GetState, "get_state", self._on_get_state),
                (GetAvailableStates, "get_available_states", self._on_get_available_states),
                (GetAvailableTransitions, "get_available_transitions", self._on_get_available),
                (GetAvailableTransitions, "get_transition_graph", self._on_get_graph))]

    def announce(self, transition: LifecycleTransition) -> None:
        """Publishes a transition that was taken."""
        self._events.publish(TransitionEvent(
            timestamp=time.time_ns(),
            transition=Transition(id=transition.transition_id, label=transition.label),
            start_state=_state(transition.start), goal_state=_state(transition.goal)))

    def _on_change_state(self, request: ChangeState.Request,
                         response: ChangeState.Response) -> ChangeState.Response:
        number = request.transition.id
        if request.transition.label:  # the label counts where both are given
            transition = self._machine.find(request.transition.label)
            if transition is None:
                response.success = False
                return response
            number = transition.transition_id
        response.success = self._change_state(number)
        return response

    def _on_get_state(self, request: GetState.Request,
                      response: GetState.Response) -> GetState.Response:
        response.current_state = _state(self._machine.state)
        return response

    def _on_get_available_states(self, request: GetAvailableStates.Request,
                                 response: GetAvailableStates.Response
                                 ) -> GetAvailableStates.Response:
        response.available_states = [_state(state) for state in STATES]
        return response

    def _on_get_available(self, request: GetAvailableTransitions.Request,
                          response: GetAvailableTransitions.Response
                          ) -> GetAvailableTransitions.Response:
        response.available_transitions = _descriptions(self._machine.available())
        return response

    def _on_get_graph(self, request: GetAvailableTransitions.Request,
                      response: GetAvailableTransitions.Response
                      ) -> GetAvailableTransitions.Response:
        response.available_transitions = _descriptions(TRANSITIONS)
        return response


def _state(state: LifecycleState) -> State:
    return State(id=state.state_id, label=state.label)


def _descriptions(transitions: Sequence[LifecycleTransition]) -> list[TransitionDescription]:
    return [TransitionDescription(
        transition=Transition(id=transition.transition_id, label=transition.label),
        start_state=_state(transition.start), goal_state=_state(transition.goal))
        for transition in transitions]
