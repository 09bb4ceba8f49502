"""CDR of a message type as two generated functions: runs of numbers become one struct call each.

Plain CDR, version 1, little endian, as ROS 2 writes it; offsets count from behind the header.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from nmap_reloc.standalone.fields import DTYPES, NUMBERS, Field, Number
from nmap_reloc.standalone.source import Source

HEADER = b"\x00\x01\x00\x00"  # CDR, little endian, no options
COUNT = NUMBERS["uint32"]
Write = Callable[[bytearray, Any], None]
Read = Callable[[memoryview, Any], int]


class _Writer(Source):
    """def function(b: bytearray that holds the header, m: message)"""

    def emit(self, run: struct.Struct, values: list[str]) -> None:
        self.add(f"b += {self.name('pack', run.pack)}({', '.join(values)})")

    def pad(self, size: int) -> None:
        self.add(f"b += bytes((4 - len(b)) % {size})")

    def string(self, value: str) -> None:
        text = self.name("text")
        self.add(f"{text} = {value}.encode()")
        self.push(COUNT, f"len({text}) + 1")
        self.flush()
        self.add(f"b += {text}")
        self.add("b.append(0)")
        self.known(1)

    def packed_sequence(self, number: Number, value: str) -> None:
        self.push(COUNT, f"len({value})")
        self.flush()
        if number.size > 4:
            self.add(f"if {value}:")
            self.add(f"    b += bytes((4 - len(b)) % {number.size})")
        self.add(f"b += memoryview({value}).cast('B')")
        self.known(min(4, number.size))

    def packed_array(self, number: Number, length: int, value: str) -> None:
        self.align(number.size)
        self.flush()
        self.add(f"b += {value}.tobytes()")
        self.rest = (self.rest + length * number.size) % self.modulus

    def many(self, field: Field, value: str) -> None:
        if field.shape == "sequence":
            self.push(COUNT, f"len({value})")
        self.flush()
        item = self.name("item")
        self.add(f"for {item} in {value}:")
        self.indent += 1
        self.known(1)
        self.one(field, item)
        self.flush()
        self.indent -= 1
        self.known(1)

    def nested(self, type_name: str, value: str) -> None:
        self.message(type_name, value)

    def finish(self) -> None:
        self.add("return None")


class _Reader(Source):
    """def function(v: memoryview behind the header, m: empty message) -> offset of the end"""

    def __init__(self, head: str, classes: Callable[[str], type]) -> None:
        super().__init__(head)
        self.classes = classes
        self.add("p = 0")

    def emit(self, run: struct.Struct, values: list[str]) -> None:
        targets = ", ".join(values) + "," if values else "()"
        self.add(f"{targets} = {self.name('unpack', run.unpack_from)}(v, p)")
        self.add(f"p += {run.size}")

    def pad(self, size: int) -> None:
        self.add(f"p = p + {size - 1} & -{size}")

    def take(self, count: str) -> None:
        """Moves p behind count bytes; what was there is v[q:p]."""
        self.add(f"q, p = p, p + {count}")
        self.add("if p > len(v): raise TruncatedError")

    def string(self, value: str) -> None:
        count = self.name("count")
        self.push(COUNT, count)
        self.flush()
        self.take(count)
        self.add(f"{value} = str(v[q:p - 1], 'utf-8', 'replace') if {count} else ''")
        self.known(1)

    def packed_sequence(self, number: Number, value: str) -> None:
        count = self.name("count")
        self.push(COUNT, count)
        self.flush()
        if number.size > 4:
            self.add(f"if {count}: p = p + {number.size - 1} & -{number.size}")
        self.take(f"{count} * {number.size}")
        self.add(f"{value} = array('{number.code}')")
        self.add(f"{value}.frombytes(v[q:p])")
        self.known(min(4, number.size))

    def packed_array(self, number: Number, length: int, value: str) -> None:
        self.align(number.size)
        self.flush()
        self.take(str(length * number.size))
        self.add(f"{value} = np.frombuffer(v[q:p], '{DTYPES[number.code]}').copy()")
        self.rest = (self.rest + length * number.size) % self.modulus

    def many(self, field: Field, value: str) -> None:
        items, item = self.name("items"), self.name("item")
        count = str(field.length)
        if field.shape == "sequence":
            count = self.name("count")
            self.push(COUNT, count)
        self.flush()
        self.add(f"{value} = {items} = []")
        self.add(f"for _ in range({count}):")
        self.indent += 1
        self.known(1)
        self.one(field, item)
        self.flush()
        self.add(f"{items}.append({item})")
        self.indent -= 1
        self.known(1)

    def nested(self, type_name: str, value: str) -> None:
        inner = self.name("message")
        cls = self.name("Class", self.classes(type_name))
        self.add(f"{value} = {inner} = new({cls})")
        self.message(type_name, inner)

    def finish(self) -> None:
        self.add("return p")


def make_write(type_name: str) -> Write:
    """Appends a message's CDR to a bytearray that holds HEADER."""
    code = _Writer("def function(b, m):")
    code.message(type_name, "m")
    write: Write = code.compile()
    return write


def make_read(type_name: str, classes: Callable[[str], type]) -> Read:
    """Fills an empty message from CDR without its header; returns the offset of its end.

    Raises TruncatedError or struct.error where the bytes end too early."""
    code = _Reader("def function(v, m):", classes)
    code.message(type_name, "m")
    read: Read = code.compile()
    return read
