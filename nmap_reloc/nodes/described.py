"""Parameters as the fields of a frozen dataclass: the single source of all that is said of them.

    @dataclass(frozen=True)
    class Values:
        radius: float = described(30.0, "Tiles within it are loaded.", unit="m", low=0, high=1e4)

Declarations, validation, config/reloc.yaml and the README's table come from the fields. No ROS.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from nmap_reloc.errors import NmapError

Value = bool | int | float | str
T = TypeVar("T", bool, int, float, str)
PathKind = Literal["", "existing", "new"]
TYPE_NAMES = {bool: "bool", int: "integer", float: "double", str: "string"}


@dataclass(frozen=True)
class Spec:
    """What is known of one parameter. low..high: inclusive, of numbers only; choices: of strings;
    path: "existing" must be there, "new" needs its folder; both may be empty unless required."""

    name: str
    default: Value
    description: str
    group: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    read_only: bool
    required: bool
    path: PathKind

    @property
    def type(self) -> type[Value]:
        return type(self.default)

    @property
    def type_name(self) -> str:
        """As ROS calls it."""
        return TYPE_NAMES[self.type]

    def span(self) -> str:
        """What may be set, for people: ``0.1..100``, ``auto, onnx``, or nothing."""
        if self.choices:
            return ", ".join(self.choices)
        if self.low is None or self.high is None:
            return ""
        return f"{number(self.low)}..{number(self.high)}"


def described(default: T, description: str, *, group: str = "", unit: str = "",
              low: float | None = None, high: float | None = None, choices: tuple[str, ...] = (),
              read_only: bool = False, required: bool = False, path: PathKind = "") -> T:
    """A dataclass field with all that a user is to know of it. Numbers need low and high, for
    rqt_reconfigure draws sliders; a group, said once, holds for the fields after it."""
    numeric = isinstance(default, (int, float)) and not isinstance(default, bool)
    if numeric and (low is None or high is None):
        raise TypeError(f"{description}: a number needs low and high")
    details = {"description": description, "group": group, "unit": unit, "low": low,
               "high": high, "choices": choices, "read_only": read_only,
               "required": required, "path": path}
    value: T = dataclasses.field(default=default, metadata={"described": details})
    return value


def specs(cls: type[Any]) -> tuple[Spec, ...]:
    """One per field, in order."""
    found: list[Spec] = []
    for field in dataclasses.fields(cls):
        details = dict(field.metadata["described"])
        details["group"] = details["group"] or (found[-1].group if found else "")
        default: Any = field.default
        found.append(Spec(name=field.name, default=default, **details))
    return tuple(found)


def problem(spec: Spec, value: object) -> str | None:
    """None where the value may be set, else one line: parameter, value, what is wrong, remedy."""
    said = f"parameter {spec.name} {shown(value)}"
    if type(value) is not spec.type:
        return f"{said}: is not of type {spec.type_name}; {_typed_remedy(spec, value)}"
    if (isinstance(value, (int, float)) and spec.low is not None and spec.high is not None
            and not (math.isfinite(value) and spec.low <= value <= spec.high)):
        unit = f" {spec.unit}" if spec.unit else ""
        return f"{said}: out of range; choose from {spec.span()}{unit}"
    if isinstance(value, str):
        return _text_problem(spec, value, said)
    return None


def values_problem(values: Any) -> str | None:
    """The first problem of a whole instance: field by field, then its own check()."""
    for spec in specs(type(values)):
        found = problem(spec, getattr(values, spec.name))
        if found is not None:
            return found
    check = getattr(type(values), "check", None)
    return None if check is None else check(values)


def build(cls: type[Any], given: Mapping[str, object]) -> Any:
    """An instance of `cls` with these values. NmapError names the first that is wrong."""
    for spec in specs(cls):
        if spec.required and given.get(spec.name, spec.default) == "":
            raise NmapError(f"parameter {spec.name} '': must be given; {spec.description} Set it "
                            f"with `-p {spec.name}:=…` or in the parameters file")
    values = cls(**given)
    found = values_problem(values)
    if found is not None:
        raise NmapError(found)
    return values


def expanded(path: str) -> Path:
    """The path that a parameter names: ``~`` is the home folder."""
    return Path(path).expanduser()


def number(value: float) -> str:
    """The shortest that reads well: 30, 0.1, 1e+06."""
    return f"{value:g}" if value == float(f"{value:g}") else repr(value)


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _typed_remedy(spec: Spec, value: object) -> str:
    if spec.type is float and type(value) is int:
        return f"write {value}.0"
    if spec.type is str:
        return "put it in quotes"
    return f"write it like {spec.default!r}".replace("True", "true").replace("False", "false")


def _text_problem(spec: Spec, value: str, said: str) -> str | None:
    if spec.choices and value not in spec.choices:
        return f"{said}: unknown; choose one of {', '.join(spec.choices)}"
    if not value.isprintable():
        return f"{said}: holds control characters; write plain text"
    if not value or not spec.path:
        return None
    try:
        path = expanded(value)
        if spec.path == "existing" and not path.exists():
            return f"{said}: not there; correct the path or create it"
        if spec.path == "new" and (path.is_dir() or not path.parent.is_dir()):
            what = "is a folder" if path.is_dir() else f"{shown(str(path.parent))} is no folder"
            return f"{said}: {what}; name a file in a folder that exists"
    except (OSError, RuntimeError) as error:  # too long a name; ~ of an unknown user
        reason = getattr(error, "strerror", None) or str(error)
        return f"{said}: no usable path ({reason}); correct it"
    return None
