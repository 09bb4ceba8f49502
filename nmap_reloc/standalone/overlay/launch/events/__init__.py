"""Events of the launch system."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from launch.event import Event
from launch.events import process

if TYPE_CHECKING:
    from launch.action import Action

__all__ = ["ExecutionComplete", "IncludeLaunchDescription", "Shutdown", "TimerEvent",
           "matches_action", "process"]


def matches_action(target_action: Action) -> Callable[[Action], bool]:
    return lambda action: action is target_action


class Shutdown(Event):
    """The launched system ends. due_to_sigint: the terminal has sent SIGINT to all already."""

    name = "launch.events.Shutdown"

    def __init__(self, *, reason: str = "reason not given", due_to_sigint: bool = False) -> None:
        self.reason = reason
        self.due_to_sigint = due_to_sigint


class IncludeLaunchDescription(Event):
    """A launch description is to be visited."""

    name = "launch.events.IncludeLaunchDescription"

    def __init__(self, launch_description: Any) -> None:
        self.launch_description = launch_description


class ExecutionComplete(Event):
    """An action has been executed, and what it waits for is done."""

    name = "launch.events.ExecutionComplete"

    def __init__(self, *, action: Action) -> None:
        self.action = action


class TimerEvent(Event):
    """A timer's period has passed."""

    name = "launch.events.TimerEvent"

    def __init__(self, *, timer_action: Any) -> None:
        self.timer_action = timer_action
