"""Messages as plain values for YAML, and back."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import yaml

from nmap_reloc.errors import NmapError, one_line
from nmap_reloc.standalone.verbs.session import message_class

LONGEST = 128  # items of an array, letters of a text


def to_plain(message: Any, longest: int | None = LONGEST, arrays: bool = True) -> Any:
    """A message -> dictionaries, lists, numbers and text.

    longest: where arrays and text are cut (None: nowhere); arrays False: only their sizes.
    """
    if hasattr(message, "get_fields_and_field_types"):
        return {name: to_plain(getattr(message, name), longest, arrays)
                for name in message.get_fields_and_field_types()}
    if isinstance(message, str):
        cut = longest is not None and len(message) > longest
        return message[:longest] + "..." if cut else message
    if isinstance(message, (bool, int, float)):
        return message
    if hasattr(message, "item") and getattr(message, "ndim", None) == 0:  # a numpy scalar
        return message.item()
    return _array(message, longest, arrays)


def _array(values: Any, longest: int | None, arrays: bool) -> Any:
    if not arrays:
        return f"<sequence of {len(values)}>"
    shown = list(values[:longest] if longest is not None else values)
    plain = [to_plain(value, longest) for value in shown]
    return [*plain, "..."] if len(values) > len(shown) else plain


def to_yaml(message: Any, **options: Any) -> str:
    """As `ros2 topic echo` writes it."""
    plain = to_plain(message, **options)
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=1 << 20))


def pick(message: Any, field: str) -> Any:
    """``pose.pose.position.x`` of a message. NmapError: it has no such field."""
    for name in field.split("."):
        if not hasattr(message, "get_fields_and_field_types") \
                or name not in message.get_fields_and_field_types():
            raise NmapError(f"{field}: {type(message).__name__} has no field {name}")
        message = getattr(message, name)
    return message


def fill(message: Any, values: str) -> Any:
    """Set a message's fields from YAML such as ``{data: hello}``. NmapError: they don't fit."""
    try:
        given = yaml.safe_load(values) if values.strip() else {}
    except yaml.YAMLError as problem:
        raise NmapError(f"{values}: no YAML ({problem}); write it like '{{data: hello}}'"
                        ) from None
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise NmapError(f"{values}: no fields; write them like '{{data: hello}}'")
    return _filled(message, given)


def _filled(message: Any, values: dict[str, Any]) -> Any:
    kinds = message.get_fields_and_field_types()
    if hasattr(message, "_check_fields"):
        message._check_fields = True  # unless asked, Jazzy's own take anything
    for name, value in values.items():
        if name not in kinds:
            raise NmapError(f"{name}: {type(message).__name__} has no such field; it has "
                            f"{', '.join(kinds) or 'none'}")
        try:
            setattr(message, name, _converted(getattr(message, name), kinds[name], value))
        except (AssertionError, TypeError, ValueError, OverflowError) as problem:
            said = one_line(problem, 120)
            raise NmapError(f"{name}: {value!r} is no {kinds[name]} ({said})") from None
    return message


def _converted(present: Any, kind: str, value: Any) -> Any:
    if hasattr(present, "get_fields_and_field_types"):
        if not isinstance(value, dict):
            raise ValueError("fields are needed")
        return _filled(present, value)
    if isinstance(value, list):
        return _list(present, kind, value)
    if isinstance(present, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _list(present: Any, kind: str, values: list[Any]) -> Any:
    element = kind.removeprefix("sequence<").split(">")[0].split("[")[0].split(",")[0]
    if "/" in element:
        package, name = element.split("/")[0], element.split("/")[-1]
        return [_filled(message_class(f"{package}/msg/{name}")(), value) for value in values]
    if isinstance(present, array.array):
        return array.array(present.typecode, values)
    if hasattr(present, "dtype"):
        return np.array(values, present.dtype)
    return [float(value) for value in values] if element in ("float", "double") else values
