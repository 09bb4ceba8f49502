"""Nodes that a launch starts: what reaches them of names, parameters and remappings, and the
lifecycle nodes among them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from launch import LaunchContext
from launch.actions import (
    EmitEvent,
    GroupAction,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetLaunchConfiguration,
    Shutdown,
)
from launch.event_handlers import OnProcessExit
from launch.events import matches_action
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node, PushRosNamespace, SetParameter, SetRemap
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_support import run
from lifecycle_msgs.msg import Transition

pytestmark = pytest.mark.usefixtures("launch_output")

REPORTER = """#!{python}
import json, sys
from nmap_reloc import standalone
standalone.enable()
import rclpy
from rclpy.node import Node
rclpy.init()
node = Node("own_name", automatically_declare_parameters_from_overrides=True)
told = dict(node.get_parameters_by_prefix(""))
print("TOLD " + json.dumps({{
    "name": node.get_fully_qualified_name(), "topic": node.resolve_topic_name("image"),
    "private": node.resolve_topic_name("~/pose"), "arguments": sys.argv[1:],
    "parameters": {{name: list(one.value) if hasattr(one.value, "__len__")
                    and not isinstance(one.value, str) else one.value
                    for name, one in told.items()}}}}), flush=True)
node.destroy_node()
rclpy.shutdown()
"""
MANAGED = """#!{python}
from nmap_reloc import standalone
standalone.enable()
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

class Managed(LifecycleNode):
    def on_configure(self, state):
        refuse = self.declare_parameter("refuse", False).value
        return TransitionCallbackReturn.FAILURE if refuse else TransitionCallbackReturn.SUCCESS

rclpy.init()
node = Managed("own_name")
try:
    rclpy.spin(node)
except (KeyboardInterrupt, ExternalShutdownException):
    pass
"""


def executable(folder: Path, text: str) -> str:
    path = folder / "program"
    path.write_text(text.format(python=sys.executable))
    path.chmod(0o755)
    return str(path)


def told(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    said = "".join(capfd.readouterr())
    lines = [line for line in said.splitlines() if "TOLD " in line]
    assert len(lines) == 1, said
    return dict(json.loads(lines[0].partition("TOLD ")[2]))


def test_a_node_gets_names_parameters_and_remappings(
        tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "given.yaml"
    file.write_text("/**:\n  ros__parameters:\n    of_file: 1\n    both: file\n"
                    "some_other_node:\n  ros__parameters:\n    foreign: 1\n")
    program = executable(tmp_path, REPORTER)
    node = Node(
        executable=program, name="given_name", namespace=["a", LaunchConfiguration("n")],
        parameters=[ParameterFile(str(file)), {
            "both": "dictionary", "nested": {"inner": 2.5}, "guessed": LaunchConfiguration("n"),
            "text": ParameterValue(LaunchConfiguration("n"), value_type=str),
            "typed": ParameterValue(LaunchConfiguration("n"), value_type=float),
            "flag": ParameterValue(LaunchConfiguration("flag"), value_type=bool),
            "empty": "", "list": [1.0, 2.0], "names": ["u", "v"], "path": "/maps/7"}],
        remappings=[("image", ["cam", LaunchConfiguration("n")])], arguments=["--mine"],
        output="screen")
    assert run(SetLaunchConfiguration("n", "7"), SetLaunchConfiguration("flag", "true"), node) == 0
    found = told(capfd)
    assert found["name"] == node.node_name == "/a7/given_name"
    assert found["topic"] == "/a7/cam7" and found["private"] == "/a7/given_name/pose"
    assert found["arguments"][0] == "--mine"
    parameters = found["parameters"]
    for own in ("use_sim_time", "start_type_description_service"):
        parameters.pop(own, None)
    assert parameters == {
        "of_file": 1, "both": "dictionary", "nested.inner": 2.5, "guessed": 7, "text": "7",
        "typed": 7.0, "flag": True, "empty": "", "list": [1.0, 2.0], "names": ["u", "v"],
        "path": "/maps/7"}


def test_a_scope_gives_its_nodes_namespace_parameters_and_remappings(
        tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    node = Node(executable=executable(tmp_path, REPORTER), output="screen",
                parameters=[{"both": "own"}])
    after: dict[str, str] = {}

    def note(context: LaunchContext) -> None:
        after.update(context.launch_configurations)

    assert run(GroupAction([PushRosNamespace("robot"), SetParameter("scale", 2),
                            SetParameter("both", "scope"), SetRemap("image", "camera"), node]),
               OpaqueFunction(function=note)) == 0
    found = told(capfd)
    assert found["name"] == "/robot/own_name" and found["topic"] == "/robot/camera"
    assert found["parameters"]["scale"] == 2 and found["parameters"]["both"] == "own"
    assert not {"ros_namespace", "global_params", "ros_remaps"} & after.keys()


def test_an_executable_that_is_not_there_ends_the_launch(
        capfd: pytest.CaptureFixture[str]) -> None:
    assert run(Node(package="nmap_reloc", executable="no_such_node")) == 1
    assert "no_such_node" in "".join(capfd.readouterr())


def test_the_packages_own_executables_are_found(capfd: pytest.CaptureFixture[str]) -> None:
    node = Node(package="nmap_reloc", executable="evaluation_node", output="screen")
    assert run(node) == 0  # it says what it lacks, and ends by itself
    said = "".join(capfd.readouterr())
    assert "[evaluation_node-" in said and "output: not set" in said
    assert node.return_code == 1


def lifecycle(tmp_path: Path, **parameters: Any) -> LifecycleNode:
    return LifecycleNode(executable=executable(tmp_path, MANAGED), name="managed",
                         namespace=f"robot_{os.getpid()}", parameters=[parameters],
                         output="screen")


def to(node: LifecycleNode, transition: int) -> EmitEvent:
    return EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(node),
                                       transition_id=transition))


def test_a_lifecycle_node_is_configured_and_activated(
        tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    node, seen = lifecycle(tmp_path), []

    def on(start: str, goal: str, *entities: Any) -> RegisterEventHandler:
        return RegisterEventHandler(OnStateTransition(
            target_lifecycle_node=node, start_state=start, goal_state=goal, entities=[
                OpaqueFunction(function=lambda _: seen.append(goal)), *entities]))

    assert run(on("configuring", "inactive", to(node, Transition.TRANSITION_ACTIVATE)),
               on("activating", "active", LogInfo(msg="at work"), Shutdown(reason="done")),
               node, to(node, Transition.TRANSITION_CONFIGURE)) == 0
    assert seen == ["inactive", "active"]
    assert "at work" in "".join(capfd.readouterr())
    assert node.return_code == 0


def test_a_refused_transition_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    node = lifecycle(tmp_path, refuse=True)
    refused = OnStateTransition(target_lifecycle_node=node, start_state="configuring",
                                goal_state="unconfigured", entities=[Shutdown(reason="refused")])
    ended: list[int] = []
    assert run(RegisterEventHandler(refused), RegisterEventHandler(OnProcessExit(
        target_action=node, on_exit=lambda event, _: ended.append(event.returncode))),
        node, to(node, Transition.TRANSITION_CONFIGURE)) == 0
    said = "".join(capfd.readouterr())
    assert "Failed to make transition 'TRANSITION_CONFIGURE' for LifecycleNode" in said \
        or "due to shutdown" in said
    assert ended == [0]


def test_a_transition_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="9999"):
        ChangeState(lifecycle_node_matcher=lambda _: True, transition_id=9999)
