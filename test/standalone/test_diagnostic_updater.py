"""diagnostic_updater: statuses, tasks, and what an updater publishes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from diagnostic_updater import (
    CompositeDiagnosticTask,
    DiagnosticStatusWrapper,
    FrequencyStatus,
    FrequencyStatusParam,
    FunctionDiagnosticTask,
    HeaderlessTopicDiagnostic,
    TimeStampStatus,
    TimeStampStatusParam,
    TopicDiagnostic,
    Updater,
)
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

OK, WARN, FAULT = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def saying(level: bytes, message: str, **values: str) -> FunctionDiagnosticTask:
    """A task that always says the same."""
    def report(status: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        status.summary(level, message)
        for key, value in values.items():
            status.add(key, value)
        return status
    return FunctionDiagnosticTask(f"say {message}", report)


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


@pytest.mark.parametrize(("first", "second", "merged"), [
    ((OK, "fine"), (OK, "good"), (OK, "fine; good")),
    ((OK, "fine"), (WARN, "hot"), (WARN, "hot")),
    ((WARN, "hot"), (OK, "fine"), (WARN, "hot")),
    ((WARN, "hot"), (FAULT, "fire"), (FAULT, "hot; fire")),
    ((FAULT, "fire"), (WARN, "hot"), (FAULT, "fire; hot"))])
def test_summaries_are_merged(first: tuple[bytes, str], second: tuple[bytes, str],
                              merged: tuple[bytes, str]) -> None:
    status = DiagnosticStatusWrapper()
    status.summary(*first)
    status.mergeSummary(*second)
    assert (status.level, status.message) == merged
    status.clearSummary()
    assert (status.level, status.message) == (OK, "")


def test_composite_tasks_keep_all_values_and_the_worst_level() -> None:
    task = CompositeDiagnosticTask("all")
    task.addTask(saying(WARN, "hot", b="2"))
    task.addTask(saying(OK, "fine", a="1"))
    status = task.run(DiagnosticStatusWrapper())
    assert (status.level, status.message) == (WARN, "hot")
    assert values(status) == {"a": "1", "b": "2"}


def frequency_after(ticks: int, low: float, high: float) -> DiagnosticStatusWrapper:
    """What the task says of so many ticks in at least 50 ms."""
    task = FrequencyStatus(FrequencyStatusParam({"min": low, "max": high}, 0.1, 2))
    for _ in range(ticks):
        task.tick()
    time.sleep(0.05)
    return task.run(DiagnosticStatusWrapper())


def test_frequencies() -> None:
    assert frequency_after(0, 1.0, 2.0).message == "No events recorded."
    assert frequency_after(0, 1.0, 2.0).level == FAULT
    assert frequency_after(2, 1e4, 1e5).message == "Frequency too low."
    assert frequency_after(2, 0.0, 1e-6).message == "Frequency too high."
    good = frequency_after(2, 1e-3, 1e4)
    assert (good.level, good.message) == (OK, "Desired frequency met")
    assert values(good)["Events in window"] == "2"
    assert 0 < float(values(good)["Actual frequency (Hz)"]) <= 40


def test_the_window_moves_on() -> None:
    task = FrequencyStatus(FrequencyStatusParam({"min": 0.0}, 0.1, 2))
    task.tick()
    counts = [values(task.run(DiagnosticStatusWrapper()))["Events in window"]
              for _ in range(4) if not time.sleep(0.005)]
    assert counts == ["1", "1", "0", "0"]


def test_stamps() -> None:
    clock = Clock(clock_type=ClockType.ROS_TIME)
    task = TimeStampStatus(TimeStampStatusParam(-1.0, 5.0))
    assert task.run(DiagnosticStatusWrapper()).message == "No data since last update."
    task.tick(clock.now())
    assert task.run(DiagnosticStatusWrapper()).level == OK
    now = clock.now().nanoseconds * 1e-9
    for stamp, words in ((now + 10, "too far in future"), (now - 10, "too far in past")):
        task.tick(stamp)
        status = task.run(DiagnosticStatusWrapper())
        assert status.level == FAULT and words in status.message
    assert values(status)["Late diagnostic update count:"] == "1"


@pytest.fixture
def nodes() -> Iterator[tuple[Node, list[DiagnosticArray], SingleThreadedExecutor]]:
    """A node to be diagnosed, and what another one hears of it."""
    rclpy.init()
    node, listener = Node("patient"), Node("doctor")
    heard: list[DiagnosticArray] = []
    listener.create_subscription(DiagnosticArray, "/diagnostics", heard.append, 10)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(listener)
    yield node, heard, executor
    executor.shutdown()
    node.destroy_node()
    listener.destroy_node()
    rclpy.shutdown()


def next_report(heard: list[DiagnosticArray], executor: SingleThreadedExecutor,
                names: set[str]) -> DiagnosticArray:
    """The next one whose statuses have these names."""
    heard.clear()
    for _ in range(200):
        executor.spin_once(timeout_sec=0.05)
        for report in heard:
            if {status.name for status in report.status} == names:
                return report
    raise AssertionError(f"never heard of {names}")


def test_an_updater_publishes_at_its_period(
        nodes: tuple[Node, list[DiagnosticArray], SingleThreadedExecutor]) -> None:
    node, heard, executor = nodes
    updater = Updater(node, period=0.05)
    assert node.get_parameter("diagnostic_updater.period").value == 0.05
    updater.setHardwareID("camera 7")
    updater.add(saying(WARN, "hot", celsius="93"))
    updater.add("plain", lambda status: status)
    report = next_report(heard, executor, {"patient: say hot", "patient: plain"})
    hot, plain = report.status
    assert (hot.level, hot.message, hot.hardware_id) == (WARN, "hot", "camera 7")
    assert values(hot) == {"celsius": "93"}
    assert (plain.level, plain.message) == (FAULT, "No message was set")
    assert report.header.stamp.sec > 0
    assert updater.removeByName("plain") and not updater.removeByName("plain")
    next_report(heard, executor, {"patient: say hot"})


def test_an_updater_can_be_forced(
        nodes: tuple[Node, list[DiagnosticArray], SingleThreadedExecutor]) -> None:
    node, heard, executor = nodes
    updater = Updater(node, period=3600.0)
    updater.setHardwareID("none")
    topic = TopicDiagnostic("image", updater, FrequencyStatusParam({"min": 0.0}),
                            TimeStampStatusParam())
    bare = HeaderlessTopicDiagnostic("word", updater, FrequencyStatusParam({"min": 0.0}))
    topic.tick(node.get_clock().now())
    bare.tick()
    for _ in range(100):  # until the two have found each other
        updater.force_update()
        executor.spin_once(timeout_sec=0.05)
        found = [report for report in heard if len(report.status) == 2]
        if found:
            break
    assert {status.name for status in found[0].status} == {"patient: image topic status",
                                                           "patient: word topic status"}
    assert "Earliest timestamp delay:" in values(found[0].status[0])
