"""Times, durations and clocks."""

from __future__ import annotations

import threading
import time

import builtin_interfaces.msg
import pytest
from rclpy.clock import Clock, ClockChange, JumpThreshold, ROSClock, TimeJump
from rclpy.clock_type import ClockType
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.exceptions import NotInitializedException
from rclpy.time import Time
from rclpy_support import wait_until, world


def test_times_and_durations_add_up() -> None:
    later = Time(seconds=1, nanoseconds=500) + Duration(seconds=0.5)
    assert later.nanoseconds == 1_500_000_500
    assert later.seconds_nanoseconds() == (1, 500_000_500)
    assert later - Duration(nanoseconds=500) == Time(nanoseconds=1_500_000_000)
    assert (Time(nanoseconds=1) - Time(nanoseconds=3)) == Duration(nanoseconds=-2)
    assert Duration(seconds=-1) < Duration() < Duration(nanoseconds=1) <= Duration(nanoseconds=1)
    assert Time(nanoseconds=2) > Time(nanoseconds=1) >= Time(nanoseconds=1) != Time()


def test_what_no_time_can_be_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Time(seconds=-1)
    with pytest.raises(ValueError, match="negative"):
        Time(nanoseconds=1) - Duration(nanoseconds=2)
    with pytest.raises(OverflowError):
        Time(nanoseconds=2**63)
    with pytest.raises(OverflowError):
        Duration(nanoseconds=2**63)
    with pytest.raises(TypeError):
        Time(clock_type="ROS_TIME")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        _ = Time() + 1  # type: ignore[operator]


def test_times_of_different_clocks_do_not_mix() -> None:
    ros, system = Time(clock_type=ClockType.ROS_TIME), Time(clock_type=ClockType.SYSTEM_TIME)
    for mix in (lambda: ros < system, lambda: ros == system, lambda: ros - system):
        with pytest.raises(TypeError, match="different clock types"):
            mix()


def test_messages_carry_times_and_durations() -> None:
    stamp = Time(seconds=12, nanoseconds=34, clock_type=ClockType.ROS_TIME)
    message = stamp.to_msg()
    assert (message.sec, message.nanosec) == (12, 34)
    assert Time.from_msg(message) == stamp
    assert Time.from_msg(message, ClockType.SYSTEM_TIME).clock_type == ClockType.SYSTEM_TIME
    span = Duration(seconds=-1.25).to_msg()
    assert (span.sec, span.nanosec) == (-2, 750_000_000)
    assert Duration.from_msg(span).nanoseconds == -1_250_000_000
    with pytest.raises(TypeError):
        Time.from_msg(builtin_interfaces.msg.Duration())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Duration.from_msg(message)  # type: ignore[arg-type]


def test_clocks_have_their_types() -> None:
    assert Clock().clock_type == ClockType.SYSTEM_TIME
    assert isinstance(Clock(clock_type=ClockType.ROS_TIME), ROSClock)
    before = time.time_ns()
    assert before <= ROSClock().now().nanoseconds <= time.time_ns()
    steady = Clock(clock_type=ClockType.STEADY_TIME)
    first = steady.now()
    assert steady.now() >= first
    with pytest.raises(TypeError):
        Clock(clock_type=3)  # type: ignore[arg-type]


def test_a_ros_clock_shows_what_it_is_set_to() -> None:
    clock = ROSClock()
    clock.set_ros_time_override(Time(seconds=5, clock_type=ClockType.ROS_TIME))
    assert clock.now().nanoseconds > 10**18  # not active: system time
    clock._set_ros_time_is_active(True)
    assert clock.ros_time_is_active
    assert clock.now() == Time(seconds=5, clock_type=ClockType.ROS_TIME)
    clock._set_ros_time_is_active(False)
    assert clock.now().nanoseconds > 10**18


def _active_clock(seconds: float) -> ROSClock:
    clock = ROSClock()
    clock._set_ros_time_is_active(True)
    _set(clock, seconds)
    return clock


def _set(clock: ROSClock, seconds: float) -> None:
    clock.set_ros_time_override(Time(seconds=seconds, clock_type=ClockType.ROS_TIME))


def test_jumps_beyond_the_threshold_are_told() -> None:
    clock = _active_clock(10)
    jumps: list[TimeJump] = []
    before: list[int] = []
    threshold = JumpThreshold(min_forward=Duration(seconds=2), min_backward=Duration(seconds=-1))
    handle = clock.create_jump_callback(
        threshold, pre_callback=lambda: before.append(clock.now().nanoseconds),
        post_callback=jumps.append)
    for seconds in (11, 10.5, 12.5, 11.5, 11.4):  # +1 and -0.5 and -0.1 are too little
        _set(clock, seconds)
    assert [jump.delta.nanoseconds for jump in jumps] == [2 * 10**9, -10**9]
    assert before == [10_500_000_000, 12_500_000_000]
    clock._set_ros_time_is_active(False)
    assert jumps[-1].clock_change == ClockChange.ROS_TIME_DEACTIVATED
    handle.unregister()
    clock._set_ros_time_is_active(True)
    assert len(jumps) == 3


def test_thresholds_without_sense_are_refused() -> None:
    for forward, backward in ((Duration(seconds=-1), None), (None, Duration(seconds=1))):
        with pytest.raises(ValueError, match="non-zero duration"):
            JumpThreshold(min_forward=forward, min_backward=backward)
    with pytest.raises(ValueError, match="At least one"):
        JumpThreshold(min_forward=None, min_backward=None, on_clock_change=False)
    with pytest.raises(ValueError, match="callable"):
        ROSClock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=None))


def test_sleeping_on_a_clock() -> None:
    with world() as there:
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        start = time.monotonic()
        assert clock.sleep_for(Duration(seconds=0.05), context=there.context)
        assert time.monotonic() - start >= 0.05
        past = Time(clock_type=ClockType.STEADY_TIME)
        assert clock.sleep_until(past, context=there.context)
        with pytest.raises(ValueError, match="clock type"):
            clock.sleep_until(Time(), context=there.context)
    with pytest.raises(NotInitializedException):
        clock.sleep_for(Duration(seconds=1), context=Context())


@pytest.mark.parametrize("ends_by", ["time", "shutdown", "source"])
def test_a_sleep_on_ros_time_ends(ends_by: str) -> None:
    with world() as there:
        clock = _active_clock(1)
        results: list[bool] = []
        until = Time(seconds=3, clock_type=ClockType.ROS_TIME)
        sleeper = threading.Thread(
            target=lambda: results.append(clock.sleep_until(until, context=there.context)))
        sleeper.start()
        _set(clock, 2)
        time.sleep(0.05)
        assert not results  # it is two o'clock
        if ends_by == "time":
            _set(clock, 3)
        elif ends_by == "source":
            clock._set_ros_time_is_active(False)
        else:
            there.context.shutdown()
        assert wait_until(lambda: bool(results))
        sleeper.join()
        assert results == [ends_by == "time"]
