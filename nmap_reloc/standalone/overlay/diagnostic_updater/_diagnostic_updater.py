"""Asks all tasks at a fixed rate and publishes what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from diagnostic_updater._diagnostic_status_wrapper import DiagnosticStatusWrapper
from diagnostic_updater._tasks import (
    CompositeDiagnosticTask,
    DiagnosticTask,
    DiagnosticTaskVector,
    FunctionDiagnosticTask,
)

if TYPE_CHECKING:
    from rclpy.node import Node

__all__ = ["CompositeDiagnosticTask", "DiagnosticTask", "DiagnosticTaskVector",
           "FunctionDiagnosticTask", "Updater"]

PERIOD = "diagnostic_updater.period"
USE_FQN = "diagnostic_updater.use_fqn"


class Updater(DiagnosticTaskVector):
    """Publishes on /diagnostics every ``period`` seconds of the node's clock.

    Declares the parameter diagnostic_updater.period, so that a node has one updater at most, and
    diagnostic_updater.use_fqn: names of statuses start with the node's namespace, too.
    """

    def __init__(self, node: Node, period: float = 1.0) -> None:
        super().__init__()
        self.node = node
        self.publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 1)
        self.__period = node.declare_parameter(PERIOD, period).value
        self.timer = node.create_timer(self.__period, self.update)
        self.verbose = False
        self.hwid = ""
        self.warn_nohwid_done = False
        use_fqn = node.get_parameter(USE_FQN) if node.has_parameter(USE_FQN) \
            else node.declare_parameter(USE_FQN, False)
        self.node_name = node.get_name() if not use_fqn.value \
            else f"{node.get_namespace()}/{node.get_name()}"

    @property
    def period(self) -> float:
        """Seconds from one update to the next."""
        return self.__period

    @period.setter
    def period(self, period: float) -> None:
        self.__period = period
        self.node.destroy_timer(self.timer)
        self.timer = self.node.create_timer(period, self.update)

    def setHardwareID(self, hwid: str) -> None:
        """What the statuses are about; "none" where there is no hardware."""
        self.hwid = hwid

    def update(self) -> None:
        """Asks all tasks and publishes."""
        with self.lock:  # no task comes or goes meanwhile
            statuses = [self._ask(task) for task in self.tasks]
        fine = all(status.level == DiagnosticStatus.OK for status in statuses)
        if fine and not self.hwid and not self.warn_nohwid_done:
            self.node.get_logger().warning(
                "diagnostic_updater: No HW_ID was set. For devices that do not have a HW_ID, set "
                "it to none.")
            self.warn_nohwid_done = True
        self.publish(statuses)

    def force_update(self) -> None:
        """Asks all tasks and publishes, at once."""
        self.update()

    def _ask(self, task: DiagnosticTask) -> DiagnosticStatusWrapper:
        status = DiagnosticStatusWrapper(
            level=DiagnosticStatus.ERROR, name=task.name, message="No message was set",
            hardware_id=self.hwid)
        status = task.run(status)
        if self.verbose and status.level != DiagnosticStatus.OK:
            self.node.get_logger().warning(
                f"Non-zero diagnostic status. Name: {status.name}, status "
                f"{status.level!r}: {status.message}")
        return status

    def broadcast(self, lvl: bytes, msg: str) -> None:
        """Publishes the same for every task."""
        statuses = []
        for task in self.tasks:
            status = DiagnosticStatusWrapper(name=task.name)
            status.summary(lvl, msg)
            statuses.append(status)
        self.publish(statuses)

    def publish(self, msg: DiagnosticStatus | list[DiagnosticStatus]) -> None:
        """Publishes statuses under the node's name."""
        array = DiagnosticArray()
        array.header.stamp = self.node.get_clock().now().to_msg()
        for status in msg if isinstance(msg, list) else [msg]:
            status.name = f"{self.node_name}: {status.name}"
            array.status.append(status)
        self.publisher.publish(array)

    def addedTaskCallback(self, task: DiagnosticTask) -> None:
        """Says that the task exists before it is asked for the first time."""
        status = DiagnosticStatusWrapper(name=task.name)
        status.summary(DiagnosticStatus.OK, "Node starting up")
        self.publish(status)
