"""Parameter values from the command line and from params files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy_support import World, world

FILE = """
/**:
  ros__parameters:
    everywhere: 1
    shared: general
locator:
  ros__parameters:
    shared: own
    rate: 2.5
    small: 1e-3
    names: [a, b]
    numbers: !!python/tuple [1, 2, 3]
    weights: [0.5, 1.0]
    flags: [true, false]
    quoted: "12"
    switch: on
    gate:
      inliers: 12
      deep:
        sigma: 0.25
/ns/locator:
  ros__parameters:
    rate: 7.0
fleet:
  one:
    locator:
      ros__parameters:
        rate: 8.0
/*/helper:
  ros__parameters:
    rate: 9.0
"""


@pytest.fixture
def params_file(tmp_path: Path) -> str:
    """The file above."""
    path = tmp_path / "params.yaml"
    path.write_text(FILE)
    return str(path)


def _node(there: World, name: str, **kwargs: Any) -> Node:
    return there.node(name, automatically_declare_parameters_from_overrides=True, **kwargs)


def _values(node: Node) -> dict[str, Any]:
    return {name: parameter.value for name, parameter in node._parameters.items()
            if name not in ("use_sim_time", "start_type_description_service")}


def test_values_of_a_file_reach_the_node_they_are_for(params_file: str) -> None:
    with world("--ros-args", "--params-file", params_file) as there:
        values = _values(_node(there, "locator"))
        values = {name: list(value) if hasattr(value, "__len__") and not isinstance(value, str)
                  else value for name, value in values.items()}
        assert values == {
            "everywhere": 1, "shared": "own", "rate": 2.5, "small": 0.001, "names": ["a", "b"],
            "numbers": [1, 2, 3], "weights": [0.5, 1.0], "flags": [True, False], "quoted": "12",
            "switch": True, "gate.inliers": 12, "gate.deep.sigma": 0.25}
        assert _values(_node(there, "other")) == {"everywhere": 1, "shared": "general"}


def test_names_of_nodes_are_full_names(params_file: str) -> None:
    with world("--ros-args", "--params-file", params_file) as there:
        for name, namespace, rate in (("locator", "/ns", 7.0), ("locator", "/fleet/one", 8.0),
                                      ("helper", "/anywhere", 9.0)):
            node = _node(there, name, namespace=namespace)
            assert node.get_parameter("rate").value == rate
        assert not _node(there, "helper").has_parameter("rate")


def test_overrides_replace_what_is_declared(params_file: str) -> None:
    with world("--ros-args", "--params-file", params_file) as there:
        node = there.node("locator")
        assert not node.has_parameter("rate")
        assert node.declare_parameter("rate", 30.0).value == 2.5
        assert node.declare_parameter("gate.inliers", 5).value == 12
        assert node.declare_parameter("unknown", 5).value == 5


def test_the_command_line_counts_more_than_the_file_and_the_node_most(params_file: str) -> None:
    with world("--ros-args", "--params-file", params_file, "-p", "locator:rate:=4.5",
               "-p", "locator:names:=[c]", "-p", "text:=some words", "-p", "empty:=''") as there:
        own = [Parameter("shared", value="constructor")]
        node = _node(there, "locator", parameter_overrides=own)
        assert node.get_parameter("rate").value == 4.5
        assert list(node.get_parameter("names").value) == ["c"]
        assert node.get_parameter("text").value == "some words"
        assert node.get_parameter("empty").value == ""
        assert node.get_parameter("shared").value == "constructor"


def test_a_nodes_own_arguments_count_more_than_the_process(params_file: str) -> None:
    with world("--ros-args", "-p", "rate:=1.0") as there:
        node = _node(there, "locator", cli_args=["--ros-args", "--params-file", params_file])
        assert node.get_parameter("rate").value == 2.5
        alone = _node(there, "alone", use_global_arguments=False)
        assert not alone.has_parameter("rate")


@pytest.mark.parametrize("text", [
    "locator: 5", "ros__parameters:\n  a: 1", "locator:\n  ros__parameters:\n    a: [1, x]",
    "locator:\n  ros__parameters: [1]", "{",
])
def test_files_that_cannot_be_read_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(rclpy_implementation.RCLError), \
            world("--ros-args", "--params-file", str(path)):
        pass
