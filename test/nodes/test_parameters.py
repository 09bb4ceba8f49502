"""Parameters: one source for declarations, validation, config/reloc.yaml and the README."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from small_graph import Graph

from nmap_reloc.errors import NmapError
from nmap_reloc.gate import GateOptions
from nmap_reloc.localizer import LocalizerOptions
from nmap_reloc.maps.following import FollowOptions
from nmap_reloc.nodes import parameter_docs
from nmap_reloc.nodes.described import build, described, problem, specs, values_problem
from nmap_reloc.nodes.parameters import ParameterSet
from nmap_reloc.nodes.reloc_parameters import RelocParameters
from nmap_reloc.nodes.tile_manager_parameters import TileManagerParameters
from nmap_reloc.tracking import TrackerOptions

NODES = {"reloc_node": RelocParameters, "tile_manager": TileManagerParameters}


@dataclass(frozen=True)
class Small:
    """One of each type."""

    rate: float = described(20.0, "How often.", group="One", unit="Hz", low=0.5, high=200.0)
    least: int = described(3, "At least.", low=1, high=10)
    most: int = described(5, "At most.", low=1, high=10)
    solver: str = described("auto", "Which.", choices=("auto", "opencv"))
    on: bool = described(True, "Whether.", group="Two")
    fixed: str = described("a", "Never changes.", read_only=True)
    file: str = described("", "Where to write.", path="new")

    @classmethod
    def check(cls, values: Small) -> str | None:
        return "least is more than most" if values.least > values.most else None


def node_with(ros: Graph, **values: Any) -> Any:
    return ros.add(Node("small", parameter_overrides=[
        Parameter(name, value=value) for name, value in values.items()]))


def set_one(node: Any, name: str, value: Any) -> Any:
    return node.set_parameters([Parameter(name, value=value)])[0]


@pytest.mark.parametrize("cls", NODES.values())
def test_every_default_may_be_set(cls: type[Any]) -> None:
    for spec in specs(cls):
        assert problem(spec, spec.default) is None
        assert spec.description.endswith(".") and spec.group
    assert values_problem(cls()) is None


@pytest.mark.parametrize(("name", "value", "wrong"), [
    ("rate", 0.4, "out of range; choose from 0.5..200 Hz"), ("rate", float("nan"), "out of range"),
    ("rate", float("inf"), "out of range"), ("rate", 30, "write 30.0"), ("rate", "x", "double"),
    ("least", 0, "choose from 1..10"), ("least", True, "not of type integer"),
    ("least", 2.0, "not of type integer"), ("on", 1, "write it like true"),
    ("solver", "magic", "choose one of auto, opencv"), ("fixed", "a\nb", "control characters"),
    ("file", "/nowhere/at/all.json", "'/nowhere/at' is no folder"), ("file", "/", "is a folder"),
    ("file", "x" * 5000, "no usable path"), ("file", None, "not of type string")])
def test_what_is_wrong_is_said_with_name_value_and_remedy(name: str, value: Any, wrong: str
                                                          ) -> None:
    spec = next(spec for spec in specs(Small) if spec.name == name)
    said = problem(spec, value)
    assert said is not None and wrong in said
    assert said.startswith(f"parameter {name} ") and "\n" not in said and len(said) < 300


def test_a_number_without_a_range_is_no_parameter() -> None:
    with pytest.raises(TypeError, match="needs low and high"):
        described(1.0, "Unbounded.")


def test_what_is_required_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(NmapError, match=r"parameter map '': must be given.*-p map:="):
        build(RelocParameters, {})
    with pytest.raises(NmapError, match="not there; correct the path"):
        build(RelocParameters, {"map": str(tmp_path / "no")})
    assert build(RelocParameters, {"map": str(tmp_path)}).map == str(tmp_path)


@pytest.mark.parametrize(("values", "wrong"), [
    ({"latency_warn": 900.0, "latency_error": 100.0}, "latency_error 100: less than latency_warn"),
    ({"base_frame": ""}, "base_frame '': must be given"),
    ({"base_frame": "odom"}, "base_frame 'odom': is the odom_frame"),
    ({"map_frame": "odom"}, "odom_frame 'odom': is the map_frame"),
    ({"odom_frame": "/odom"}, "no leading slash")])
def test_values_that_contradict_each_other_are_refused(values: dict[str, Any], wrong: str) -> None:
    said = values_problem(dataclasses.replace(RelocParameters(), **values))
    assert said is not None and wrong in said


def test_the_tracker_gets_every_option_by_its_name() -> None:
    names = {field.name for field in dataclasses.fields(TrackerOptions)}
    assert names <= {spec.name for spec in specs(RelocParameters)}
    assert RelocParameters().tracker_options() == TrackerOptions()
    changed = dataclasses.replace(RelocParameters(), confirm_fixes=7, drift_position=0.3)
    assert changed.tracker_options() == TrackerOptions(confirm_fixes=7, drift_position=0.3)


def test_the_localizer_gets_its_options() -> None:
    assert RelocParameters().localizer_options() == LocalizerOptions(precision="auto")
    changed = dataclasses.replace(RelocParameters(), max_fix_sigma=0.5, min_inliers=33,
                                  solver="opencv", most_voxels=9).localizer_options()
    assert changed.gate == dataclasses.replace(GateOptions(), max_position_sigma=0.5,
                                               min_inliers=33)
    assert (changed.solve.solver, changed.most_voxels) == ("opencv", 9)


def test_the_follower_gets_its_options() -> None:
    default = TileManagerParameters().follow_options()
    assert default == FollowOptions()  # half of the budget: there are two sets during a swap
    changed = dataclasses.replace(TileManagerParameters(), memory_budget=100.0, radius=3.0)
    assert (changed.follow_options().memory, changed.follow_options().radius) == (50_000_000, 3.0)


def test_the_shipped_yaml_is_what_the_source_says(repository: Path) -> None:
    text = (repository / "config" / "reloc.yaml").read_text(encoding="utf-8")
    assert text == parameter_docs.yaml_text(), (
        "run `python -m nmap_reloc.nodes.parameter_docs --write`")
    assert max(map(len, text.splitlines())) < 100


def test_the_readme_is_what_the_source_says(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    assert text == parameter_docs.updated(text), (
        "run `python -m nmap_reloc.nodes.parameter_docs --write`")


def test_the_yaml_gives_every_default_back() -> None:
    parsed = yaml.safe_load(parameter_docs.yaml_text())
    for node, cls in NODES.items():
        values = parsed[f"/**/{node}"]["ros__parameters"]
        assert list(values) == [spec.name for spec in specs(cls)]
        for spec in specs(cls):
            assert type(values[spec.name]) is spec.type and values[spec.name] == spec.default


def test_the_tables_name_every_parameter_and_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert parameter_docs.main([]) == 0
    printed = capsys.readouterr().out
    for cls in NODES.values():
        for spec in specs(cls):
            assert f"| `{spec.name}` | {spec.type_name} |" in printed
    for keys in parameter_docs.KEYS.values():
        for key in keys:
            assert f"| {key.task} | `{key.name}` |" in printed
    rows = [line for line in printed.splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {7, 8}


def test_the_tables_go_where_the_readme_wants_them() -> None:
    markers = ("before\n<!-- parameters:begin -->\nof yore\n<!-- parameters:end -->\nbetween\n"
               "<!-- diagnostics:begin -->\n<!-- diagnostics:end -->\nafter\n")
    once = parameter_docs.updated(markers)
    assert "of yore" not in once and once.startswith("before\n") and once.endswith("-->\nafter\n")
    assert "| `radius` |" in once and "| `lag` |" in once and parameter_docs.updated(once) == once
    with pytest.raises(NmapError, match="parameters:begin"):
        parameter_docs.updated("no markers")


def test_a_node_gets_what_was_given_else_the_default(ros: Graph) -> None:
    values = ParameterSet(node_with(ros, rate=5.0, solver="opencv"), Small).values
    assert values == Small(rate=5.0, solver="opencv")


@pytest.mark.parametrize(("given", "wrong"), [
    ({"rate": 0.1}, ["rate", "0.1", "0.5..200"]), ({"rate": 30}, ["rate", "30", "double"]),
    ({"solver": "magic"}, ["solver", "magic", "choose one of"]),
    ({"rate": float("nan")}, ["rate", "nan", "0.5"]),
    ({"least": 9}, ["least is more than most"])])
def test_a_wrong_value_at_the_start_is_one_line(ros: Graph, given: dict[str, Any],
                                                wrong: list[str]) -> None:
    node = node_with(ros, **given)
    with pytest.raises(NmapError) as caught:
        ParameterSet(node, Small)
    assert all(part in str(caught.value) for part in wrong) and "\n" not in str(caught.value)


def test_a_change_replaces_all_values_at_once(ros: Graph) -> None:
    node, seen = node_with(ros), []
    parameters = ParameterSet(node, Small, lambda old, new: seen.append((old, new)))
    before = parameters.values
    assert set_one(node, "rate", 50.0).successful
    assert parameters.values == Small(rate=50.0) and before == Small()
    assert seen == [(Small(), Small(rate=50.0))]
    assert set_one(node, "rate", 50.0).successful and len(seen) == 1  # nothing new
    assert node.get_parameter("rate").value == 50.0


@pytest.mark.parametrize(("name", "value"), [
    ("rate", 500.0), ("rate", float("nan")), ("rate", 3), ("solver", "magic"), ("fixed", "b"),
    ("least", 6), ("file", "/nowhere/at/all")])
def test_a_change_that_is_wrong_changes_nothing(ros: Graph, name: str, value: Any) -> None:
    node, seen = node_with(ros), []
    parameters = ParameterSet(node, Small, lambda old, new: seen.append(new))
    result = set_one(node, name, value)
    assert not result.successful and result.reason and "\n" not in result.reason
    assert parameters.values == Small() and seen == []
    assert node.get_parameter(name).value == getattr(Small(), name)


def test_two_that_depend_on_each_other_change_together(ros: Graph) -> None:
    node = node_with(ros)
    parameters = ParameterSet(node, Small)
    both = [Parameter("least", value=8), Parameter("most", value=9)]
    assert not node.set_parameters(both[:1])[0].successful
    assert node.set_parameters_atomically(both).successful
    assert parameters.values == Small(least=8, most=9)


def test_other_peoples_parameters_are_left_alone(ros: Graph) -> None:
    node = node_with(ros)
    parameters = ParameterSet(node, Small)
    node.declare_parameter("other", 1)
    assert set_one(node, "other", 99).successful and parameters.values == Small()


def test_over_the_wire_it_is_described_and_judged(ros: Graph) -> None:
    node = node_with(ros)
    parameters = ParameterSet(node, Small)
    asker = ros.add(Node("asker"))
    told = ros.call(asker.create_client(DescribeParameters, "/small/describe_parameters"),
                    DescribeParameters.Request(names=["rate", "least", "solver", "fixed"]))
    rate, least, solver, fixed = told.descriptors
    assert rate.description == "How often. [Hz]"
    assert (rate.floating_point_range[0].from_value, rate.floating_point_range[0].to_value) == (
        0.5, 200.0)
    assert (least.integer_range[0].from_value, least.integer_range[0].to_value) == (1, 10)
    assert solver.additional_constraints == "one of auto, opencv"
    assert fixed.read_only and not rate.read_only
    client = asker.create_client(SetParameters, "/small/set_parameters")
    answers = ros.call(client, SetParameters.Request(parameters=[
        Parameter("rate", value=7.0).to_parameter_msg(),
        Parameter("solver", value="magic").to_parameter_msg()])).results
    assert [answer.successful for answer in answers] == [True, False]
    assert "magic" in answers[1].reason and parameters.values == Small(rate=7.0)
