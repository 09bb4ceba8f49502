"""What the fields of a message are: type, default and which Python values they accept.

Values are those of ROS 2's own Python messages: sequences of numbers are array.array, fixed-size
arrays of numbers numpy, byte is bytes of length one, everything else int, float, bool, str, list.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype

from nmap_reloc.standalone import typestore

Check = Callable[[Any], Any]


@dataclass(frozen=True)
class Number:
    """A primitive. ros: its name in get_fields_and_field_types; code: for struct and array."""

    ros: str
    code: str
    size: int
    python: type

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the greatest value of an integer."""
        bits = 8 * self.size
        if self.code.isupper():
            return 0, 2**bits - 1
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


NUMBERS = {
    "bool": Number("boolean", "?", 1, bool),
    "byte": Number("octet", "c", 1, bytes),
    "char": Number("uint8", "B", 1, int),
    "int8": Number("int8", "b", 1, int),
    "uint8": Number("uint8", "B", 1, int),
    "int16": Number("int16", "h", 2, int),
    "uint16": Number("uint16", "H", 2, int),
    "int32": Number("int32", "i", 4, int),
    "uint32": Number("uint32", "I", 4, int),
    "int64": Number("int64", "q", 8, int),
    "uint64": Number("uint64", "Q", 8, int),
    "float32": Number("float", "f", 4, float),
    "float64": Number("double", "d", 8, float),
}
DTYPES = {"b": "int8", "B": "uint8", "h": "int16", "H": "uint16", "i": "int32", "I": "uint32",
          "q": "int64", "Q": "uint64", "f": "float32", "d": "float64"}


@dataclass(frozen=True)
class Field:
    """One field. base: a key of NUMBERS, "string" or a message type; shape: one, array (of length
    ``length``) or sequence (of at most ``length``, 0: any); limit: most characters of a string."""

    name: str
    base: str
    shape: str = "one"
    length: int = 0
    limit: int = 0

    @property
    def number(self) -> Number | None:
        return NUMBERS.get(self.base)

    @property
    def packed(self) -> bool:
        """Whether it is numbers that lie side by side in memory (array.array or numpy)."""
        number = self.number
        return self.shape != "one" and number is not None and number.python in (int, float)

    @property
    def ros_type(self) -> str:
        """As get_fields_and_field_types says it."""
        number = self.number
        if number is not None:
            base = number.ros
        elif self.base == "string":
            base = f"string<{self.limit}>" if self.limit else "string"
        else:
            base = self.base.replace("/msg/", "/")
        if self.shape == "array":
            return f"{base}[{self.length}]"
        if self.shape == "sequence":
            return f"sequence<{base}, {self.length}>" if self.length else f"sequence<{base}>"
        return base


def fields_of(name: str) -> list[Field]:
    """The fields of a message type, in order."""
    return [_field(field, kind) for field, kind in typestore.store().fielddefs[name][1]]


def _field(name: str, kind: Any) -> Field:
    shape, length = "one", 0
    if kind[0] in (Nodetype.ARRAY, Nodetype.SEQUENCE):
        shape = "array" if kind[0] == Nodetype.ARRAY else "sequence"
        kind, length = kind[1]
    if kind[0] == Nodetype.NAME:
        return Field(name, kind[1], shape, length)
    base, limit = kind[1]
    return Field(name, base, shape, length, limit)


def constants_of(name: str) -> dict[str, Any]:
    """The constants of a message type."""
    constants = typestore.store().fielddefs[name][0]
    return {key: bytes([int(value)]) if kind == "byte" else value
            for key, kind, value in constants}


def default_of(field: Field, make: Callable[[str], Any], owner: str) -> Callable[[], Any]:
    """What a new message has in the field. make: builds a message of a named type."""
    value = typestore.DEFAULTS.get((owner, field.name))
    if value is not None:
        return lambda: value
    number = field.number
    one: Callable[[], Any]
    if number is not None:
        zero = b"\0" if number.python is bytes else number.python()
        one = lambda: zero  # noqa: E731
    elif field.base == "string":
        one = str
    else:
        one = lambda: make(field.base)  # noqa: E731
    if field.shape == "one":
        return one
    if field.packed and number is not None:
        code, dtype = number.code, DTYPES[number.code]
        if field.shape == "array":
            return lambda: np.zeros(field.length, dtype)
        return lambda: array.array(code)
    count = field.length if field.shape == "array" else 0
    return lambda: [one() for _ in range(count)]


def check_of(field: Field, owner: str, message: Callable[[str], type]) -> Check:
    """The setter's test: returns the value to store; AssertionError as ROS 2's messages raise."""
    number = field.number
    label = f"The '{field.name}' field of {owner}"
    if field.packed and number is not None:
        return _check_packed(field, number, label)
    if number is not None:
        item = _check_number(number, label)
    elif field.base == "string":
        item = _check_kind(str, label)
    else:
        item = _check_message(message, field.base, label)
    return item if field.shape == "one" else _check_list(field, item, label)


def _check_kind(kind: type, label: str) -> Check:
    def check(value: Any) -> Any:
        assert isinstance(value, kind), f"{label} must be {kind.__name__}, not {value!r}"
        return value

    return check


def _check_message(message: Callable[[str], type], base: str, label: str) -> Check:
    def check(value: Any) -> Any:
        assert isinstance(value, message(base)), f"{label} must be {base}, not {value!r}"
        return value

    return check


def _check_number(number: Number, label: str) -> Check:
    kind = _check_kind(number.python, label)
    if number.python is bytes:
        def check_byte(value: Any) -> Any:
            assert isinstance(value, bytes) and len(value) == 1, f"{label} must be one byte"
            return value

        return check_byte
    if number.python is not int:
        return kind
    least, most = number.bounds

    def check(value: Any) -> Any:
        kind(value)
        assert least <= value <= most, f"{label} must be in {least} .. {most}, not {value!r}"
        return value

    return check


def _check_list(field: Field, item: Check, label: str) -> Check:
    def check(value: Any) -> Any:
        assert isinstance(value, (Sequence, Set)) and not isinstance(value, (str, bytes)), \
            f"{label} must be a sequence, not {value!r}"
        _check_length(field, value, label)
        for each in value:
            item(each)
        return value if isinstance(value, list) else list(value)

    return check


def _check_packed(field: Field, number: Number, label: str) -> Check:
    code, dtype = number.code, np.dtype(DTYPES[number.code])

    def check_sequence(value: Any) -> Any:
        if isinstance(value, array.array):
            assert value.typecode == code, f"{label} must be array('{code}'), not {value.typecode}"
        else:
            assert isinstance(value, (Sequence, Set)) and not isinstance(value, str), \
                f"{label} must be a sequence of numbers, not {type(value).__name__}"
            value = _array(number, value, label)
        _check_length(field, value, label)
        return value

    def check_array(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            value = np.array(_array(number, value, label), dtype)
        assert value.dtype == dtype, f"{label} must be {dtype}, not {value.dtype}"
        assert value.size == field.length, f"{label} must have {field.length} numbers"
        return value

    return check_array if field.shape == "array" else check_sequence


def _array(number: Number, value: Any, label: str) -> array.array[Any]:
    packed = array.array(number.code)
    if number.code == "B" and isinstance(value, (bytes, bytearray, memoryview)):
        packed.frombytes(value)
        return packed
    wrong = [each for each in value if not isinstance(each, number.python)]
    assert not wrong, f"{label} must hold {number.python.__name__}, not {wrong[:1]}"
    try:
        packed.extend(value)
    except OverflowError as problem:
        raise AssertionError(f"{label}: {problem}") from None
    return packed


def _check_length(field: Field, value: Any, label: str) -> None:
    if field.shape == "array":
        assert len(value) == field.length, f"{label} must have {field.length} items"
    elif field.length:
        assert len(value) <= field.length, f"{label} must have at most {field.length} items"
