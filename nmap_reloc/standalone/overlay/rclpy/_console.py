"""Log lines on the console, in the format of rcutils."""

from __future__ import annotations

import os
import re
import sys
import threading
from dataclasses import dataclass

from rclpy import _log_levels
from rclpy.impl.logging_severity import LoggingSeverity

DEFAULT_FORMAT = "[{severity}] [{time}] [{name}]: {message}"
_COLOURS = {LoggingSeverity.DEBUG: "\033[32m", LoggingSeverity.INFO: "\033[0m",
            LoggingSeverity.WARN: "\033[33m", LoggingSeverity.ERROR: "\033[31m",
            LoggingSeverity.FATAL: "\033[31m"}
_RESET = "\033[0m"
_lock = threading.RLock()  # a signal's handler may log while its own thread writes


@dataclass(frozen=True)
class Record:
    """One message of a logger."""

    severity: LoggingSeverity
    name: str
    message: str
    stamp: int  # ns of system time
    function: str
    file: str
    line: int

    def text(self, template: str) -> str:
        """The template with its tokens replaced; unknown ones stay."""
        seconds, nanoseconds = divmod(self.stamp, 10**9)
        tokens = {
            "severity": self.severity.name, "name": self.name, "message": self.message,
            "function_name": self.function, "file_name": self.file,
            "short_file_name": os.path.basename(self.file), "line_number": str(self.line),
            "time": f"{seconds:010d}.{nanoseconds:09d}",
            "time_as_nanoseconds": f"{self.stamp:019d}",
        }
        return re.sub(r"\{(\w+)\}", lambda match: tokens.get(match[1], match[0]), template)


def write(record: Record) -> None:
    """To stderr, to stdout with RCUTILS_LOGGING_USE_STDOUT=1; coloured on a terminal only."""
    if not _log_levels.stdout_enabled:
        return
    stream = sys.stdout if os.environ.get("RCUTILS_LOGGING_USE_STDOUT") == "1" else sys.stderr
    line = record.text(os.environ.get("RCUTILS_CONSOLE_OUTPUT_FORMAT", DEFAULT_FORMAT))
    wish = os.environ.get("RCUTILS_COLORIZED_OUTPUT")
    try:
        if wish == "1" or (wish != "0" and stream.isatty()):
            line = f"{_COLOURS.get(record.severity, '')}{line}{_RESET}"
        with _lock:
            stream.write(line + "\n")
            stream.flush()
    except (OSError, ValueError):
        return  # nobody reads any more: a log line is no reason to end the program
