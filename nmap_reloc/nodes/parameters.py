"""A node's ROS parameters, declared from and kept as one frozen dataclass."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from nmap_reloc.errors import NmapError, one_line
from nmap_reloc.nodes.described import Spec, build, described, problem, specs, values_problem

__all__ = ["ParameterSet", "described"]

P = TypeVar("P")


class ParameterSet(Generic[P]):
    """`values` is always a whole, valid instance; a successful `ros2 param set` replaces it.

    on_change: called with (old, new) after a change, in the thread that spins the node.
    NmapError: a value given at start-up is wrong; names the parameter, the value, the remedy.
    """

    def __init__(self, node: Node, cls: type[P],
                 on_change: Callable[[P, P], None] | None = None):
        self._specs = {spec.name: spec for spec in specs(cls)}
        self._on_change = on_change
        self._lock = threading.Lock()
        given = {spec.name: _declare(node, spec) for spec in self._specs.values()}
        self.values: P = build(cls, given)
        node.add_on_set_parameters_callback(self._judge)
        # Since Iron a second callback comes when no other one can refuse any more.
        self._judge_takes = not hasattr(node, "add_post_set_parameters_callback")
        if not self._judge_takes:
            node.add_post_set_parameters_callback(self._take)

    def _mine(self, parameters: list[Any]) -> dict[str, Any]:
        return {parameter.name: parameter.value for parameter in parameters
                if parameter.name in self._specs}

    def _judge(self, parameters: list[Any]) -> SetParametersResult:
        changed = self._mine(parameters)
        for name, value in changed.items():
            found = problem(self._specs[name], value)
            if found is not None:
                return SetParametersResult(successful=False, reason=found)
        found = values_problem(replace(self.values, **changed))  # type: ignore[type-var]
        if found is not None:
            return SetParametersResult(successful=False, reason=found)
        if self._judge_takes:
            self._take(parameters)
        return SetParametersResult(successful=True)

    def _take(self, parameters: list[Any]) -> None:
        changed = self._mine(parameters)
        if not changed:
            return
        with self._lock:  # two threads of an executor may set two parameters at once
            old = self.values
            self.values = replace(old, **changed)  # type: ignore[type-var]
            new = self.values
        if self._on_change is not None and new != old:
            self._on_change(old, new)


def descriptor(spec: Spec) -> ParameterDescriptor:
    """What `ros2 param describe` tells."""
    made = ParameterDescriptor(
        name=spec.name, description=_told(spec), read_only=spec.read_only,
        additional_constraints=f"one of {spec.span()}" if spec.choices else "")
    if spec.low is not None and spec.high is not None:
        if spec.type is int:
            made.integer_range = [IntegerRange(from_value=int(spec.low), to_value=int(spec.high))]
        else:
            made.floating_point_range = [
                FloatingPointRange(from_value=float(spec.low), to_value=float(spec.high))]
    return made


def _told(spec: Spec) -> str:
    return f"{spec.description} [{spec.unit}]" if spec.unit else spec.description


def _declare(node: Node, spec: Spec) -> object:
    """The value in force: given at start-up, else the default. NmapError: of another type or out
    of range, which rclpy finds before we can."""
    try:
        value: object = node.declare_parameter(spec.name, spec.default, descriptor(spec)).value
    except ParameterException as error:
        said = one_line(error, None)
        kind = "double, with a point as in 30.0" if spec.type is float else spec.type_name
        wanted = kind + (f", in {spec.span()}" if spec.span() else "")
        raise NmapError(f"parameter {spec.name}: {said}; give a value of type {wanted}"
                        ) from error
    return value
