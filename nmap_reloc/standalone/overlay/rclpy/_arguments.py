"""The ROS arguments of a command line: remap rules, parameters, log levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rclpy import _names
from rclpy._params_files import NodeParameterSet, parse_parameter, read_params_file
from rclpy._rclpy_pybind11 import RCLInvalidROSArgsError, UnknownROSArgsError

ROS_ARGS = "--ros-args"
END = "--"
LEVELS = ("UNSET", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


@dataclass(frozen=True)
class RemapRule:
    """``node:scheme://match:=replacement``; a None matches everything."""

    node: str | None
    kind: str | None  # "topic", "service", "node", "ns"; None: topics and services
    match: str
    replacement: str

    @classmethod
    def parse(cls, text: str) -> RemapRule:
        """RCLInvalidROSArgsError where the text is no rule."""
        left, separator, replacement = text.partition(":=")
        node: str | None = None
        if ":" in left and not left.startswith(("rostopic://", "rosservice://")):
            node, _, left = left.partition(":")
        kind = None
        for scheme, what in (("rostopic://", "topic"), ("rosservice://", "service")):
            if left.startswith(scheme):
                kind, left = what, left[len(scheme):]
        if left in ("__node", "__name", "__ns"):
            kind = "ns" if left == "__ns" else "node"
        flaw = _rule_flaw(separator, kind, node, left, replacement)
        if flaw:
            raise RCLInvalidROSArgsError(
                f"Failed to parse ROS arguments: Couldn't parse remap rule: '-r {text}'. "
                f"Error: {flaw}")
        return cls(node, kind, left, replacement)

    def applies(self, kind: str, node: str) -> bool:
        """Says whether the rule speaks of this kind of name in this node."""
        if self.node not in (None, node):
            return False
        return self.kind == kind or (self.kind is None and kind in ("topic", "service"))


def _rule_flaw(separator: str, kind: str | None, node: str | None, match: str,
               replacement: str) -> str:
    """What is wrong with a remap rule; empty where nothing is."""
    if not separator:
        return "there is no ':=' in it"
    if node is not None and _names.node_name_flaw(node):
        return f"'{node}' is no node name"
    if kind == "node":
        flaw = _names.node_name_flaw(replacement)
    elif kind == "ns":
        flaw = _names.namespace_flaw(replacement)
    else:
        flaw = _names.topic_flaw(match) or _names.topic_flaw(replacement)
    return flaw[0] if flaw else ""


@dataclass(frozen=True)
class Arguments:
    """What the ROS arguments of one command line say, in their order."""

    remaps: tuple[RemapRule, ...] = ()
    parameters: tuple[NodeParameterSet, ...] = ()
    log_levels: tuple[tuple[str, str], ...] = ()  # logger ("": the default), level
    rosout: bool = True
    stdout: bool = True

    @classmethod
    def parse(cls, args: Sequence[str]) -> Arguments:
        """UnknownROSArgsError, RCLInvalidROSArgsError."""
        remaps: list[RemapRule] = []
        parameters: list[NodeParameterSet] = []
        levels: list[tuple[str, str]] = []
        switches = {"rosout": True, "stdout": True, "external-lib": True}
        unknown: list[str] = []
        words = iter([word for word, is_ros in _scoped(args) if is_ros])
        for word in words:
            if word in ("-r", "--remap"):
                remaps.append(RemapRule.parse(_value(word, words)))
            elif word in ("-p", "--param"):
                parameters.append(parse_parameter(_value(word, words)))
            elif word == "--params-file":
                parameters.extend(read_params_file(_value(word, words)))
            elif word == "--log-level":
                levels.append(_log_level(_value(word, words)))
            elif word in ("-e", "--enclave", "--log-config-file", "--log-file-name"):
                _value(word, words)  # of security and of log files: there are none here
            elif _switch(word) in switches:
                switches[_switch(word)] = word.startswith("--enable-")
            else:
                unknown.append(word)
        if unknown:
            raise UnknownROSArgsError(unknown)
        return cls(tuple(remaps), tuple(parameters), tuple(levels), switches["rosout"],
                   switches["stdout"])


def _switch(word: str) -> str:
    """``--enable-NAME-logs`` or ``--disable-NAME-logs`` -> NAME."""
    if word.startswith(("--enable-", "--disable-")) and word.endswith("-logs"):
        return word.split("-", 3)[3][:-len("-logs")]
    return ""


def _value(option: str, words: Iterator[str]) -> str:
    value = next(words, None)
    if value is None:
        raise RCLInvalidROSArgsError(
            f"Failed to parse ROS arguments: Couldn't parse trailing {option} flag. "
            "No value after it")
    return value


def _log_level(text: str) -> tuple[str, str]:
    """``level`` or ``logger:=level`` -> logger and level."""
    logger, separator, level = text.rpartition(":=")
    if level.upper() not in LEVELS or bool(logger) != bool(separator):
        raise RCLInvalidROSArgsError(
            f"Failed to parse ROS arguments: Couldn't parse log level rule: "
            f"'--log-level {text}'. Error: the level is one of {', '.join(LEVELS).lower()}")
    return logger, level.upper()


def _scoped(args: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Each argument, and whether it is a ROS argument; the markers themselves are left out."""
    ros = False
    for word in args:
        if word == ROS_ARGS:
            ros = True
        elif ros and word == END:
            ros = False
        else:
            yield word, ros


def non_ros_arguments(args: Sequence[str]) -> list[str]:
    """What remains for the program."""
    return [word for word, is_ros in _scoped(args) if not is_ros]


def first_rule(sources: Sequence[Arguments], kind: str, node: str) -> str | None:
    """The replacement of a node's own name or namespace; the first source counts most."""
    for source in sources:
        for rule in source.remaps:
            if rule.applies(kind, node):
                return rule.replacement
    return None


def remap(sources: Sequence[Arguments], kind: str, full_name: str, node: str,
          namespace: str) -> str:
    """A fully qualified topic or service name after the first rule that matches it."""
    for source in sources:
        for rule in source.remaps:
            if rule.applies(kind, node) \
                    and _names.expand(rule.match, node, namespace) == full_name:
                return _names.expand(rule.replacement, node, namespace)
    return full_name


def overrides(sources: Sequence[Arguments], full_node_name: str) -> dict[str, Any]:
    """Parameter values for a node; the last source and in it the last word counts."""
    values: dict[str, Any] = {}
    for source in sources:
        for parameters in source.parameters:
            if parameters.applies(full_node_name):
                values.update(parameters.values)
    return values
