"""``nmap-reloc param``: parameters of running nodes."""

from __future__ import annotations

from typing import Any

import yaml
from rclpy.parameter import Parameter

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.verbs.session import (
    call,
    find_node,
    node_names,
    service_class,
    session,
    settle,
)

# Of rcl_interfaces/msg/ParameterType: name, field of ParameterValue.
KINDS = {1: ("Boolean", "bool_value"), 2: ("Integer", "integer_value"),
         3: ("Double", "double_value"), 4: ("String", "string_value"),
         5: ("Byte values", "byte_array_value"), 6: ("Boolean values", "bool_array_value"),
         7: ("Integer values", "integer_array_value"), 8: ("Double values", "double_array_value"),
         9: ("String values", "string_array_value")}


def _ask(node: Any, name: str, service: str, **fields: Any) -> Any:
    kind = service_class(f"rcl_interfaces/srv/{service}")
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in service)
    return call(node, f"{name}/{snake.lstrip('_')}", kind, kind.Request(**fields))


def list_parameters(name: str | None) -> None:
    """Print the names of a node's parameters, or of all nodes'."""
    with session("param") as node:
        if name is not None:
            print(*sorted(_names(node, find_node(node, name))), sep="\n")
            return
        for one in settle(node, lambda: _with_parameters(node)):
            print(f"{one}:")
            for parameter in sorted(_names(node, one)):
                print(f"  {parameter}")


def _with_parameters(node: Any) -> list[str]:
    services = dict(node.get_service_names_and_types())
    return [one for one in sorted(node_names(node)) if f"{one}/list_parameters" in services]


def _names(node: Any, name: str) -> list[str]:
    return list(_ask(node, name, "ListParameters").result.names)


def get(name: str, parameter: str) -> None:
    """Print a parameter's value. NmapError: it is not set."""
    with session("param") as node:
        full = find_node(node, name)
        value = _ask(node, full, "GetParameters", names=[parameter]).values
        if not value or value[0].type not in KINDS:
            raise NmapError(f"{parameter}: {full} has no such parameter; see `nmap-reloc param "
                            f"list {full}`")
        title, field = KINDS[value[0].type]
        plain = getattr(value[0], field)
        plural = title.endswith("values")
        print(f"{title} {'are' if plural else 'value is'}: {list(plain) if plural else plain}")


def change(name: str, parameter: str, value: str) -> None:
    """Set a parameter from YAML. NmapError: the node refuses, with its reason."""
    with session("param") as node:
        full = find_node(node, name)
        message = Parameter(parameter, value=_value(node, full, parameter, value)
                            ).to_parameter_msg()
        results = _ask(node, full, "SetParameters", parameters=[message]).results
        if not results or not results[0].successful:
            reason = results[0].reason if results else "no answer"
            raise NmapError(f"{parameter} {value}: {full} refuses: {reason}")
        print("Set parameter successful")


def _value(node: Any, name: str, parameter: str, text: str) -> Any:
    """As YAML reads it; a whole number becomes a double and anything a text where the parameter
    is one."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    known = _ask(node, name, "GetParameters", names=[parameter]).values
    kind = known[0].type if known else 0
    if kind == 3 and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind == 8 and isinstance(value, list):
        return [float(item) for item in value]
    if kind == 4 or not isinstance(value, (bool, int, float, str, list)):
        return text
    return value


def describe(name: str, parameters: list[str]) -> None:
    """Print type, description and limits of parameters. NmapError: one is not declared."""
    with session("param") as node:
        full = find_node(node, name)
        found = _ask(node, full, "DescribeParameters", names=parameters).descriptors
        if len(found) != len(parameters):
            raise NmapError(f"{', '.join(parameters)}: not all are parameters of {full}; see "
                            f"`nmap-reloc param list {full}`")
        for descriptor in found:
            print("\n".join(_description(descriptor)))


def _description(descriptor: Any) -> list[str]:
    kind = KINDS.get(descriptor.type, ("not set", ""))[0].lower().removesuffix(" values")
    lines = [f"Parameter name: {descriptor.name}",
             f"  Type: {kind}{' array' if descriptor.type > 4 else ''}"]
    if descriptor.description:
        lines.append(f"  Description: {descriptor.description}")
    lines.append("  Constraints:")
    if descriptor.read_only:
        lines.append("    Read only: true")
    for limits in (*descriptor.integer_range, *descriptor.floating_point_range):
        lines += [f"    Min value: {limits.from_value}", f"    Max value: {limits.to_value}"]
        if limits.step:
            lines.append(f"    Step: {limits.step}")
    if descriptor.additional_constraints:
        lines.append(f"    Additional constraints: {descriptor.additional_constraints}")
    return lines if len(lines) > 3 or lines[-1] != "  Constraints:" else lines[:-1]
