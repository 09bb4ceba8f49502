"""ROS 2 messages and services as Python classes, and their CDR.

The classes behave as those that ROS 2 generates; definitions come from rosbags' type store.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone import typestore
from nmap_reloc.standalone.codec import HEADER, Read, Write, make_read, make_write
from nmap_reloc.standalone.fields import Check, check_of, constants_of, default_of, fields_of
from nmap_reloc.standalone.services import SERVICES
from nmap_reloc.standalone.source import TruncatedError

__all__ = [
    "Message", "Service", "deserialize", "message_class", "package_types", "serialize",
    "service_class", "type_hash", "type_name",
]
type_hash = typestore.type_hash


class Message:
    """Base of all messages. Fields are properties over slots named _field."""

    __slots__ = ()
    __ros_type__: ClassVar[str] = ""
    __ros_fields__: ClassVar[dict[str, str]] = {}
    __ros_plan__: ClassVar[list[tuple[str, Any, Callable[[], Any]]]] = []

    def __init__(self, **values: Any) -> None:
        for name, slot, default in self.__ros_plan__:
            if name in values:
                setattr(self, name, values.pop(name))
            else:
                slot.__set__(self, default())
        assert not values, f"{self.__ros_type__} has no field {', '.join(values)}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return False
        return all(_same(getattr(self, name), getattr(other, name))
                   for name in self.__ros_fields__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__ros_fields__
                           if name != "structure_needs_at_least_one_member")
        return f"{type(self).__module__}.{type(self).__qualname__}({values})"

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        """Name and type of each field, as ROS 2 spells them."""
        return dict(cls.__ros_fields__)


class Service:
    """Base of all services."""

    __ros_type__: ClassVar[str] = ""
    Request: ClassVar[type[Message]]
    Response: ClassVar[type[Message]]


def _same(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, np.ndarray):
        return np.array_equal(mine, theirs)
    return bool(mine == theirs)


@cache
def message_class(name: str) -> type[Message]:
    """The class of sensor_msgs/msg/Image (or sensor_msgs/Image, or a service's half)."""
    full = typestore.normalize(name)
    if full != name:
        return message_class(full)
    package, kind, short = full.split("/")
    fields = fields_of(full)
    namespace: dict[str, Any] = {
        "__slots__": tuple(f"_{field.name}" for field in fields),
        "__module__": f"{package}.{kind}",
        "__ros_type__": full,
        "__ros_fields__": {field.name: field.ros_type for field in fields},
        **constants_of(full),
    }
    cls: type[Message] = type(short, (Message,), namespace)
    plan = []
    for field in fields:
        slot = cls.__dict__[f"_{field.name}"]
        check = check_of(field, full, message_class)
        setattr(cls, field.name, property(attrgetter(f"_{field.name}"), _setter(slot, check)))
        plan.append((field.name, slot, default_of(field, _new, full)))
    cls.__ros_plan__ = plan
    return cls


def _new(name: str) -> Message:
    return message_class(name)()


def _setter(slot: Any, check: Check) -> Callable[[Any, Any], None]:
    store = slot.__set__

    def assign(self: Any, value: Any) -> None:
        store(self, check(value))

    return assign


@cache
def service_class(name: str) -> type[Service]:
    """The class of std_srvs/srv/Trigger, with its .Request and .Response."""
    if name not in SERVICES:
        raise NmapError(
            f"service type {name}: not known; the standalone runtime has "
            f"{', '.join(sorted(SERVICES))}"
        )
    package, kind, short = name.split("/")
    return type(short, (Service,), {
        "__module__": f"{package}.{kind}",
        "__ros_type__": name,
        "Request": message_class(f"{name}_Request"),
        "Response": message_class(f"{name}_Response"),
    })


def type_name(cls: type[Any]) -> str:
    """package/msg/Type (or package/srv/Type) of a class that was made here."""
    name = getattr(cls, "__ros_type__", "")
    if not isinstance(name, str) or not name:
        raise NmapError(f"{cls!r}: not a message or service type; import it from its package")
    return name


@cache
def _write(name: str) -> Write:
    return make_write(name)


@cache
def _read(name: str) -> Read:
    return make_read(name, message_class)


def serialize(msg: Message) -> bytes:
    """CDR with its 4-byte header, padded to a multiple of four bytes as DDS carries it."""
    data = bytearray(HEADER)
    _write(msg.__ros_type__)(data, msg)
    data += bytes(-len(data) % 4)
    return bytes(data)


def deserialize(data: bytes | bytearray | memoryview, cls: type[Any]) -> Any:
    """A message from its CDR; NmapError where the bytes are not one."""
    name = type_name(cls)
    view = memoryview(data)
    if bytes(view[:2]) != HEADER[:2]:
        raise NmapError(
            f"{name}: {len(view)} bytes that are not little-endian CDR; check what publishes them"
        )
    msg = object.__new__(cls)
    try:
        _read(name)(view[4:], msg)
    except (TruncatedError, struct.error):
        raise NmapError(
            f"{name}: {len(view)} bytes are too few for a message of this type; "
            "check what publishes them"
        ) from None
    return msg


def package_types(
    package: str, kind: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """__getattr__ and __dir__ of a module like sensor_msgs.msg: classes are made on first use."""
    names = frozenset(typestore.names_of(package, kind))
    make = message_class if kind == "msg" else service_class

    def lookup(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module '{package}.{kind}' has no attribute '{name}'")
        return make(f"{package}/{kind}/{name}")

    return lookup, lambda: sorted(names)
