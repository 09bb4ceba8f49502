"""Loggers: what they let through, how it looks, and who hears it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from rcl_interfaces.msg import Log
from rclpy.impl.logging_severity import LoggingSeverity
from rclpy.logging import (
    get_logger,
    get_logger_effective_level,
    get_logging_severity_from_string,
    set_logger_level,
)
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy_support import program, world

LINE = r"\[{}\] \[\d{{10}}\.\d{{9}}\] \[{}\]: {}"


def test_levels_are_inherited_by_name() -> None:
    set_logger_level("tree", LoggingSeverity.WARN)
    assert get_logger_effective_level("tree.branch.leaf") == LoggingSeverity.WARN
    set_logger_level("tree.branch", LoggingSeverity.DEBUG)
    assert get_logger("tree.branch.leaf").is_enabled_for(LoggingSeverity.DEBUG)
    assert not get_logger("tree").get_child("twig").is_enabled_for(LoggingSeverity.INFO)
    assert get_logger("elsewhere").get_effective_level() == LoggingSeverity.INFO
    assert get_logging_severity_from_string("warn") == LoggingSeverity.WARN
    with pytest.raises(ValueError):
        get_logger("")


def test_what_is_below_the_level_is_dropped() -> None:
    logger = get_logger("quiet")
    assert logger.info("said")
    assert not logger.debug("not said")
    logger.set_level(LoggingSeverity.ERROR)
    assert not logger.warning("not said")
    assert logger.error("said")
    assert logger.fatal("said")


def test_filters_by_the_place_of_the_call() -> None:
    logger = get_logger("filters")
    assert [logger.info("x", once=True) for _ in range(3)] == [True, False, False]
    assert [logger.info("x", skip_first=True) for _ in range(3)] == [False, True, True]
    assert [logger.info("x", throttle_duration_sec=60.0) for _ in range(3)] == [
        True, False, False]
    assert logger.info("x", once=True)  # another place
    with pytest.raises(TypeError, match="speed"):
        logger.info("x", speed=3)


def test_a_place_keeps_its_severity_and_filters() -> None:
    logger = get_logger("places")
    with pytest.raises(ValueError, match="severity cannot be changed"):
        for severity in (LoggingSeverity.INFO, LoggingSeverity.WARN):
            logger.log("x", severity)
    with pytest.raises(ValueError, match="cannot be changed"):
        for seconds in (1.0, 2.0):
            logger.info("x", throttle_duration_sec=seconds)


def test_nodes_are_heard_on_rosout() -> None:
    with world() as there:
        heard: list[Any] = []
        listener = there.node("listener")
        qos = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        listener.create_subscription(Log, "/rosout", heard.append, qos)
        node = there.node("speaker", namespace="/ns")
        node.get_logger().warning("careful")
        get_logger("nobody").warning("of no node")

        def said() -> list[Any]:
            return [log for log in heard if log.msg == "careful"]

        assert there.spin_until(lambda: bool(said()))
        log = said()[0]
        assert log.name == "ns.speaker"
        assert log.level == LoggingSeverity.WARN.value
        assert log.function == "test_nodes_are_heard_on_rosout"
        assert log.file.endswith("test_rclpy_logging.py")
        assert log.line > 0
        assert log.stamp.sec > 10**9
        assert not [log for log in heard if log.msg == "of no node"]


def test_the_console_shows_lines_in_the_format_of_ros() -> None:
    process = program("""
        rclpy.init(args=["x", "--ros-args", "--log-level", "loud:=debug", "--log-level", "warn"])
        node = Node("quiet", namespace="/ns")
        node.get_logger().info("not said")
        node.get_logger().error("said by a node")
        rclpy.logging.get_logger("loud").debug("said by another")
        node.destroy_node()
        rclpy.shutdown()
        node.get_logger().error("said at the end")
    """)
    out, error = process.communicate(timeout=20)
    assert process.returncode == 0, error
    patterns = [LINE.format("ERROR", r"ns\.quiet", "said by a node"),
                LINE.format("DEBUG", "loud", "said by another"),
                LINE.format("ERROR", r"ns\.quiet", "said at the end")]
    said = [line for line in error.splitlines() if "said" in line]
    assert len(said) == len(patterns), error
    for line, pattern in zip(said, patterns):
        assert re.fullmatch(pattern, line)
    assert "\033" not in error  # colours are for terminals
    assert out == ""


def test_the_format_is_configurable(monkeypatch: pytest.MonkeyPatch) -> None:
    template = "{severity}|{name}|{message}|{line_number}"
    monkeypatch.setenv("RCUTILS_CONSOLE_OUTPUT_FORMAT", template)
    monkeypatch.setenv("RCUTILS_COLORIZED_OUTPUT", "1")
    monkeypatch.setenv("RCUTILS_LOGGING_USE_STDOUT", "1")
    process = program("""
        rclpy.init()
        rclpy.logging.get_logger("a").warning("b")
        rclpy.shutdown()
    """)
    out, error = process.communicate(timeout=20)
    assert process.returncode == 0, error
    assert re.search(r"\033\[33mWARN\|a\|b\|\d+\033\[0m", out)
