"""The life cycle of a managed node: its states, its transitions, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from lifecycle_msgs.msg import State, Transition


class LifecycleState(NamedTuple):
    """A state by name and number (lifecycle_msgs/msg/State)."""

    label: str
    state_id: int


class TransitionCallbackReturn(Enum):
    """What an on_... callback answers."""

    SUCCESS = Transition.TRANSITION_CALLBACK_SUCCESS
    FAILURE = Transition.TRANSITION_CALLBACK_FAILURE
    ERROR = Transition.TRANSITION_CALLBACK_ERROR

    def to_label(self) -> str:
        """The label of the transition that leaves a transition state with this answer."""
        return f"transition_{self.name.lower()}"


class LifecycleTransition(NamedTuple):
    """A transition (lifecycle_msgs/msg/Transition) between two states."""

    transition_id: int
    label: str
    start: LifecycleState
    goal: LifecycleState


UNKNOWN = LifecycleState("unknown", State.PRIMARY_STATE_UNKNOWN)
UNCONFIGURED = LifecycleState("unconfigured", State.PRIMARY_STATE_UNCONFIGURED)
INACTIVE = LifecycleState("inactive", State.PRIMARY_STATE_INACTIVE)
ACTIVE = LifecycleState("active", State.PRIMARY_STATE_ACTIVE)
FINALIZED = LifecycleState("finalized", State.PRIMARY_STATE_FINALIZED)
CONFIGURING = LifecycleState("configuring", State.TRANSITION_STATE_CONFIGURING)
CLEANINGUP = LifecycleState("cleaningup", State.TRANSITION_STATE_CLEANINGUP)
SHUTTINGDOWN = LifecycleState("shuttingdown", State.TRANSITION_STATE_SHUTTINGDOWN)
ACTIVATING = LifecycleState("activating", State.TRANSITION_STATE_ACTIVATING)
DEACTIVATING = LifecycleState("deactivating", State.TRANSITION_STATE_DEACTIVATING)
ERRORPROCESSING = LifecycleState("errorprocessing", State.TRANSITION_STATE_ERRORPROCESSING)

STATES = (UNKNOWN, UNCONFIGURED, INACTIVE, ACTIVE, FINALIZED, CONFIGURING, CLEANINGUP,
          SHUTTINGDOWN, ACTIVATING, DEACTIVATING, ERRORPROCESSING)


def _outcomes(name: str, state: LifecycleState, success: LifecycleState, failure: LifecycleState,
              error: LifecycleState) -> tuple[LifecycleTransition, ...]:
    """The three ways out of a transition state."""
    goals = (("success", success), ("failure", failure), ("error", error))
    return tuple(
        LifecycleTransition(getattr(Transition, f"TRANSITION_ON_{name}_{answer.upper()}"),
                            f"transition_{answer}", state, goal) for answer, goal in goals)


TRANSITIONS = (
    LifecycleTransition(Transition.TRANSITION_CONFIGURE, "configure", UNCONFIGURED, CONFIGURING),
    *_outcomes("CONFIGURE", CONFIGURING, INACTIVE, UNCONFIGURED, ERRORPROCESSING),
    LifecycleTransition(Transition.TRANSITION_CLEANUP, "cleanup", INACTIVE, CLEANINGUP),
    *_outcomes("CLEANUP", CLEANINGUP, UNCONFIGURED, INACTIVE, ERRORPROCESSING),
    LifecycleTransition(Transition.TRANSITION_ACTIVATE, "activate", INACTIVE, ACTIVATING),
    *_outcomes("ACTIVATE", ACTIVATING, ACTIVE, INACTIVE, ERRORPROCESSING),
    LifecycleTransition(Transition.TRANSITION_DEACTIVATE, "deactivate", ACTIVE, DEACTIVATING),
    *_outcomes("DEACTIVATE", DEACTIVATING, INACTIVE, ACTIVE, ERRORPROCESSING),
    LifecycleTransition(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN, "shutdown", UNCONFIGURED,
                        SHUTTINGDOWN),
    LifecycleTransition(Transition.TRANSITION_INACTIVE_SHUTDOWN, "shutdown", INACTIVE,
                        SHUTTINGDOWN),
    LifecycleTransition(Transition.TRANSITION_ACTIVE_SHUTDOWN, "shutdown", ACTIVE, SHUTTINGDOWN),
    *_outcomes("SHUTDOWN", SHUTTINGDOWN, FINALIZED, FINALIZED, ERRORPROCESSING),
    *_outcomes("ERROR", ERRORPROCESSING, UNCONFIGURED, FINALIZED, FINALIZED),
)


class StateMachine:
    """Where a node stands, and the way it may go from there.

    announce: is told of every transition that was taken.
    """

    def __init__(self, announce: Callable[[LifecycleTransition], None]) -> None:
        self.state = UNCONFIGURED
        self._announce = announce

    def available(self) -> list[LifecycleTransition]:
        """The transitions that leave the present state."""
        return [transition for transition in TRANSITIONS if transition.start == self.state]

    def find(self, key: int | str) -> LifecycleTransition | None:
        """The transition from the present state with this number or label; None: there is none."""
        return next((transition for transition in self.available()
                     if key in (transition.transition_id, transition.label)), None)

    def leave(self, label: str) -> None:
        """Takes the way out of a transition state that has this label."""
        way = self.find(label)
        assert way is not None, f"{self.state.label} has no {label}"
        self.take(way)

    def take(self, transition: LifecycleTransition) -> None:
        """Moves on to the transition's goal."""
        self.state = transition.goal
        self._announce(transition)
