"""A diagnostic status that is easy to fill."""

from __future__ import annotations

from typing import overload

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue


class DiagnosticStatusWrapper(DiagnosticStatus):
    """A DiagnosticStatus; levels are bytes of length one, as its constants."""

    @overload
    def summary(self, status: DiagnosticStatus, /) -> None: ...

    @overload
    def summary(self, level: bytes, message: str, /) -> None: ...

    def summary(self, *args: object) -> None:
        """Sets level and message: those given, or those of another status."""
        self.level, self.message = _summary(args)

    def clearSummary(self) -> None:
        """OK, without words."""
        self.summary(DiagnosticStatus.OK, "")

    @overload
    def mergeSummary(self, status: DiagnosticStatus, /) -> None: ...

    @overload
    def mergeSummary(self, level: bytes, message: str, /) -> None: ...

    def mergeSummary(self, *args: object) -> None:
        """The worse level; both messages where both are good or both are not, else the worse's."""
        level, message = _summary(args)
        if (level > DiagnosticStatus.OK) == (self.level > DiagnosticStatus.OK):
            self.message = f"{self.message}; {message}" if self.message else message
        elif level > self.level:
            self.message = message
        self.level = max(level, self.level)

    def add(self, key: str, val: str) -> None:
        """Adds a value."""
        self.values.append(KeyValue(key=key, value=val))


def _summary(args: tuple[object, ...]) -> tuple[bytes, str]:
    """A status, or a level and a message -> level and message."""
    if len(args) == 1 and isinstance(args[0], DiagnosticStatus):
        return args[0].level, args[0].message
    level, message = args
    assert isinstance(level, bytes), f"a level is one of DiagnosticStatus's, not {level!r}"
    return level, str(message)
