"""/diagnostics by diagnostic_updater: figures and keys in, one status a task out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater import DiagnosticStatusWrapper, Updater
from rclpy.node import Node

from nmap_reloc.nodes.diagnostic_keys import ERROR, OK, WARN, Key, judge
from nmap_reloc.nodes.parameters import ParameterSet

LEVELS = {OK: DiagnosticStatus.OK, WARN: DiagnosticStatus.WARN, ERROR: DiagnosticStatus.ERROR}


def fill(status: DiagnosticStatusWrapper, keys: Sequence[Key], figures: Any, parameters: Any
         ) -> DiagnosticStatusWrapper:
    """One status from the keys of one task."""
    judgement = judge(keys, figures, parameters)
    status.summary(LEVELS[judgement.level], judgement.message)
    for name, value in judgement.values.items():
        status.add(name, value)
    return status


def start_diagnostics(node: Node, keys: Sequence[Key], figures: Callable[[], Any],
                      parameters: ParameterSet[Any]) -> Updater:
    """Publishes the tasks of `keys` once a second (parameter diagnostic_updater.period).

    figures: called for each status, in the thread that spins the node.
    """
    updater = Updater(node)
    updater.setHardwareID("none")  # the map and the robot have no serial number
    for task in dict.fromkeys(key.task for key in keys):
        mine = [key for key in keys if key.task == task]

        def run(status: DiagnosticStatusWrapper, mine: list[Key] = mine
                ) -> DiagnosticStatusWrapper:
            return fill(status, mine, figures(), parameters.values)

        updater.add(task, run)
    return updater
