"""Publishers and subscriptions, in one process and between two."""

from __future__ import annotations

import time
from typing import Any

import pytest
from rclpy.exceptions import InvalidHandle
from rclpy.executors import SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    InvalidQoSProfileException,
    QoSPresetProfiles,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
    qos_profile_services_default,
)
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.wait_for_message import wait_for_message
from rclpy_support import LATCHED, NEWEST, World, wait_until, world
from sensor_msgs.msg import Image
from std_msgs.msg import Int32, String


def test_messages_arrive_in_order() -> None:
    with world() as there:
        node = there.node()
        received: list[int] = []
        node.create_subscription(Int32, "numbers", lambda m: received.append(m.data), 100)
        publisher = node.create_publisher(Int32, "numbers", 100)
        assert wait_until(lambda: publisher.get_subscription_count() == 1)
        for number in range(50):
            publisher.publish(Int32(data=number))
        assert there.spin_until(lambda: len(received) == 50)
        assert received == list(range(50))


def test_latched_messages_reach_who_comes_late() -> None:
    with world() as there:
        node = there.node()
        publisher = node.create_publisher(String, "state", LATCHED)
        for word in ("first", "second", "last"):
            publisher.publish(String(data=word))
        late: list[str] = []
        volatile: list[str] = []
        node.create_subscription(String, "state", lambda m: late.append(m.data), LATCHED)
        node.create_subscription(String, "state", lambda m: volatile.append(m.data), 10)
        assert there.spin_until(lambda: bool(late))
        there.spin_until(lambda: False, 0.2)
        assert late == ["last"]
        assert volatile == []


def test_of_messages_that_nobody_took_the_newest_are_kept() -> None:
    with world() as there:
        node = there.node()
        newest: list[int] = []
        three: list[int] = []
        node.create_subscription(Int32, "n", lambda m: newest.append(m.data), NEWEST)
        node.create_subscription(Int32, "n", lambda m: three.append(m.data), 3)
        everything = QoSProfile(history=HistoryPolicy.KEEP_ALL)
        all_of_them: list[int] = []
        node.create_subscription(Int32, "n", lambda m: all_of_them.append(m.data), everything)
        publisher = node.create_publisher(Int32, "n", 20)
        assert wait_until(lambda: publisher.get_subscription_count() == 3)
        for number in range(10):
            publisher.publish(Int32(data=number))
        time.sleep(0.2)
        assert there.spin_until(lambda: len(all_of_them) == 10)
        there.spin_until(lambda: False, 0.1)
        assert newest == [9]
        assert three == [7, 8, 9]


def test_best_effort_publishers_do_not_reach_reliable_subscriptions() -> None:
    with world() as there:
        node = there.node()
        strict: list[Any] = []
        easy: list[Any] = []
        node.create_subscription(String, "t", strict.append, 10)
        node.create_subscription(String, "t", easy.append, qos_profile_sensor_data)
        publisher = node.create_publisher(String, "t", qos_profile_sensor_data)
        assert wait_until(lambda: publisher.get_subscription_count() == 1)
        publisher.publish(String(data="x"))
        assert there.spin_until(lambda: bool(easy))
        assert not strict


def test_raw_messages_are_bytes_both_ways() -> None:
    with world() as there:
        node = there.node()
        image = Image(height=2, width=2, encoding="mono8", step=2, data=bytes([1, 2, 3, 4]))
        received: list[bytes] = []
        node.create_subscription(Image, "image", received.append, 1, raw=True)
        publisher = node.create_publisher(Image, "image", 1)
        assert wait_until(lambda: publisher.get_subscription_count() == 1)
        publisher.publish(serialize_message(image))
        assert there.spin_until(lambda: bool(received))
        assert isinstance(received[0], bytes)
        assert deserialize_message(received[0], Image) == image


def test_callbacks_may_ask_for_the_message_info() -> None:
    with world() as there:
        node = there.node()
        received: list[tuple[Any, Any]] = []
        node.create_subscription(
            String, "t", lambda message, info: received.append((message, info)), 1)
        with pytest.raises(RuntimeError, match="callback"):
            node.create_subscription(String, "t", lambda: None, 1)
        publisher = node.create_publisher(String, "t", 1)
        assert wait_until(lambda: publisher.get_subscription_count() == 1)
        before = time.time_ns()
        publisher.publish(String(data="x"))
        assert there.spin_until(lambda: bool(received))
        message, info = received[0]
        assert message.data == "x"
        assert before <= info["source_timestamp"] <= time.time_ns()


def test_what_cannot_be_published_is_refused() -> None:
    with world() as there:
        node = there.node()
        publisher = node.create_publisher(String, "t", 1)
        with pytest.raises(TypeError):
            publisher.publish(Int32())
        with pytest.raises(TypeError):
            publisher.publish("text")
        with pytest.raises(AttributeError):
            node.create_publisher(str, "t", 1)
        with pytest.raises(TypeError):
            node.create_publisher(String, "t", "10")
        with pytest.raises(ValueError):
            node.create_publisher(String, "t", -1)


def test_nothing_is_published_after_the_end() -> None:
    with world() as there:
        node = there.node()
        publisher = node.create_publisher(String, "t", 1)
        other = node.create_publisher(String, "u", 1)
        assert node.destroy_publisher(publisher)
        assert not node.destroy_publisher(publisher)
        with pytest.raises(InvalidHandle):
            publisher.publish(String())
        there.context.shutdown()
        with pytest.raises(rclpy_implementation.RCLError):
            other.publish(String())


def test_a_subscription_can_end_in_its_own_callback() -> None:
    with world() as there:
        node = there.node()
        received: list[int] = []

        def once(message: Int32) -> None:
            received.append(message.data)
            node.destroy_subscription(subscription)

        subscription = node.create_subscription(Int32, "n", once, 10)
        publisher = node.create_publisher(Int32, "n", 10)
        assert wait_until(lambda: publisher.get_subscription_count() == 1)
        for number in range(3):
            publisher.publish(Int32(data=number))
        assert there.spin_until(lambda: bool(received))
        there.spin_until(lambda: False, 0.1)
        assert received == [0]
        assert wait_until(lambda: publisher.get_subscription_count() == 0)


def _seen(there: World) -> set[str]:
    return set(there.nodes[0].get_node_names())


def test_the_graph_is_told() -> None:
    with world() as there:
        node, other = there.node("one", namespace="/ns"), there.node("two")
        node.create_publisher(String, "chatter", LATCHED)
        other.create_subscription(String, "/ns/chatter", lambda _: None, NEWEST)
        assert wait_until(lambda: {"one", "two"} <= _seen(there)
                          and node.count_publishers("chatter") == 1
                          and node.count_subscribers("/ns/chatter") == 1)
        assert ("/ns/chatter", ["std_msgs/msg/String"]) in node.get_topic_names_and_types()
        assert ("one", "/ns") in other.get_node_names_and_namespaces()
        assert node.count_publishers("/chatter") == 0
        info, = other.get_publishers_info_by_topic("/ns/chatter")
        assert (info.node_name, info.node_namespace) == ("one", "/ns")
        assert info.topic_type == "std_msgs/msg/String"
        assert info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
        info, = other.get_subscriptions_info_by_topic("/ns/chatter")
        assert info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        there.executor.remove_node(other)
        other.destroy_node()
        assert wait_until(lambda: "two" not in _seen(there)
                          and node.count_subscribers("chatter") == 0)


def test_waiting_for_a_message_ends_with_the_time() -> None:
    with world() as there:
        assert wait_for_message(String, there.node(), "t", time_to_wait=0.05) == (False, None)


def test_profiles() -> None:
    assert QoSProfile(depth=7).reliability == ReliabilityPolicy.RELIABLE
    assert QoSProfile(depth=7).durability == DurabilityPolicy.VOLATILE
    assert QoSProfile(depth=7).history == HistoryPolicy.KEEP_LAST
    assert qos_profile_sensor_data.depth == 5
    assert qos_profile_services_default.depth == 10
    assert QoSPresetProfiles.get_from_short_key("sensor_data") == qos_profile_sensor_data
    assert ReliabilityPolicy.BEST_EFFORT.short_key == "best_effort"
    assert QoSProfile(depth=1) != QoSProfile(depth=2)
    for wrong in ({}, {"history": HistoryPolicy.KEEP_LAST}):
        with pytest.raises(InvalidQoSProfileException):
            QoSProfile(**wrong)
    with pytest.raises(AssertionError):
        QoSProfile(depth=1, speed=3)


def test_a_node_may_move_to_another_executor() -> None:
    with world() as there:
        node = there.node()
        received: list[Any] = []
        node.create_subscription(String, "t", received.append, LATCHED)
        node.create_publisher(String, "t", LATCHED).publish(String())
        second = SingleThreadedExecutor(context=there.context)
        second.add_node(node)
        assert node.executor is second
        assert there.executor.get_nodes() == []
        end = time.monotonic() + 10
        while not received and time.monotonic() < end:
            second.spin_once(timeout_sec=0.1)
        assert received
        second.shutdown()
