"""Managed nodes: the state machine, its callbacks, its services and silent publishers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lifecycle_msgs.msg import State, Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from std_msgs.msg import String

pytestmark = pytest.mark.usefixtures("initialised")

RCLError = rclpy_implementation.RCLError
SUCCESS, FAILURE, ERROR = (TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE,
                           TransitionCallbackReturn.ERROR)


class Managed(LifecycleNode):
    """Answers as it was told to, an exception is raised; notes what was asked and from where."""

    def __init__(self) -> None:
        super().__init__("managed")
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []

    def _answer(self, name: str, state: LifecycleState) -> TransitionCallbackReturn:
        self.asked.append((name, state.label))
        answer = self.answers.get(name, SUCCESS)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._answer("configure", state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._answer("cleanup", state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        answer = self._answer("activate", state)
        return super().on_activate(state) if answer == SUCCESS else answer

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        answer = self._answer("deactivate", state)
        return super().on_deactivate(state) if answer == SUCCESS else answer

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._answer("shutdown", state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._answer("error", state)


class Operator:
    """Another node that watches and drives the managed one."""

    def __init__(self, managed: Managed) -> None:
        self.node = Node("operator")
        self.events: list[TransitionEvent] = []
        self.heard: list[str] = []
        self.node.create_subscription(TransitionEvent, "/managed/transition_event",
                                      self.events.append, 10)
        self.node.create_subscription(String, "/word", lambda m: self.heard.append(m.data), 10)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(managed)
        self.executor.add_node(self.node)

    def call(self, kind: Any, name: str, **request: Any) -> Any:
        client = self.node.create_client(kind, f"/managed/{name}")
        assert client.wait_for_service(10.0)
        future = client.call_async(kind.Request(**request))
        self.executor.spin_until_future_complete(future, 10.0)
        assert future.done()
        self.node.destroy_client(client)
        return future.result()

    def change(self, transition: int = 0, label: str = "") -> bool:
        response = self.call(ChangeState, "change_state",
                             transition=Transition(id=transition, label=label))
        return bool(response.success)

    def state(self) -> str:
        return str(self.call(GetState, "get_state").current_state.label)

    def spin_until(self, condition: Any) -> None:
        for _ in range(200):
            if condition():
                return
            self.executor.spin_once(timeout_sec=0.05)
        raise AssertionError("it did not happen")


@pytest.fixture
def managed() -> Iterator[Managed]:
    node = Managed()
    yield node
    node.destroy_node()


@pytest.fixture
def operator(managed: Managed) -> Iterator[Operator]:
    operator = Operator(managed)
    yield operator
    operator.executor.shutdown()
    operator.node.destroy_node()


def test_once_around(managed: Managed, operator: Operator) -> None:
    way = [(Transition.TRANSITION_CONFIGURE, "inactive"),
           (Transition.TRANSITION_ACTIVATE, "active"),
           (Transition.TRANSITION_DEACTIVATE, "inactive"),
           (Transition.TRANSITION_CLEANUP, "unconfigured"),
           (Transition.TRANSITION_CONFIGURE, "inactive"),
           (Transition.TRANSITION_INACTIVE_SHUTDOWN, "finalized")]
    assert operator.state() == "unconfigured"
    for transition, state in way:
        assert operator.change(transition)
        assert operator.state() == state
    assert managed.asked == [
        ("configure", "unconfigured"), ("activate", "inactive"), ("deactivate", "active"),
        ("cleanup", "inactive"), ("configure", "unconfigured"), ("shutdown", "inactive")]


def test_a_label_serves_as_well(operator: Operator) -> None:
    assert operator.change(label="configure") and operator.change(label="activate")
    assert operator.change(label="shutdown")
    assert operator.state() == "finalized"


def test_transitions_that_do_not_leave_the_state_are_refused(managed: Managed,
                                                            operator: Operator) -> None:
    assert not operator.change(label="deactivate")
    for wrong in (Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_ACTIVE_SHUTDOWN):
        try:
            assert not operator.change(wrong)
        except RCLError as error:  # of the managed node: Humble and Jazzy don't catch it
            assert "not registered" in str(error)
    assert operator.state() == "unconfigured" and managed.asked == []


@pytest.mark.parametrize("answer", [FAILURE, ERROR, RuntimeError("broken camera")])
def test_a_configuration_that_fails_leaves_the_node_unconfigured(
        managed: Managed, operator: Operator, answer: Any) -> None:
    managed.answers["configure"] = answer
    assert not operator.change(Transition.TRANSITION_CONFIGURE)
    assert operator.state() == "unconfigured"
    errors = [] if answer == FAILURE else [("error", "unconfigured")]
    assert managed.asked == [("configure", "unconfigured"), *errors]
    managed.answers.clear()
    assert operator.change(Transition.TRANSITION_CONFIGURE)  # it recovered


def test_failures_stay_where_they_were(managed: Managed, operator: Operator) -> None:
    managed.answers = {"activate": FAILURE}
    operator.change(label="configure")
    assert not operator.change(label="activate")
    assert operator.state() == "inactive"
    managed.answers = {"deactivate": FAILURE, "cleanup": FAILURE}
    assert operator.change(label="activate") and not operator.change(label="deactivate")
    assert operator.state() == "active"
    managed.answers = {"cleanup": FAILURE}
    operator.change(label="deactivate")
    assert not operator.change(label="cleanup")
    assert operator.state() == "inactive"


@pytest.mark.parametrize("answer", [FAILURE, ERROR, RuntimeError("nor the lamp")])
def test_an_error_that_cannot_be_handled_is_the_end(managed: Managed, operator: Operator,
                                                    answer: Any) -> None:
    managed.answers = {"activate": ERROR, "error": answer}
    operator.change(label="configure")
    assert not operator.change(label="activate")
    assert operator.state() == "finalized"
    assert operator.call(GetAvailableTransitions,
                         "get_available_transitions").available_transitions == []


def test_a_shutdown_that_fails_is_a_shutdown(managed: Managed, operator: Operator) -> None:
    managed.answers = {"shutdown": FAILURE}
    assert not operator.change(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert operator.state() == "finalized"


def test_triggers_from_within(managed: Managed) -> None:
    try:
        assert managed.trigger_activate() == ERROR  # not from unconfigured
    except RCLError as error:  # of Humble and Jazzy
        assert "not registered" in str(error)
    assert managed.trigger_configure() == SUCCESS
    assert managed.trigger_activate() == SUCCESS
    assert managed.trigger_deactivate() == SUCCESS
    assert managed.trigger_cleanup() == SUCCESS
    assert managed.trigger_shutdown() == SUCCESS
    with pytest.raises(RuntimeError):
        managed.trigger_shutdown()


def test_what_the_machine_says_of_itself(operator: Operator) -> None:
    states = operator.call(GetAvailableStates, "get_available_states").available_states
    assert {(state.id, state.label) for state in states} == {
        (State.PRIMARY_STATE_UNKNOWN, "unknown"),
        (State.PRIMARY_STATE_UNCONFIGURED, "unconfigured"),
        (State.PRIMARY_STATE_INACTIVE, "inactive"), (State.PRIMARY_STATE_ACTIVE, "active"),
        (State.PRIMARY_STATE_FINALIZED, "finalized"),
        (State.TRANSITION_STATE_CONFIGURING, "configuring"),
        (State.TRANSITION_STATE_CLEANINGUP, "cleaningup"),
        (State.TRANSITION_STATE_SHUTTINGDOWN, "shuttingdown"),
        (State.TRANSITION_STATE_ACTIVATING, "activating"),
        (State.TRANSITION_STATE_DEACTIVATING, "deactivating"),
        (State.TRANSITION_STATE_ERRORPROCESSING, "errorprocessing")}
    available = operator.call(GetAvailableTransitions, "get_available_transitions")
    assert [(found.transition.label, found.start_state.label, found.goal_state.label)
            for found in available.available_transitions] == [
        ("configure", "unconfigured", "configuring"),
        ("shutdown", "unconfigured", "shuttingdown")]
    graph = operator.call(GetAvailableTransitions, "get_transition_graph").available_transitions
    assert len(graph) == 25
    assert {edge.goal_state.label for edge in graph
            if edge.start_state.label == "errorprocessing"} == {"unconfigured", "finalized"}


def test_transitions_are_announced(managed: Managed, operator: Operator) -> None:
    operator.spin_until(lambda: managed.count_subscribers("/managed/transition_event") > 0)
    for _ in range(100):  # until the two have found each other
        managed.trigger_configure()
        managed.trigger_cleanup()
        operator.executor.spin_once(timeout_sec=0.05)
        if operator.events:
            break
    operator.spin_until(lambda: operator.events[-1].goal_state.label == "unconfigured"
                        and operator.events[-1].start_state.label == "cleaningup")
    operator.events.clear()
    managed.trigger_configure()
    operator.spin_until(lambda: len(operator.events) == 2)
    assert [(event.start_state.label, event.goal_state.label) for event in operator.events] == [
        ("unconfigured", "configuring"), ("configuring", "inactive")]


def test_lifecycle_publishers_speak_only_while_active(managed: Managed,
                                                      operator: Operator) -> None:
    publisher = managed.create_lifecycle_publisher(String, "/word", 10)
    operator.spin_until(lambda: publisher.get_subscription_count() > 0)
    managed.trigger_configure()
    publisher.publish(String(data="inactive"))
    managed.trigger_activate()
    assert publisher.is_activated
    operator.spin_until(lambda: publisher.publish(String(data="active"))
                        or "active" in operator.heard)
    managed.trigger_deactivate()
    publisher.publish(String(data="inactive again"))
    managed.trigger_activate()
    publisher.publish(String(data="end"))
    operator.spin_until(lambda: "end" in operator.heard)
    assert set(operator.heard) == {"active", "end"}
    assert managed.destroy_lifecycle_publisher(publisher)
