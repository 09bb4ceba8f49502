"""rclpy.impl.rcutils_logger: a logger that can filter by the place of the call."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from rclpy import _console, _log_levels, _rosout
from rclpy.clock import Clock
from rclpy.impl.logging_severity import LoggingSeverity

FILTERS = ("throttle_duration_sec", "throttle_time_source_type", "skip_first", "once")
Caller = tuple[str, str, int, int]  # function, file, line, index of the instruction


@dataclass
class _Place:
    """What a logger remembers of a place in the code that calls it."""

    name: str
    severity: LoggingSeverity
    filters: dict[str, Any]
    clock: Clock = field(default_factory=Clock)
    next_time: float = 0.0  # ns of the clock
    called: bool = False
    logged: bool = False

    def passes(self) -> bool:
        """Says whether the filters let this call through; counts it."""
        if self.filters.get("throttle_duration_sec"):
            now = self.clock.now().nanoseconds
            if now < self.next_time:
                return False
            self.next_time = now + self.filters["throttle_duration_sec"] * 1e9
        first, self.called = not self.called, True
        if self.filters.get("skip_first") and first:
            return False
        earlier, self.logged = self.logged, True
        return not (self.filters.get("once") and earlier)


class RcutilsLogger:
    """A logger with a name; children and nodes' namespaces are separated by dots."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._places: dict[Caller, _Place] = {}

    def get_child(self, name: str) -> RcutilsLogger:
        """The logger ``<this>.<name>``; ValueError for an empty name."""
        if not name:
            raise ValueError("Child logger name must not be empty.")
        return RcutilsLogger(f"{self.name}.{name}" if self.name else name)

    def set_level(self, level: LoggingSeverity | int) -> None:
        """Messages below the level are dropped."""
        _log_levels.set_level(self.name, LoggingSeverity(level))

    def get_effective_level(self) -> LoggingSeverity:
        """The logger's level, or the first one up the tree."""
        return _log_levels.effective(self.name)

    def is_enabled_for(self, severity: LoggingSeverity | int) -> bool:
        """Says whether messages of this severity are logged."""
        return severity >= _log_levels.effective(self.name)

    def log(self, message: str, severity: LoggingSeverity | int, **kwargs: Any) -> bool:
        """Logs unless the level or a filter forbids; says whether it did.

        throttle_duration_sec, throttle_time_source_type (a Clock), skip_first and once filter by
        the place of the call; what they and severity are may not change between calls from one
        place (ValueError). TypeError for unknown options, and a message that is no text.
        """
        if not self.is_enabled_for(severity):
            return False
        name = kwargs.pop("name", self.name)
        for option in kwargs:
            if option not in FILTERS:
                raise TypeError(f'parameter "{option}" is not one of the recognized logging '
                                f'options "{list(FILTERS)}"')
        caller = _caller()
        place = self._place(caller, name, LoggingSeverity(severity), kwargs)
        if kwargs and not place.passes():
            return False
        if not isinstance(message, str):
            raise TypeError(f"a log message is a str, not {type(message).__name__}")
        record = _console.Record(place.severity, name, message, time.time_ns(), caller[0],
                                 caller[1], caller[2])
        _console.write(record)
        _rosout.publish(record)
        return True

    def _place(self, caller: Caller, name: str, severity: LoggingSeverity,
               filters: dict[str, Any]) -> _Place:
        place = self._places.get(caller)
        if place is None:
            clock = filters.get("throttle_time_source_type") or Clock()
            if not isinstance(clock, Clock):
                raise ValueError(f'Received throttle_time_source_type of "{clock}" is not a '
                                 "clock instance")
            place = self._places[caller] = _Place(name, severity, dict(filters), clock)
        if severity != place.severity:
            raise ValueError("Logger severity cannot be changed between calls.")
        if name != place.name:
            raise ValueError("Logger name cannot be changed between calls.")
        if filters != place.filters:
            raise ValueError("Logging filter parameters cannot be changed between calls.")
        return place

    def debug(self, message: str, **kwargs: Any) -> bool:
        """See log."""
        return self.log(message, LoggingSeverity.DEBUG, **kwargs)

    def info(self, message: str, **kwargs: Any) -> bool:
        """See log."""
        return self.log(message, LoggingSeverity.INFO, **kwargs)

    def warning(self, message: str, **kwargs: Any) -> bool:
        """See log."""
        return self.log(message, LoggingSeverity.WARN, **kwargs)

    def warn(self, message: str, **kwargs: Any) -> bool:
        """The old name of warning."""
        return self.log(message, LoggingSeverity.WARN, **kwargs)

    def error(self, message: str, **kwargs: Any) -> bool:
        """See log."""
        return self.log(message, LoggingSeverity.ERROR, **kwargs)

    def fatal(self, message: str, **kwargs: Any) -> bool:
        """See log."""
        return self.log(message, LoggingSeverity.FATAL, **kwargs)


def _caller() -> Caller:
    """The first frame outside of this file."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__ and frame.f_back is not None:
        frame = frame.f_back
    assert frame is not None
    return frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno, frame.f_lasti
