"""diagnostic_updater: what a node says about its health."""

from __future__ import annotations

from diagnostic_updater._diagnostic_status_wrapper import DiagnosticStatusWrapper
from diagnostic_updater._diagnostic_updater import Updater
from diagnostic_updater._publisher import (
    DiagnosedPublisher,
    HeaderlessTopicDiagnostic,
    TopicDiagnostic,
)
from diagnostic_updater._tasks import (
    CompositeDiagnosticTask,
    DiagnosticTask,
    DiagnosticTaskVector,
    FunctionDiagnosticTask,
)
from diagnostic_updater._update_functions import (
    FrequencyStatus,
    FrequencyStatusParam,
    Heartbeat,
    TimeStampStatus,
    TimeStampStatusParam,
)

__all__ = ["CompositeDiagnosticTask", "DiagnosedPublisher", "DiagnosticStatusWrapper",
           "DiagnosticTask", "DiagnosticTaskVector", "FrequencyStatus", "FrequencyStatusParam",
           "FunctionDiagnosticTask", "HeaderlessTopicDiagnostic", "Heartbeat", "TimeStampStatus",
           "TimeStampStatusParam", "TopicDiagnostic", "Updater"]
