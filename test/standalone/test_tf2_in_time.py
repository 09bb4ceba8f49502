"""tf2_ros in time: waiting, clocks that jump, threads, and transforms that travel on topics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import rclpy
from rclpy.clock import ClockType
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from rclpy_support import wait_until
from standalone.transforms import at, stamp, transform
from tf2_ros import (
    Buffer,
    ExtrapolationException,
    StaticTransformBroadcaster,
    TransformBroadcaster,
    TransformListener,
)


@pytest.fixture
def buffer() -> Buffer:
    """map -> odom at 10 and 11 s, odom -> base at 10 and 12 s."""
    buffer = Buffer()
    for child, end, x in (("odom", 11.0, 2.0), ("base", 12.0, 5.0)):
        parent = "map" if child == "odom" else "odom"
        buffer.set_transform(transform(parent, child, 10.0, x=1.0), "test")
        buffer.set_transform(transform(parent, child, end, x=x), "test")
    return buffer


def test_a_lookup_waits_for_what_another_thread_brings(buffer: Buffer) -> None:
    later = threading.Timer(0.2, lambda: buffer.set_transform(
        transform("map", "odom", 12, x=3.0, yaw=0.5), "test"))
    later.start()
    start = time.monotonic()
    found = buffer.lookup_transform("map", "odom", at(11.5), timeout=Duration(seconds=10))
    assert time.monotonic() - start < 9  # woken, not timed out
    assert found.transform.translation.x == pytest.approx(2.5)
    later.join()


def test_a_lookup_gives_up_after_its_timeout(buffer: Buffer) -> None:
    start = time.monotonic()
    with pytest.raises(ExtrapolationException):
        buffer.lookup_transform("map", "odom", at(11.5), timeout=Duration(seconds=0.2))
    assert time.monotonic() - start >= 0.2


def test_a_future_is_done_when_the_transform_is_known(buffer: Buffer) -> None:
    known = buffer.wait_for_transform_async("map", "odom", at(10.5))
    future = buffer.wait_for_transform_async("map", "base", at(11.2))
    assert known.done() and not future.done()
    buffer.set_transform(transform("map", "odom", 11.1), "test")
    assert not future.done()
    buffer.set_transform(transform("map", "odom", 11.3, x=7.0), "test")
    assert future.done() and stamp(future.result()) == pytest.approx(11.2)


@pytest.fixture
def nodes() -> Iterator[tuple[Node, Node]]:
    """A sender and a receiver; a thread spins both."""
    rclpy.init()
    sender, receiver = Node("tf_sender"), Node("tf_receiver")
    executor = SingleThreadedExecutor()
    executor.add_node(sender)
    executor.add_node(receiver)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield sender, receiver
    executor.shutdown()
    thread.join()
    sender.destroy_node()
    receiver.destroy_node()
    rclpy.shutdown()


def test_transforms_travel_from_broadcasters_to_a_listener(nodes: tuple[Node, Node]) -> None:
    sender, receiver = nodes
    static = StaticTransformBroadcaster(sender)
    static.sendTransform(transform("base", "camera", 1, x=0.5))
    static.sendTransform([transform("base", "laser", 1, x=0.6)])  # the first must not be lost
    buffer = Buffer()
    listener = TransformListener(buffer, receiver)  # comes late: /tf_static is latched
    broadcaster = TransformBroadcaster(sender)
    assert wait_until(lambda: sender.count_subscribers("/tf") > 0)
    assert wait_until(lambda: bool(buffer.can_transform("camera", "laser", Time())))

    def send() -> None:
        broadcaster.sendTransform(transform("map", "odom", 4, x=2.0))
        broadcaster.sendTransform([transform("map", "odom", 6, x=4.0),
                                   transform("odom", "base", 4), transform("odom", "base", 6)])

    def arrived() -> bool:
        send()
        return bool(buffer.can_transform("map", "camera", at(5)))

    assert wait_until(arrived)
    found = buffer.lookup_transform("map", "camera", at(5))
    assert found.transform.translation.x == pytest.approx(3.5)
    listener.unregister()


def test_a_buffer_forgets_when_its_clock_jumps_back() -> None:
    if not hasattr(Buffer, "time_jump_callback"):
        pytest.skip("this ROS 2 leaves that to the user")
    rclpy.init()
    node = Node("robot", parameter_overrides=[Parameter("use_sim_time", value=True)])
    buffer = Buffer(node=node)

    def tick(seconds: float) -> None:
        """What a message on /clock does, without its way."""
        node.get_clock().set_ros_time_override(Time(seconds=seconds,
                                                    clock_type=ClockType.ROS_TIME))

    tick(100)
    buffer.set_transform(transform("map", "odom", 100), "test")
    buffer.set_transform_static(transform("odom", "base", 100), "test")
    tick(101)
    tick(100.5)  # less than a second back: not a new start
    assert buffer.can_transform("map", "odom", at(100))
    tick(20)
    assert not buffer.can_transform("map", "odom", at(100))
    assert buffer.can_transform("odom", "base", at(20))
    node.destroy_node()
    rclpy.shutdown()


def test_threads_may_fill_and_ask_at_once() -> None:
    buffer = Buffer()
    problems: list[BaseException] = []

    def run(work: Callable[[int], object]) -> None:
        try:
            for index in range(400):
                work(index)
        except BaseException as problem:
            problems.append(problem)

    def look_up(_: int) -> None:
        found = buffer.lookup_transform("map", "base", Time())
        assert found.transform.translation.x == pytest.approx(2 * stamp(found))

    def fill(parent: str, child: str) -> Callable[[int], None]:
        return lambda index: buffer.set_transform(
            transform(parent, child, 1 + index / 100, x=1 + index / 100), "test")

    fill("map", "odom")(0)
    fill("odom", "base")(0)
    threads = [threading.Thread(target=run, args=(work,))
               for work in (fill("map", "odom"), fill("odom", "base"), look_up, look_up)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_listener_can_spin_its_node_itself() -> None:
    rclpy.init()
    sender, receiver = Node("tf_sender"), Node("tf_receiver")
    buffer = Buffer()
    listener = TransformListener(buffer, receiver, spin_thread=True)
    StaticTransformBroadcaster(sender).sendTransform(transform("map", "base", 1, x=0.5))
    try:
        found = buffer.lookup_transform("map", "base", Time(), timeout=Duration(seconds=10))
        assert found.transform.translation.x == 0.5
    finally:
        listener.executor.shutdown()
        listener.dedicated_listener_thread.join()
        sender.destroy_node()
        receiver.destroy_node()
        rclpy.shutdown()
