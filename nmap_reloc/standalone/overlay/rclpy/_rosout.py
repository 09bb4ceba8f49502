"""Log messages of nodes on the topic /rosout."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rcl_interfaces.msg import Log
from rclpy.time import Time

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.messages import serialize

if TYPE_CHECKING:
    from rclpy._console import Record

    from nmap_reloc.standalone.dds import Writer

TOPIC = "/rosout"
TYPE = "rcl_interfaces/msg/Log"
_writers: dict[str, Writer] = {}  # by the name of the node's logger
_lock = threading.RLock()


def attach(logger: str, writer: Writer) -> None:
    """From now on what the logger and its children say is published."""
    with _lock:
        _writers[logger] = writer


def detach(logger: str, writer: Writer) -> None:
    """The end of it; where two nodes have one name only the owner's."""
    with _lock:
        if _writers.get(logger) is writer:
            del _writers[logger]
    writer.close()


def publish(record: Record) -> None:
    """Loggers that belong to no node publish nothing, neither do those of a past context."""
    with _lock:
        name = record.name
        while name and name not in _writers:
            name = name.rpartition(".")[0]
        if not name:
            return
        message = Log(stamp=Time(nanoseconds=record.stamp).to_msg(), level=record.severity.value,
                      name=record.name, msg=record.message, file=record.file,
                      function=record.function, line=record.line)
        try:
            _writers[name].write(serialize(message))
        except NmapError:  # the domain is closed: a log line is no reason to fail
            del _writers[name]
