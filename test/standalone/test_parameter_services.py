"""Parameters from outside: six services, the events, and the class that asks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rcl_interfaces.msg import (
    FloatingPointRange,
    ParameterDescriptor,
    ParameterEvent,
    ParameterType,
)
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python

pytestmark = pytest.mark.usefixtures("initialised")

METRES = ParameterDescriptor(description="how far, in metres", floating_point_range=[
    FloatingPointRange(from_value=0.0, to_value=10.0, step=0.5)])


@pytest.fixture
def served() -> Iterator[tuple[Node, Any]]:
    """A node, and a function that calls one of its services from another node."""
    node, other = Node("carrier", namespace="/robot"), Node("asker")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(other)
    node.declare_parameter("distance", 1.0, METRES)
    node.declare_parameter("gate.name", "north")
    node.declare_parameter("gate.codes", [1, 2, 3])

    def call(kind: Any, name: str, **request: Any) -> Any:
        client = other.create_client(kind, f"/robot/carrier/{name}")
        assert client.wait_for_service(10.0)
        future = client.call_async(kind.Request(**request))
        executor.spin_until_future_complete(future, 10.0)
        assert future.done()
        other.destroy_client(client)
        return future.result()

    yield node, call
    executor.shutdown()
    other.destroy_node()
    node.destroy_node()


def double(name: str, value: float) -> ParameterMsg:
    return Parameter(name, value=value).to_parameter_msg()


def test_reading_services(served: tuple[Node, Any]) -> None:
    _, call = served
    values = call(GetParameters, "get_parameters", names=["gate.codes", "distance"]).values
    assert [parameter_value_to_python(value) for value in values] == [[1, 2, 3], 1.0]
    assert not call(GetParameters, "get_parameters", names=["distance", "nix"]).values
    types = call(GetParameterTypes, "get_parameter_types", names=["gate.name", "use_sim_time"])
    assert list(types.types) == [ParameterType.PARAMETER_STRING, ParameterType.PARAMETER_BOOL]
    description = call(DescribeParameters, "describe_parameters", names=["distance"])
    [found] = description.descriptors
    assert (found.name, found.description) == ("distance", "how far, in metres")
    assert found.floating_point_range[0].to_value == 10.0
    listed = call(ListParameters, "list_parameters", prefixes=["gate"], depth=1).result
    assert (sorted(listed.names), listed.prefixes) == (["gate.codes", "gate.name"], ["gate"])


def test_setting_services(served: tuple[Node, Any]) -> None:
    node, call = served
    results = call(SetParameters, "set_parameters", parameters=[
        double("distance", 2.0), double("distance", 11.0), double("nix", 1.0)]).results
    assert [result.successful for result in results] == [True, False, False]
    assert "out of range" in results[1].reason and "undeclared" in results[2].reason
    result = call(SetParametersAtomically, "set_parameters_atomically", parameters=[
        double("distance", 3.0), double("gate.name", 1.0)]).result
    assert not result.successful and node.get_parameter("distance").value == 2.0


def test_changes_are_announced(served: tuple[Node, Any]) -> None:
    node, _ = served
    events: list[ParameterEvent] = []
    other = Node("listener")
    other.create_subscription(ParameterEvent, "/parameter_events", events.append, 100)
    executor = SingleThreadedExecutor()
    executor.add_node(other)

    def spin_until(announced: Callable[[ParameterEvent], bool], repeat: Callable[[], Any]
                   ) -> ParameterEvent:
        for _ in range(200):  # the two nodes may have to find each other first
            repeat()
            executor.spin_once(timeout_sec=0.05)
            found = [event for event in events
                     if event.node == "/robot/carrier" and announced(event)]
            if found:
                return found[0]
        raise AssertionError(f"not among {events}")

    event = spin_until(lambda event: bool(event.changed_parameters),
                       lambda: node.set_parameters([Parameter("distance", value=4.0)]))
    [changed] = event.changed_parameters
    assert (changed.name, changed.value.double_value) == ("distance", 4.0)
    assert event.stamp.sec > 0 and not event.new_parameters
    node.declare_parameter("fresh", 1, ParameterDescriptor(dynamic_typing=True))
    event = spin_until(lambda event: bool(event.new_parameters), lambda: None)
    assert event.new_parameters[0].name == "fresh" and not event.changed_parameters
    node.set_parameters([Parameter("fresh")])
    event = spin_until(lambda event: bool(event.deleted_parameters), lambda: None)
    assert event.deleted_parameters[0].name == "fresh"
    executor.shutdown()
    other.destroy_node()


def test_the_client_class_asks_all_services(served: tuple[Node, Any]) -> None:
    client_module = pytest.importorskip("rclpy.parameter_client")
    node, _ = served
    other = Node("client")
    client = client_module.AsyncParameterClient(other, "/robot/carrier")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(other)
    assert client.wait_for_services(10.0)

    def answer(future: Any) -> Any:
        executor.spin_until_future_complete(future, 10.0)
        return future.result()

    assert answer(client.set_parameters([Parameter("distance", value=5.0)])).results[0].successful
    assert answer(client.get_parameters(["distance"])).values[0].double_value == 5.0
    assert "gate.name" in answer(client.list_parameters()).result.names
    assert answer(client.describe_parameters(["distance"])).descriptors[0].name == "distance"
    executor.shutdown()
    other.destroy_node()
