"""Parameter values from YAML files and from ``name:=value``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rclpy._rclpy_pybind11 import RCLInvalidROSArgsError

from nmap_reloc.errors import one_line

SECTION = "ros__parameters"


class _Loader(yaml.SafeLoader):
    """YAML as ROS 2 reads it: 1e3 and 1. are numbers, dates are text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (the base class's own shape)
        first: [(tag, pattern) for tag, pattern in resolvers
                if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789"))



def _sequence(loader: _Loader, node: yaml.SequenceNode) -> list[Any]:
    return loader.construct_sequence(node)


# What launch_ros writes of a list; ROS 2's own reader looks at no tags of sequences.
_Loader.add_constructor("tag:yaml.org,2002:python/tuple", _sequence)


@dataclass(frozen=True)
class NodeParameterSet:
    """Values for the nodes whose full names a pattern matches."""

    node: str  # "/ns/name"; "*" is one name, "**" any number of names
    values: dict[str, Any]

    def applies(self, full_node_name: str) -> bool:
        """Says whether the pattern matches."""
        parts = []
        for token in self.node.strip("/").split("/"):
            parts.append(r"(/\w+)*" if token == "**" else
                         "/" + re.escape(token).replace(r"\*", r"\w+"))
        return re.fullmatch("".join(parts), full_node_name) is not None


def parse_parameter(text: str) -> NodeParameterSet:
    """``name:=value`` or ``node:name:=value``; RCLInvalidROSArgsError."""
    left, separator, value = text.partition(":=")
    node, colon, name = left.rpartition(":")
    try:
        if not separator or not name or (colon and not node):
            raise ValueError("it is not of the form name:=value or node:name:=value")
        return NodeParameterSet(_absolute(node) if node else "/**",
                                {name: _checked(name, yaml.load(value, _Loader))})
    except (ValueError, yaml.YAMLError) as error:
        raise RCLInvalidROSArgsError(
            "Failed to parse ROS arguments: Couldn't parse parameter override rule: "
            f"'-p {text}'. Error: {one_line(error, None)}") from error


def read_params_file(path: str) -> list[NodeParameterSet]:
    """The sections of a params file in their order; RCLInvalidROSArgsError."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
        sets: list[NodeParameterSet] = []
        if content is not None:
            _collect("", content, sets)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RCLInvalidROSArgsError(
            f"Failed to parse ROS arguments: Couldn't parse params file: '--params-file {path}'. "
            f"Error: {one_line(error, None)}") from error
    return sets


def _collect(name: str, content: Any, sets: list[NodeParameterSet]) -> None:
    """Namespaces nest; below a node's name comes the section with its values."""
    if not isinstance(content, dict):
        raise ValueError(f"'{name or 'the file'}' must hold names of nodes, and below each "
                         f"'{SECTION}'")
    for key, value in content.items():
        if key == SECTION:
            if not name:
                raise ValueError(f"'{SECTION}' must be below the name of a node; /** is any")
            sets.append(NodeParameterSet(_absolute(name), _flatten("", value)))
        else:
            _collect(f"{name}/{str(key).strip('/')}", value, sets)


def _absolute(name: str) -> str:
    return "/" + name.strip("/")


def _flatten(prefix: str, content: Any) -> dict[str, Any]:
    """Nested mappings -> names with dots."""
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError(f"'{prefix or SECTION}' must be a mapping of names to values")
    values: dict[str, Any] = {}
    for key, value in content.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, dict):
            values.update(_flatten(name, value))
        else:
            values[name] = _checked(name, value)
    return values


def _checked(name: str, value: Any) -> Any:
    """The value, where a parameter can hold it; ValueError."""
    if isinstance(value, list):
        kinds = {type(element) for element in value}
        if len(kinds) > 1 or not kinds <= {bool, int, float, str}:
            raise ValueError(f"the elements of '{name}' must be of one type: {value!r}")
    elif not isinstance(value, (bool, int, float, str)):
        raise ValueError(f"'{name}' has no value that a parameter can hold: {value!r}")
    return value
