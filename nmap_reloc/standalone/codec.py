"""CDR of a message type as two generated functions: runs of numbers become one struct call each.

Plain CDR, version 1, little endian, as ROS 2 writes it; offsets count from behind the header.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from nmap_reloc.standalone.fields import DTYPES, Field, Number, fields_of

HEADER = b"\x00\x01\x00\x00"  # CDR, little endian, no options
Write = Callable[[bytearray, Any], None]
Read = Callable[[memoryview, int], tuple[Any, int]]


class _Code:
    """Lines of one function, what it refers to, and what is known of the offset's alignment."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"np": np}
        self.indent = 1
        self.count = 0
        self.modulus = 8  # the offset is known to be `rest` modulo this
        self.rest = 0
        self.run: list[tuple[Number, int, str]] = []

    def add(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)

    def fresh(self, prefix: str, value: Any = None) -> str:
        """A name nobody uses yet; bound to value in the function's globals where there is one."""
        self.count += 1
        name = f"{prefix}{self.count}"
        if value is not None:
            self.names[name] = value
        return name

    def forget(self) -> None:
        """After something of unknown size."""
        self.modulus, self.rest = 1, 0

    def push(self, number: Number, count: int, value: str) -> None:
        """Adds numbers to the run. A run starts anew where the alignment is not known."""
        if number.size > self.modulus:
            self.flush()
            self.align(number.size)
        self.run.append((number, count, value))
        self.rest = (self.rest + -self.rest % number.size + count * number.size) % self.modulus

    def layout(self) -> tuple[str, str]:
        """struct format of the run with its padding, and the values, comma separated."""
        at = (self.start if self.run else 0)
        parts, values = [], []
        for number, count, value in self.run:
            parts.append("x" * (-at % number.size) + f"{count if count > 1 else ''}{number.code}")
            at += -at % number.size + count * number.size
            values.append(value)
        return "<" + "".join(parts), ", ".join(values)
