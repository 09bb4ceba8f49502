"""The levels of loggers: names form a tree by dots, a logger without a level has its parent's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rclpy.impl.logging_severity import LoggingSeverity

if TYPE_CHECKING:
    from rclpy._arguments import Arguments

_levels: dict[str, LoggingSeverity] = {"": LoggingSeverity.INFO}
_effective: dict[str, LoggingSeverity] = {}  # what effective() found; emptied by each change
stdout_enabled = True  # of the console, whichever stream that is


def configure(arguments: Arguments) -> None:
    """Takes over --log-level and --disable-stdout-logs."""
    global stdout_enabled
    stdout_enabled = arguments.stdout
    for logger, level in arguments.log_levels:
        set_level(logger, LoggingSeverity[level])


def set_level(name: str, level: LoggingSeverity) -> None:
    """UNSET: the parent's counts again; of the root logger: INFO."""
    _levels[name] = level
    _effective.clear()


def get_level(name: str) -> LoggingSeverity:
    """The logger's own level."""
    return _levels.get(name, LoggingSeverity.UNSET)


def effective(name: str) -> LoggingSeverity:
    """The level that counts."""
    level = _effective.get(name)
    if level is None:
        level = _effective[name] = _find(name)
    return level


def _find(name: str) -> LoggingSeverity:
    while True:
        level = get_level(name)
        if level is not LoggingSeverity.UNSET:
            return level
        if not name:
            return LoggingSeverity.INFO
        name = name.rpartition(".")[0]
