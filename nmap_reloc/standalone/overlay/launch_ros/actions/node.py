"""A ROS node in a process of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from launch import LaunchContext, SomeSubstitutionsType
from launch.actions import ExecuteProcess
from launch.logging import get_logger
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch_ros.parameter_descriptions import (
    Parameter,
    ParameterFile,
    evaluate_dictionary,
)
from launch_ros.utilities import executable_command, make_namespace_absolute, prefix_namespace

_files: tempfile.TemporaryDirectory[str] | None = None  # of parameters; gone with the process


def _new_file() -> Path:
    global _files
    if _files is None:
        _files = tempfile.TemporaryDirectory(prefix="launch_params_")
    handle, path = tempfile.mkstemp(dir=_files.name, suffix=".yaml")
    os.close(handle)
    return Path(path)


class Node(ExecuteProcess):
    """A node: its executable with name, namespace, parameters and remappings as ROS arguments.

    parameters: dictionaries, files, or Parameter; the last that names a parameter wins.
    """

    UNSPECIFIED_NODE_NAME = "<node_name_unspecified>"
    UNSPECIFIED_NODE_NAMESPACE = "<node_namespace_unspecified>"

    def __init__(self, *, executable: SomeSubstitutionsType,
                 package: SomeSubstitutionsType | None = None,
                 name: SomeSubstitutionsType | None = None,
                 namespace: SomeSubstitutionsType | None = None,
                 exec_name: SomeSubstitutionsType | None = None,
                 parameters: Iterable[Any] | None = None,
                 remappings: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]]
                 | None = None,
                 ros_arguments: Iterable[SomeSubstitutionsType] | None = None,
                 arguments: Iterable[SomeSubstitutionsType] | None = None,
                 **kwargs: Any) -> None:
        if isinstance(parameters, (str, Mapping)):
            raise TypeError(f"Expecting list of parameters, got {parameters}")
        super().__init__(cmd=[executable], name=executable if exec_name is None else exec_name,
                         **kwargs)
        self.node_package, self.node_executable = package, executable
        self._given_name, self._given_namespace = name, namespace
        self._parameters, self._remappings = list(parameters or ()), list(remappings or ())
        self._ros_arguments, self._arguments = list(ros_arguments or ()), list(arguments or ())
        self._final_name: str | None = None
        self.expanded_node_namespace = self.UNSPECIFIED_NODE_NAMESPACE
        self.expanded_remapping_rules: list[tuple[str, str]] | None = None

    @property
    def node_name(self) -> str:
        """With its namespace. RuntimeError: not known before the action is executed."""
        if self._final_name is None:
            raise RuntimeError("cannot access 'node_name' before executing action")
        return self._final_name

    def is_node_name_fully_specified(self) -> bool:
        return not any(word in self.node_name for word in (
            self.UNSPECIFIED_NODE_NAME, self.UNSPECIFIED_NODE_NAMESPACE))

    def _perform_substitutions(self, context: LaunchContext) -> None:
        """The command, once."""
        if self._final_name is not None:
            return
        name = self._expanded_name(context)
        package = None if self.node_package is None else _text(context, self.node_package)
        executable = _text(context, self.node_executable)
        ros = [*(_text(context, argument) for argument in self._ros_arguments)]
        if self._given_name is not None:
            ros += ["-r", f"__node:={name}"]
        if self.expanded_node_namespace != self.UNSPECIFIED_NODE_NAMESPACE:
            ros += ["-r", f"__ns:={self.expanded_node_namespace}"]
        ros += self._parameter_arguments(context) + self._remapping_arguments(context)
        what = self.process_description
        what.name = os.path.basename(_text(context, what.name or executable))
        what.cmd = [normalize_to_list_of_substitutions(part) for part in (
            *executable_command(package, executable),
            *(_text(context, argument) for argument in self._arguments), "--ros-args", *ros)]

    def _expanded_name(self, context: LaunchContext) -> str:
        """The node's own name; its namespace and full name are noted."""
        from rclpy.validate_namespace import validate_namespace
        from rclpy.validate_node_name import validate_node_name

        name = self.UNSPECIFIED_NODE_NAME
        if self._given_name is not None:
            name = _text(context, self._given_name)
            validate_node_name(name)
        namespace = prefix_namespace(
            context.launch_configurations.get("ros_namespace"),
            None if self._given_namespace is None else _text(context, self._given_namespace))
        if namespace is not None:
            self.expanded_node_namespace = make_namespace_absolute(namespace)
            validate_namespace(self.expanded_node_namespace)
        self._final_name = f"{self.expanded_node_namespace.rstrip('/')}/{name}"
        return name

    def _parameter_arguments(self, context: LaunchContext) -> list[str]:
        arguments: list[str] = []
        for given in context.launch_configurations.get("global_params", []):
            if isinstance(given, tuple):
                arguments += ["-p", _rule(*given)]
            else:
                arguments += ["--params-file", given]
        for one in self._parameters:
            if isinstance(one, Mapping):
                file = self._written(evaluate_dictionary(context, one))
            elif isinstance(one, Parameter):
                arguments += ["-p", _rule(_text(context, one.name), one.evaluate(context))]
                continue
            elif isinstance(one, ParameterFile):
                file = one.evaluate(context)
            else:
                file = Path(_text(context, one))
            if not file.is_file():
                get_logger("launch_ros.actions.node").warning(
                    f"Parameter file path is not a file: {file}")
                continue
            arguments += ["--params-file", str(file)]
        return arguments

    def _written(self, parameters: dict[str, Any]) -> Path:
        node = self.node_name if self.is_node_name_fully_specified() else "/**"
        file = _new_file()
        file.write_text(yaml.safe_dump({node: {"ros__parameters": parameters}}), encoding="utf-8")
        return file

    def _remapping_arguments(self, context: LaunchContext) -> list[str]:
        given: Any = context.launch_configurations.get("ros_remaps", [])
        rules = [*given, *((_text(context, source), _text(context, target))
                           for source, target in self._remappings)]
        self.expanded_remapping_rules = rules or None
        return [word for source, target in rules for word in ("-r", f"{source}:={target}")]

    def execute(self, context: LaunchContext) -> None:
        self._perform_substitutions(context)
        super().execute(context)
        if self.is_node_name_fully_specified():
            self._warn_of_namesakes(context)

    def _warn_of_namesakes(self, context: LaunchContext) -> None:
        names = context.get_locals_as_dict().get("unique_ros_node_names", {})
        names[self.node_name] = names.get(self.node_name, 0) + 1
        context.extend_globals({"unique_ros_node_names": names})
        if names[self.node_name] > 1:
            get_logger(self.name).warning(
                f"there are now at least {names[self.node_name]} nodes with the name "
                f"{self.node_name} created within this launch context")


def _text(context: LaunchContext, value: SomeSubstitutionsType) -> str:
    return perform_substitutions(context, normalize_to_list_of_substitutions(value))


def _rule(name: str, value: Any) -> str:
    written = yaml.safe_dump(value, default_flow_style=True, width=1 << 20)
    return f"{name}:={written.removesuffix(chr(10)).removesuffix('...').rstrip()}"
