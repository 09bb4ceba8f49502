"""Makes a double strict: what is not in signatures.txt does not exist, wrong arguments raise."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

TEXT = (Path(__file__).parent / "signatures.txt").read_text(encoding="utf-8")
LINES = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
METHODS: dict[str, list[tuple[tuple[str, str, bool], ...]]] = {}  # name -> overloads
PROPERTIES: dict[str, str] = {}
ENUMS: dict[str, dict[str, int]] = {}
ALIASES: dict[str, str] = {}


def _read() -> None:
    for line in LINES:
        if found := re.fullmatch(r"([\w.]+)\((.*)\) -> (.+)", line):
            name, text, _ = found.groups()
            arguments = []
            for part in re.split(r", (?=\w+: )", text)[1:]:
                argument, _, kind = part.partition(": ")
                kind, default, _ = kind.partition(" = ")
                arguments.append((argument, kind, bool(default)))
            METHODS.setdefault(name, []).append(tuple(arguments))
        elif found := re.fullmatch(r"([\w.]+): (ro|rw)", line):
            PROPERTIES[found[1]] = found[2]
        elif found := re.fullmatch(r"([\w.]+)\.(\w+) = (\d+)", line):
            ENUMS.setdefault(found[1], {})[found[2]] = int(found[3])
        elif found := re.fullmatch(r"(\w+) is DataType\.(\w+)", line):
            ALIASES[found[1]] = found[2]
        else:
            raise AssertionError(f"signatures.txt: {line}")


_read()


def enum(name: str) -> Any:
    """As pybind11 makes them: members, a value, no order."""
    return Enum(name.rpartition(".")[2], ENUMS[name])


def documented(classes: dict[str, Any]) -> Callable[[type], type]:
    """classes: the double's own, for arguments that are of them."""
    def wrap(cls: type) -> type:
        classes[cls.__name__] = cls
        for name, member in list(vars(cls).items()):
            full = f"{cls.__name__}.{name}"
            if isinstance(member, property):
                mode = PROPERTIES[full]  # KeyError: TensorRT has no such property
                assert (member.fset is not None) == (mode == "rw"), full
            elif inspect.isfunction(member) and (not name.startswith("_") or full in METHODS):
                setattr(cls, name, _strict(full, member, classes))
        return cls
    return wrap


def _strict(full: str, function: Callable[..., Any], classes: dict[str, Any]
            ) -> Callable[..., Any]:
    overloads = METHODS[full]  # KeyError: TensorRT has no such method

    def call(self: Any, *given: Any, **named: Any) -> Any:
        for arguments in overloads:
            values = _match(arguments, given, named, classes)
            if values is not None:
                return function(self, **values)
        raise TypeError(f"{full}(): incompatible function arguments: {given} {named}; supported: "
                        f"{overloads}")
    call.__name__ = function.__name__
    return call


def _match(arguments: tuple[tuple[str, str, bool], ...], given: tuple[Any, ...],
           named: dict[str, Any], classes: dict[str, Any]) -> dict[str, Any] | None:
    if len(given) > len(arguments):
        return None
    values = dict(zip((name for name, _, _ in arguments), given, strict=False))
    if set(values) & set(named):
        return None
    values |= named
    kinds = {name: kind for name, kind, _ in arguments}
    if set(values) - set(kinds) or any(name not in values and not default
                                       for name, _, default in arguments):
        return None
    return values if all(_is(value, kinds[name], classes)
                         for name, value in values.items()) else None


def _is(value: Any, kind: str, classes: dict[str, Any]) -> bool:
    if kind == "Dims":  # implicitly made of tuples and lists
        return isinstance(value, (tuple, list, classes["Dims"])) and all(
            hasattr(size, "__index__") for size in value)
    if kind == "int":
        return hasattr(value, "__index__")
    if kind == "buffer":
        return isinstance(value, (bytes, bytearray, memoryview))
    plain = {"str": str, "bool": bool, "tuple": tuple, "list": list, "slice": slice}
    if kind in plain:
        return isinstance(value, plain[kind])
    if kind.startswith("List["):
        return isinstance(value, list) and all(_is(v, kind[5:-1], classes) for v in value)
    return kind in classes and isinstance(value, classes[kind])
