"""What a parameter's descriptor allows: type, read-only, ranges and steps."""

from __future__ import annotations

import math

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.parameter import Parameter

RELATIVE_TOLERANCE = 1e-6  # of floating point values against bounds and steps
WRONG_TYPE = "Wrong parameter type"


def check(parameter: Parameter, descriptor: ParameterDescriptor, *, declared: bool,
          check_read_only: bool) -> SetParametersResult:
    """Success, or the reason why the descriptor refuses the parameter."""
    reason = _refusal(parameter, descriptor, declared, check_read_only)
    return SetParametersResult(successful=not reason, reason=reason)


def _refusal(parameter: Parameter, descriptor: ParameterDescriptor, declared: bool,
             check_read_only: bool) -> str:
    """The reason in words; empty where there is none."""
    not_set = parameter.type_ == Parameter.Type.NOT_SET
    if check_read_only and descriptor.read_only:
        return f"Trying to set a read-only parameter: {parameter.name}."
    if not descriptor.dynamic_typing:
        if declared and not_set:
            return "Static parameter cannot be undeclared"
        if not not_set and parameter.type_.value != descriptor.type:
            return (f"{WRONG_TYPE}, expected 'Type.{Parameter.Type(descriptor.type).name}' "
                    f"got 'Type.{parameter.type_.name}'")
    if parameter.type_ == Parameter.Type.INTEGER and len(descriptor.integer_range):
        return _integer_refusal(parameter, descriptor.integer_range[0])
    if parameter.type_ == Parameter.Type.DOUBLE and len(descriptor.floating_point_range):
        return _float_refusal(parameter, descriptor.floating_point_range[0])
    return ""


def _integer_refusal(parameter: Parameter, allowed: IntegerRange) -> str:
    low, high = sorted((allowed.from_value, allowed.to_value))
    value = parameter.value
    if value in (low, high):  # the bounds are good whatever the step
        return ""
    if not low < value < high:
        return f"Parameter {parameter.name} out of range. Min: {low}, Max: {high}, value: {value}"
    if allowed.step and (value - low) % allowed.step:
        return (f"The parameter value for {parameter.name} is not a valid step. "
                f"Min: {low}, max: {high}, value: {value}, step: {allowed.step}")
    return ""


def _float_refusal(parameter: Parameter, allowed: FloatingPointRange) -> str:
    low, high = sorted((allowed.from_value, allowed.to_value))
    value = parameter.value
    if _close(value, low) or _close(value, high):
        return ""
    if not low < value < high:  # a NaN too
        return f"Parameter {parameter.name} out of range Min: {low}, Max: {high}, value: {value}"
    if allowed.step:
        nearest = low + round((value - low) / allowed.step) * allowed.step
        if not _close(nearest, value):
            return (f"The parameter value for {parameter.name} is not close enough to a valid "
                    f"step. Min: {low}, max: {high}, value: {value}, step: {allowed.step}")
    return ""


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=RELATIVE_TOLERANCE)
