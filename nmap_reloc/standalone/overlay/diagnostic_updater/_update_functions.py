"""Tasks that watch how often something happens, and how old its stamps are."""

from __future__ import annotations

import threading
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater._diagnostic_status_wrapper import DiagnosticStatusWrapper
from diagnostic_updater._tasks import DiagnosticTask
from rclpy.clock import Clock
from rclpy.clock_type import ClockType


class FrequencyStatusParam:
    """freq_bound: {"min": Hz, "max": Hz}, max may be missing; tolerance: a share of the bounds;
    window_size: how many updates back the events are counted."""

    def __init__(self, freq_bound: dict[str, float], tolerance: float = 0.1,
                 window_size: int = 5) -> None:
        self.freq_bound = freq_bound  # may change later: it is read at every update
        self.tolerance = tolerance
        self.window_size = window_size


class FrequencyStatus(DiagnosticTask):
    """Warns where events come too seldom or too often; an error where none come."""

    def __init__(self, params: FrequencyStatusParam, name: str = "FrequencyStatus") -> None:
        super().__init__(name)
        self.params = params
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Starts counting anew."""
        with self.lock:
            self.count = 0
            now = Clock(clock_type=ClockType.ROS_TIME).now()
            self.times = [now] * self.params.window_size
            self.seq_nums = [0] * self.params.window_size
            self.hist_indx = 0

    def tick(self) -> None:
        """Counts an event."""
        with self.lock:
            self.count += 1

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        with self.lock:
            events, window, count = self._advance()
        frequency = events / window if window > 0 else 0.0
        bound, tolerance = self.params.freq_bound, self.params.tolerance
        least = bound["min"] * (1 - tolerance)
        most = bound["max"] * (1 + tolerance) if "max" in bound else None
        if events == 0:
            stat.summary(DiagnosticStatus.ERROR, "No events recorded.")
        elif frequency < least:
            stat.summary(DiagnosticStatus.WARN, "Frequency too low.")
        elif most is not None and frequency > most:
            stat.summary(DiagnosticStatus.WARN, "Frequency too high.")
        else:
            stat.summary(DiagnosticStatus.OK, "Desired frequency met")
        stat.add("Events in window", f"{events}")
        stat.add("Events since startup", f"{count}")
        stat.add("Duration of window (s)", f"{window:f}")
        stat.add("Actual frequency (Hz)", f"{frequency:f}")
        if bound.get("max") == bound["min"]:
            stat.add("Target frequency (Hz)", f"{bound['min']:f}")
        if bound["min"] > 0:
            stat.add("Minimum acceptable frequency (Hz)", f"{least:f}")
        if most is not None:
            stat.add("Maximum acceptable frequency (Hz)", f"{most:f}")
        return stat

    def _advance(self) -> tuple[int, float, int]:
        """Events in the window, its length in seconds, events ever; the window moves on."""
        now = Clock(clock_type=ClockType.ROS_TIME).now()
        events = self.count - self.seq_nums[self.hist_indx]
        window = (now - self.times[self.hist_indx]).nanoseconds * 1e-9
        self.seq_nums[self.hist_indx] = self.count
        self.times[self.hist_indx] = now
        self.hist_indx = (self.hist_indx + 1) % self.params.window_size
        return events, window, self.count


class TimeStampStatusParam:
    """How old a stamp may be, in seconds; a negative age is one in the future."""

    def __init__(self, min_acceptable: float = -1, max_acceptable: float = 5) -> None:
        self.max_acceptable = max_acceptable
        self.min_acceptable = min_acceptable


class TimeStampStatus(DiagnosticTask):
    """An error where a stamp since the last update was zero, too old or too far in the future."""

    def __init__(self, params: TimeStampStatusParam | None = None,
                 name: str = "Timestamp Status") -> None:
        super().__init__(name)
        self.params = params or TimeStampStatusParam()
        self.lock = threading.Lock()
        self.early_count = 0
        self.late_count = 0
        self.zero_count = 0
        self._forget()

    def _forget(self) -> None:
        self.zero_seen = False
        self.max_delta = 0.0
        self.min_delta = 0.0
        self.deltas_valid = False

    def tick(self, stamp: Any) -> None:
        """Notes a stamp: an rclpy Time, or a float in seconds."""
        nanoseconds = stamp * 1e9 if isinstance(stamp, float) else stamp.nanoseconds
        with self.lock:
            if nanoseconds == 0:
                self.zero_seen = True
                return
            now = Clock(clock_type=ClockType.ROS_TIME).now().nanoseconds
            delta = (now - nanoseconds) * 1e-9
            self.max_delta = max(self.max_delta, delta) if self.deltas_valid else delta
            self.min_delta = min(self.min_delta, delta) if self.deltas_valid else delta
            self.deltas_valid = True

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        with self.lock:
            self._judge(stat)
            for key, value in (("Earliest timestamp delay:", self.min_delta),
                               ("Latest timestamp delay:", self.max_delta),
                               ("Earliest acceptable timestamp delay:",
                                self.params.min_acceptable),
                               ("Latest acceptable timestamp delay:",
                                self.params.max_acceptable)):
                stat.add(key, f"{value:f}")
            stat.add("Late diagnostic update count:", f"{self.late_count}")
            stat.add("Early diagnostic update count:", f"{self.early_count}")
            stat.add("Zero seen diagnostic update count:", f"{self.zero_count}")
            self._forget()
        return stat

    def _judge(self, stat: DiagnosticStatusWrapper) -> None:
        stat.summary(DiagnosticStatus.OK, "Timestamps are reasonable.")
        if not self.deltas_valid:
            stat.summary(DiagnosticStatus.WARN, "No data since last update.")
            return
        if self.min_delta < self.params.min_acceptable:
            stat.summary(DiagnosticStatus.ERROR, "Timestamps too far in future seen.")
            self.early_count += 1
        if self.max_delta > self.params.max_acceptable:
            stat.summary(DiagnosticStatus.ERROR, "Timestamps too far in past seen.")
            self.late_count += 1
        if self.zero_seen:
            stat.summary(DiagnosticStatus.ERROR, "Zero timestamp seen.")
            self.zero_count += 1


class Heartbeat(DiagnosticTask):
    """Says that the node lives."""

    def __init__(self) -> None:
        super().__init__("Heartbeat")

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        stat.summary(DiagnosticStatus.OK, "Alive")
        return stat
