"""Events of processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any

from launch.event import Event


class RunningProcessEvent(Event):
    """Something that a process did."""

    name = "launch.events.process.RunningProcessEvent"

    def __init__(self, *, action: Any, name: str, cmd: list[str], cwd: str | None,
                 env: Mapping[str, str] | None, pid: int) -> None:
        self.action = self.execute_process_action = action
        self.process_name = name
        self.cmd = cmd
        self.cwd = cwd
        self.env = env
        self.pid = pid


class ProcessStarted(RunningProcessEvent):
    name = "launch.events.process.ProcessStarted"


class ProcessExited(RunningProcessEvent):
    """returncode: -N where signal N ended it."""

    name = "launch.events.process.ProcessExited"

    def __init__(self, *, returncode: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.returncode = returncode


class ProcessIO(RunningProcessEvent):
    """Bytes that a process wrote."""

    name = "launch.events.process.ProcessIO"
    from_stdout = from_stderr = from_stdin = False

    def __init__(self, *, text: bytes, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text


class ProcessStdout(ProcessIO):
    name = "launch.events.process.ProcessStdout"
    from_stdout = True


class ProcessStderr(ProcessIO):
    name = "launch.events.process.ProcessStderr"
    from_stderr = True


class ProcessTargetedEvent(Event):
    """Asks something of the processes for which a function says so."""

    name = "launch.events.process.ProcessTargetedEvent"

    def __init__(self, *, process_matcher: Callable[[Any], bool]) -> None:
        self.process_matcher = process_matcher


class ShutdownProcess(ProcessTargetedEvent):
    """SIGINT, then SIGTERM, then SIGKILL."""

    name = "launch.events.process.ShutdownProcess"


class SignalProcess(ProcessTargetedEvent):
    """Sends a signal, given as number or name."""

    name = "launch.events.process.SignalProcess"

    def __init__(self, *, signal_number: str | int | signal.Signals,
                 process_matcher: Callable[[Any], bool]) -> None:
        super().__init__(process_matcher=process_matcher)
        self.signal = (signal.Signals[signal_number] if isinstance(signal_number, str)
                       else signal.Signals(signal_number))
        self.signal_name = self.signal.name


def matches_pid(pid: int) -> Callable[[Any], bool]:
    return lambda action: (action.process_details or {}).get("pid") == pid


def matches_name(name: str) -> Callable[[Any], bool]:
    return lambda action: (action.process_details or {}).get("name") == name


def matches_executable(executable: str) -> Callable[[Any], bool]:
    return lambda action: ((action.process_details or {}).get("cmd") or [None])[0] == executable
