"""Timers on wall time and on /clock, which may stand still and jump."""

from __future__ import annotations

import time
from typing import Any

import pytest
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.exceptions import InvalidHandle
from rclpy.parameter import Parameter
from rclpy.time import Time
from rclpy_support import World, wait_until, world
from rosgraph_msgs.msg import Clock as ClockMsg


def test_a_timer_keeps_its_period() -> None:
    with world() as there:
        node = there.node()
        calls: list[float] = []
        timer = node.create_timer(0.02, lambda: calls.append(time.monotonic()))
        assert timer.timer_period_ns == 20_000_000
        start = time.monotonic()
        assert there.spin_until(lambda: len(calls) == 5)
        assert calls[0] - start >= 0.015
        assert calls[-1] - start >= 0.095


def test_missed_periods_are_skipped() -> None:
    with world() as there:
        calls: list[int] = []
        there.node().create_timer(0.02, lambda: calls.append(1),
                                  clock=Clock(clock_type=ClockType.STEADY_TIME))
        time.sleep(0.2)
        there.executor.spin_once(timeout_sec=0)
        there.executor.spin_once(timeout_sec=0)
        assert len(calls) <= 2  # not ten


def test_a_canceled_timer_rests_until_reset() -> None:
    with world() as there:
        node = there.node()
        calls: list[int] = []
        timer = node.create_timer(0.01, lambda: calls.append(1))
        timer.cancel()
        assert timer.is_canceled()
        there.spin_until(lambda: False, 0.05)
        assert not calls
        timer.reset()
        assert not timer.is_canceled()
        assert 0 < timer.time_until_next_call() <= 10_000_000
        assert there.spin_until(lambda: bool(calls))
        node.destroy_timer(timer)
        with pytest.raises(InvalidHandle):
            timer.cancel()


def test_a_timer_may_cancel_itself() -> None:
    with world() as there:
        calls: list[int] = []

        def once() -> None:
            calls.append(1)
            timer.cancel()

        timer = there.node().create_timer(0.01, once)
        there.spin_until(lambda: False, 0.1)
        assert calls == [1]


class _SimTime:
    """A node under use_sim_time and a publisher of /clock."""

    def __init__(self, there: World) -> None:
        self.there = there
        self.node = there.node(
            "simulated", parameter_overrides=[Parameter("use_sim_time", value=True)])
        self.publisher = there.node("clock").create_publisher(ClockMsg, "/clock", 10)
        assert wait_until(lambda: self.publisher.get_subscription_count() == 1)

    def set(self, seconds: float) -> None:
        """Publishes a time until the node has taken it."""
        time_ = Time(seconds=seconds, clock_type=ClockType.ROS_TIME)
        self.publisher.publish(ClockMsg(clock=time_.to_msg()))
        assert self.there.spin_until(lambda: self.node.get_clock().now() == time_)


def test_under_sim_time_the_clock_is_what_is_published() -> None:
    with world() as there:
        simulated = _SimTime(there)
        assert simulated.node.get_clock().now() == Time(clock_type=ClockType.ROS_TIME)
        simulated.set(5)
        assert there.nodes[1].get_clock().now().nanoseconds > 10**18
        simulated.node.set_parameters([Parameter("use_sim_time", value=False)])
        assert simulated.node.get_clock().now().nanoseconds > 10**18


def test_timers_follow_sim_time() -> None:
    with world() as there:
        simulated = _SimTime(there)
        simulated.set(100)
        calls: list[Any] = []
        simulated.node.create_timer(1.0, lambda: calls.append(simulated.node.get_clock().now()))
        simulated.set(100.5)
        there.spin_until(lambda: False, 0.1)
        assert not calls
        simulated.set(101.25)
        assert there.spin_until(lambda: len(calls) == 1)
        simulated.set(101.75)
        there.spin_until(lambda: False, 0.05)
        assert len(calls) == 1
        simulated.set(102)  # the phase stayed
        assert there.spin_until(lambda: len(calls) == 2)


def test_timers_survive_a_jump_backwards() -> None:
    with world() as there:
        simulated = _SimTime(there)
        simulated.set(100)
        calls: list[int] = []
        simulated.node.create_timer(1.0, lambda: calls.append(1))
        simulated.set(101)
        assert there.spin_until(lambda: len(calls) == 1)
        simulated.set(10)  # the bag starts again
        there.spin_until(lambda: False, 0.05)
        assert len(calls) == 1
        simulated.set(10.5)
        there.spin_until(lambda: False, 0.05)
        assert len(calls) == 1
        simulated.set(11)
        assert there.spin_until(lambda: len(calls) == 2)


def test_steady_timers_run_while_sim_time_stands_still() -> None:
    with world() as there:
        simulated = _SimTime(there)
        calls: list[int] = []
        simulated.node.create_timer(0.01, lambda: calls.append(1),
                                    clock=Clock(clock_type=ClockType.STEADY_TIME))
        assert there.spin_until(lambda: len(calls) >= 3)


def test_use_sim_time_can_be_an_argument() -> None:
    with world("--ros-args", "-p", "use_sim_time:=true") as there:
        assert there.node().get_clock().now() == Time(clock_type=ClockType.ROS_TIME)
