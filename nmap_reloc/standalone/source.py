"""The source of a function that walks the fields of a message type, as the codec generates it."""

from __future__ import annotations

import struct
from array import array
from typing import Any

import numpy as np

from nmap_reloc.standalone.fields import Field, Number, fields_of


class TruncatedError(Exception):
    """The bytes end before the message does."""


class Source:
    """Source of one function. What is known of the offset: it is `rest` modulo `modulus`."""

    def __init__(self, head: str) -> None:
        self.lines = [head]
        self.names: dict[str, Any] = {
            "array": array, "np": np, "new": object.__new__, "TruncatedError": TruncatedError,
        }
        self.indent = 1
        self.modulus, self.rest = 8, 0
        self.format = "<"
        self.values: list[str] = []

    def add(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)

    def name(self, prefix: str, value: Any = None) -> str:
        """A fresh name, bound to value among the function's globals."""
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def known(self, modulus: int, rest: int = 0) -> None:
        self.modulus, self.rest = modulus, rest

    def message(self, type_name: str, value: str) -> None:
        for field in fields_of(type_name):
            self.field(field, f"{value}._{field.name}")

    def field(self, field: Field, value: str) -> None:
        number = field.number
        if field.packed and number is not None:
            if field.shape == "sequence":
                self.packed_sequence(number, value)
            else:
                self.packed_array(number, field.length, value)
        elif field.shape == "one":
            self.one(field, value)
        else:
            self.many(field, value)

    def one(self, field: Field, value: str) -> None:
        number = field.number
        if number is not None:
            self.push(number, value)
        elif field.base == "string":
            self.string(value)
        else:
            self.nested(field.base, value)

    def push(self, number: Number, value: str) -> None:
        """Adds a number to the run; a run starts anew where the alignment is not known."""
        self.align(number.size)
        self.format += number.code
        self.values.append(value)
        self.rest = (self.rest + number.size) % self.modulus

    def align(self, size: int) -> None:
        """Pads to a multiple of size: in the run's format, or at run time."""
        if size > self.modulus:
            self.flush()
            self.pad(size)
            self.known(size)
        padding = -self.rest % size
        self.format += "x" * padding
        self.rest = (self.rest + padding) % self.modulus

    def flush(self) -> None:
        """Emits the run."""
        if len(self.format) > 1:
            self.emit(struct.Struct(self.format), self.values)
        self.format, self.values = "<", []

    def compile(self) -> Any:
        self.flush()
        self.finish()
        exec("\n".join(self.lines), self.names)
        return self.names["function"]

    def emit(self, run: struct.Struct, values: list[str]) -> None:
        raise NotImplementedError

    def pad(self, size: int) -> None:
        raise NotImplementedError

    def string(self, value: str) -> None:
        raise NotImplementedError

    def packed_sequence(self, number: Number, value: str) -> None:
        raise NotImplementedError

    def packed_array(self, number: Number, length: int, value: str) -> None:
        raise NotImplementedError

    def many(self, field: Field, value: str) -> None:
        raise NotImplementedError

    def nested(self, type_name: str, value: str) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        raise NotImplementedError
