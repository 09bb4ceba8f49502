"""rclpy.logging: loggers by name and their levels."""

from __future__ import annotations

from rclpy import _log_levels
from rclpy.impl.logging_severity import LoggingSeverity
from rclpy.impl.rcutils_logger import RcutilsLogger

__all__ = ["LoggingSeverity", "RcutilsLogger", "get_logger", "get_logger_effective_level",
           "get_logger_level", "get_logging_severity_from_string", "set_logger_level"]

_root = RcutilsLogger()


def get_logger(name: str) -> RcutilsLogger:
    """A logger; ValueError for an empty name."""
    if not name:
        raise ValueError("Logger name must not be empty.")
    return _root.get_child(name)


def set_logger_level(name: str, level: int | LoggingSeverity,
                     detailed_error: bool = False) -> None:
    """detailed_error is of the real one's C library; there is no such error here."""
    _log_levels.set_level(name, LoggingSeverity(level))


def get_logger_effective_level(name: str) -> LoggingSeverity:
    """The logger's level, or the first one up the tree."""
    return _log_levels.effective(name)


def get_logger_level(name: str) -> LoggingSeverity:
    """The logger's own level, UNSET without one."""
    return _log_levels.get_level(name)


def get_logging_severity_from_string(log_severity: str) -> LoggingSeverity:
    """A level by its name; RuntimeError for an unknown one."""
    try:
        return LoggingSeverity[log_severity.upper()]
    except KeyError:
        raise RuntimeError(f"Failed to get severity from string {log_severity!r}") from None
