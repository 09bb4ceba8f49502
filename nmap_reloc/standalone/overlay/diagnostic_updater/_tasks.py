"""What reports on something when it is asked to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, overload

from diagnostic_updater._diagnostic_status_wrapper import DiagnosticStatusWrapper

Report = Callable[[DiagnosticStatusWrapper], DiagnosticStatusWrapper]


class DiagnosticTask:
    """Has a name and fills a status."""

    def __init__(self, name: str) -> None:
        self.name = name

    def getName(self) -> str:
        return self.name

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Fills the status and returns it."""
        return stat


class FunctionDiagnosticTask(DiagnosticTask):
    """Asks a function."""

    def __init__(self, name: str, fn: Report) -> None:
        super().__init__(name)
        self.fn = fn

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        return self.fn(stat)


class CompositeDiagnosticTask(DiagnosticTask):
    """Several tasks in one status: all their values, the worst level, the merged messages."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.tasks: list[DiagnosticTask] = []

    def addTask(self, t: DiagnosticTask) -> None:
        """Adds one."""
        self.tasks.append(t)

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        combined, original = DiagnosticStatusWrapper(), DiagnosticStatusWrapper()
        original.summary(stat)
        for task in self.tasks:
            stat.summary(original)
            stat = task.run(stat)
            combined.mergeSummary(stat)
        stat.summary(combined)
        return stat


class DiagnosticTaskVector:
    """A changing list of tasks."""

    def __init__(self) -> None:
        self.tasks: list[DiagnosticTask] = []
        self.lock = threading.Lock()

    def addedTaskCallback(self, task: DiagnosticTask) -> None:
        """Called for every task that is added."""

    @overload
    def add(self, task: DiagnosticTask, /) -> None: ...

    @overload
    def add(self, name: str, fn: Report, /) -> None: ...

    def add(self, *args: Any) -> None:
        """Adds a task, or a function under a name."""
        task = FunctionDiagnosticTask(*args) if len(args) == 2 else args[0]
        with self.lock:
            self.tasks.append(task)
            self.addedTaskCallback(task)

    def removeByName(self, name: str) -> bool:
        """Removes the first task of that name; False where there is none."""
        with self.lock:
            for index, task in enumerate(self.tasks):
                if task.name == name:
                    del self.tasks[index]
                    return True
        return False
