"""Substitutions, conditions, scopes and arguments of launch files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    AppendEnvironmentVariable,
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
)
from launch.conditions import IfCondition, UnlessCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import (
    AndSubstitution,
    EnvironmentVariable,
    LaunchConfiguration,
    NotSubstitution,
    OrSubstitution,
    PathJoinSubstitution,
    PythonExpression,
    TextSubstitution,
    ThisLaunchFileDir,
)
from launch.utilities import perform_substitutions
from launch_ros.actions import PushRosNamespace
from launch_ros.substitutions import FindPackageShare
from launch_support import run

pytestmark = pytest.mark.usefixtures("launch_output")


def noted(into: dict[str, str], *names: str, **kwargs: Any) -> OpaqueFunction:
    """Writes down launch configurations as they are when it is visited ("-": not set)."""
    def note(context: LaunchContext) -> None:
        into.update({name: context.launch_configurations.get(name, "-") for name in names})
    return OpaqueFunction(function=note, **kwargs)


@pytest.mark.parametrize(("substitution", "expected"), [
    (TextSubstitution(text="a b"), "a b"),
    (LaunchConfiguration("known"), "7"),
    (LaunchConfiguration("unknown", default="x"), "x"),
    (LaunchConfiguration(["kno", "wn"]), "7"),
    (EnvironmentVariable("NMAP_TEST", default_value="none"), "none"),
    (PathJoinSubstitution(["a", LaunchConfiguration("known"), "b.yaml"]), "a/7/b.yaml"),
    (PythonExpression([LaunchConfiguration("known"), " * 2"]), "14"),
    (PythonExpression(["'", LaunchConfiguration("known"), "' == '7'"]), "True"),
    (PythonExpression("floor(2.5)"), "2"),
    (NotSubstitution("true"), "false"),
    (AndSubstitution("true", NotSubstitution("false")), "true"),
    (OrSubstitution("false", "false"), "false"),
])
def test_substitutions(substitution: Any, expected: str) -> None:
    context = LaunchContext()
    context.launch_configurations["known"] = "7"
    assert substitution.perform(context) == expected


@pytest.mark.parametrize("substitution", [
    LaunchConfiguration("unknown"), EnvironmentVariable("NMAP_TEST_UNKNOWN"),
    NotSubstitution("perhaps")])
def test_substitutions_without_text_say_so(substitution: Any) -> None:
    with pytest.raises(Exception, match=r"unknown|UNKNOWN|perhaps"):
        substitution.perform(LaunchContext())


def test_the_share_directory_has_the_launch_files(repository: Path) -> None:
    share = Path(FindPackageShare("nmap_reloc").perform(LaunchContext()))
    assert (share / "launch" / "reloc.launch.py").is_file()
    assert (share / "package.xml").read_text() == (repository / "package.xml").read_text()
    with pytest.raises(LookupError, match="no_such_package"):
        FindPackageShare("no_such_package").perform(LaunchContext())


def test_conditions_decide_what_is_executed() -> None:
    seen: dict[str, str] = {}
    assert run(SetLaunchConfiguration("yes", "True"),
               noted(seen, "a", condition=IfCondition(LaunchConfiguration("yes"))),
               noted(seen, "b", condition=UnlessCondition("1")),
               noted(seen, "c", condition=IfCondition("0")),
               noted(seen, "d", condition=UnlessCondition("false"))) == 0
    assert seen.keys() == {"a", "d"}


def test_a_condition_that_is_neither_true_nor_false_ends_the_launch() -> None:
    seen: dict[str, str] = {}
    assert run(noted(seen, "a", condition=IfCondition("perhaps"))) == 1
    assert not seen


def test_groups_have_a_scope_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMAP_TEST", "outside")
    inside, after = {}, {}
    variable: dict[str, str] = {}

    def note(context: LaunchContext) -> None:
        variable["inside"] = context.environment["NMAP_TEST"]
        variable["namespace"] = context.launch_configurations["ros_namespace"]

    names = ("a", "b", "ros_namespace")
    assert run(SetLaunchConfiguration("a", "1"),
               GroupAction([SetLaunchConfiguration("b", "2"), PushRosNamespace("robot"),
                            PushRosNamespace("left"), SetEnvironmentVariable("NMAP_TEST", "in"),
                            AppendEnvironmentVariable("NMAP_TEST", "side", separator=""),
                            OpaqueFunction(function=note), noted(inside, *names)]),
               GroupAction([SetLaunchConfiguration("open", "3")], scoped=False),
               noted(after, *names, "open")) == 0
    assert inside == {"a": "1", "b": "2", "ros_namespace": "/robot/left"}
    assert after == {"a": "1", "b": "-", "ros_namespace": "-", "open": "3"}
    assert variable == {"inside": "inside", "namespace": "/robot/left"}
    assert EnvironmentVariable("NMAP_TEST").perform(LaunchContext()) == "outside"


INCLUDED = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
import builtins
def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument("needed", description="It is."),
        DeclareLaunchArgument("optional", default_value="b"),
        DeclareLaunchArgument("one_of", default_value="x", choices=["x", "y"]),
        OpaqueFunction(function=lambda context: builtins.nmap_seen.append(
            dict(context.launch_configurations)))])
"""


@pytest.fixture
def included(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[dict[str, str]]]:
    seen: list[dict[str, str]] = []
    monkeypatch.setattr("builtins.nmap_seen", seen, raising=False)
    path = tmp_path / "included.launch.py"
    path.write_text(INCLUDED)
    return path, seen


def include(path: Path, *arguments: tuple[str, Any]) -> IncludeLaunchDescription:
    return IncludeLaunchDescription(PythonLaunchDescriptionSource(str(path)),
                                    launch_arguments=arguments)


def test_arguments_reach_an_included_file(included: tuple[Path, list[dict[str, str]]]) -> None:
    path, seen = included
    assert run(SetLaunchConfiguration("outer", "o"),
               include(path, ("needed", ["n", LaunchConfiguration("outer")]))) == 0
    assert seen == [{"outer": "o", "needed": "no", "optional": "b", "one_of": "x"}]


def test_an_included_file_can_be_included_again(
        included: tuple[Path, list[dict[str, str]]], tmp_path: Path) -> None:
    path, seen = included
    middle = tmp_path / "middle.launch.py"
    middle.write_text(f"""
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, ThisLaunchFileDir
def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument("mine", default_value="m"),
        IncludeLaunchDescription(PythonLaunchDescriptionSource({str(path)!r}),
                                 launch_arguments=[("needed", LaunchConfiguration("mine"))])])
""")
    assert run(include(middle)) == 0
    assert [entry["needed"] for entry in seen] == ["m"]


@pytest.mark.parametrize("arguments", [[], [("needed", "a"), ("one_of", "z")]])
def test_missing_and_wrong_arguments_end_the_launch(
        included: tuple[Path, list[dict[str, str]]], arguments: list[tuple[str, str]],
        capfd: pytest.CaptureFixture[str]) -> None:
    path, seen = included
    assert run(include(path, *arguments)) == 1
    assert not seen
    said = "".join(capfd.readouterr())
    assert "needed" in said if not arguments else "one_of" in said


def test_what_a_file_declares_is_known_before_it_is_launched(
        included: tuple[Path, list[dict[str, str]]]) -> None:
    description = LaunchDescription([
        DeclareLaunchArgument("first", description="One."),
        GroupAction([DeclareLaunchArgument("maybe")], condition=IfCondition("true")),
        include(included[0])])
    arguments = description.get_launch_arguments()
    assert [(one.name, one._conditionally_included) for one in arguments] == [
        ("first", False), ("maybe", True), ("needed", False), ("optional", False),
        ("one_of", False)]
    assert arguments[0].description == "One." and arguments[0].default_value is None
    assert perform_substitutions(LaunchContext(), arguments[3].default_value) == "b"


def test_the_folder_of_the_launch_file_is_known(tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("builtins.nmap_seen", seen, raising=False)
    path = tmp_path / "here.launch.py"
    path.write_text("""
from launch import LaunchDescription
from launch.actions import OpaqueFunction
from launch.substitutions import ThisLaunchFileDir
import builtins
def generate_launch_description():
    return LaunchDescription([OpaqueFunction(function=lambda context: builtins.nmap_seen.append(
        ThisLaunchFileDir().perform(context)))])
""")
    assert run(include(path)) == 0
    assert seen == [str(tmp_path)]
    with pytest.raises(Exception, match="launch"):
        ThisLaunchFileDir().perform(LaunchContext())


def test_all_that_rviz_shows_moves_into_the_namespace(repository: Path) -> None:
    import yaml
    from launch.launch_description_sources import load_python_launch_file_as_module

    text = (repository / "config" / "reloc.rviz").read_text()
    view = yaml.safe_load(text)["Visualization Manager"]
    topics = {part["Topic"]["Value"] for part in (*view["Displays"], *view["Tools"])
              if "Topic" in part}
    file = load_python_launch_file_as_module(str(repository / "launch" / "reloc.launch.py"))
    assert topics == {f"/{name}" for name in file.SHOWN}
