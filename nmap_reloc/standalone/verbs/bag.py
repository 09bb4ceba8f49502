"""A ROS 2 recording: its topics, how they were published, and the raw messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmap_reloc.errors import NmapError, one_line


@dataclass(frozen=True)
class Topic:
    """A recorded topic. offered: the recorded rosbags Qos of its publishers."""

    name: str
    kind: str
    count: int
    offered: tuple[Any, ...]


class Bag:
    """start, end: recording times of the first and last message in ns."""

    def __init__(self, path: Path, reader: Any) -> None:
        self._path = path
        self._reader = reader
        self.start, self.end = reader.start_time, reader.end_time

    def topics(self) -> list[Topic]:
        found: dict[str, Topic] = {}
        for one in self._reader.connections:
            known = found.get(one.topic)
            found[one.topic] = Topic(
                one.topic, one.msgtype, one.msgcount + (known.count if known else 0),
                (*(known.offered if known else ()), *one.ext.offered_qos_profiles))
        return sorted(found.values(), key=lambda topic: topic.name)

    def messages(self, topics: set[str], start: int) -> Iterator[tuple[str, int, bytes]]:
        """(topic, recording time in ns, CDR) from a time on, in order. NmapError: damaged."""
        wanted = [one for one in self._reader.connections if one.topic in topics]
        try:
            for connection, recorded, raw in self._reader.messages(wanted, start=start):
                yield connection.topic, recorded, bytes(raw)
        except Exception as problem:  # rosbags raises whatever the bytes provoke
            raise _damaged(self._path, problem) from None


@contextmanager
def open_bag(path: Path) -> Iterator[Bag]:
    """A folder with metadata.yaml, or an .mcap or .db3 file. NmapError: it is none of these."""
    from rosbags.rosbag2 import Reader

    if not path.exists():
        raise NmapError(f"{path}: no such file or folder; name a recording")
    try:
        reader = Reader(path)
        reader.open()
    except Exception as problem:  # rosbags raises whatever the bytes provoke
        raise _damaged(path, problem) from None
    try:
        bag = Bag(path, reader)
        if not any(topic.count for topic in bag.topics()):
            raise NmapError(f"{path}: a recording without messages; record it again")
        yield bag
    finally:
        reader.close()


def _damaged(path: Path, problem: Exception) -> NmapError:
    said = one_line(problem, 120) or type(problem).__name__
    return NmapError(f"{path}: damaged or no ROS 2 recording ({said}); try 'ros2 bag reindex' or "
                     "record it again")
