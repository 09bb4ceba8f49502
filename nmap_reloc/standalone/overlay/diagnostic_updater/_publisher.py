"""Tasks that watch a topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diagnostic_updater._diagnostic_updater import Updater
from diagnostic_updater._tasks import CompositeDiagnosticTask
from diagnostic_updater._update_functions import (
    FrequencyStatus,
    FrequencyStatusParam,
    TimeStampStatus,
    TimeStampStatusParam,
)
from rclpy.time import Time

if TYPE_CHECKING:
    from rclpy.publisher import Publisher


class HeaderlessTopicDiagnostic(CompositeDiagnosticTask):
    """How often messages come."""

    def __init__(self, name: str, diag: Updater, freq: FrequencyStatusParam) -> None:
        """Adds itself to the updater."""
        super().__init__(f"{name} topic status")
        self.diag = diag
        self.freq = FrequencyStatus(freq)
        self.addTask(self.freq)
        self.diag.add(self)

    def tick(self) -> None:
        """Counts a message."""
        self.freq.tick()

    def clear_window(self) -> None:
        """Starts counting anew."""
        self.freq.clear()


class TopicDiagnostic(HeaderlessTopicDiagnostic):
    """How often messages come, and how old their stamps are."""

    def __init__(self, name: str, diag: Updater, freq: FrequencyStatusParam,
                 stamp: TimeStampStatusParam) -> None:
        super().__init__(name, diag, freq)
        self.stamp = TimeStampStatus(stamp)
        self.addTask(self.stamp)

    def tick(self, stamp: Any) -> None:  # type: ignore[override]
        """Counts a message with its stamp."""
        self.stamp.tick(stamp)
        super().tick()


class DiagnosedPublisher(TopicDiagnostic):
    """A publisher whose messages are counted."""

    def __init__(self, pub: Publisher, diag: Updater, freq: FrequencyStatusParam,
                 stamp: TimeStampStatusParam) -> None:
        super().__init__(pub.topic_name, diag, freq, stamp)
        self.publisher = pub

    def publish(self, message: Any) -> None:
        """Publishes a message that has a header."""
        self.tick(Time.from_msg(message.header.stamp))
        self.publisher.publish(message)
