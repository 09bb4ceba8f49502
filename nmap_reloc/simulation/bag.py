"""Writes ROS 2 recordings (mcap) that ``ros2 bag play`` plays, on Humble and later."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from nmap_reloc.simulation.messages import store

# Metadata of version 8 states QoS in numbers: all of Humble, Iron, Jazzy and later read them.
_VERSION: Literal[8] = 8
_FOREVER = QosTime(9223372036, 854775807)


def qos(depth: int, latched: bool = False) -> Qos:
    """Reliable; latched: transient local, so that late subscribers get the last messages too."""
    durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
    return Qos(QosHistory.KEEP_LAST, depth, QosReliability.RELIABLE, durability, _FOREVER,
               _FOREVER, QosLiveliness.AUTOMATIC, _FOREVER, False)


class BagWriter:
    """``with BagWriter(folder, topics) as bag: bag.write(topic, ns, message)``.

    topics: name -> (message type, QoS). The folder must not exist yet; messages are to be given in
    the order of their times. Chunks are compressed by zstd inside the file, which players undo.
    """

    def __init__(self, folder: Path, topics: dict[str, tuple[str, Qos]]) -> None:
        self._writer = Writer(folder, version=_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._topics = topics
        self._connections: dict[str, Any] = {}

    def __enter__(self) -> BagWriter:
        self._writer.open()
        for topic, (kind, offered) in self._topics.items():
            self._connections[topic] = self._writer.add_connection(
                topic, kind, typestore=store(), offered_qos_profiles=[offered])
        return self

    def write(self, topic: str, ns: int, message: Any) -> None:
        """ns: the time at which it was received, since the epoch."""
        connection = self._connections[topic]
        self._writer.write(connection, ns, store().serialize_cdr(message, connection.msgtype))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._writer.__exit__(kind, error, trace)
