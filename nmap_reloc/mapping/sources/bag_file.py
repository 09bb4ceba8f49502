"""A ROS 2 recording (mcap or sqlite3): its topics and messages. Only here is rosbags known."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from nmap_reloc.errors import NmapError, one_line

SUFFIXES = (".mcap", ".db3")


@cache
def _types() -> Any:
    """The messages that are read here are the same in every ROS 2 release; the definitions inside
    a recording, which may hold types that can't be parsed, are not needed."""
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS2_HUMBLE)


@dataclass(frozen=True)
class BagFile:
    """A recording at a path that locate() found. Threads and copies open it for themselves."""

    path: Path
    _open: threading.local = field(default_factory=threading.local, compare=False, repr=False)

    def __reduce__(self) -> tuple[type[BagFile], tuple[Path]]:
        return BagFile, (self.path,)

    def topics(self) -> dict[str, tuple[str, int]]:
        """Topic -> (message type, how many). NmapError: a damaged recording."""
        try:
            return {connection.topic: (connection.msgtype, connection.msgcount)
                    for connection in self._reader().connections}
        except Exception as error:  # rosbags raises whatever the bytes provoke
            raise self._damaged(error) from None

    def messages(self, topics: Collection[str], start: int | None = None, stop: int | None = None
                 ) -> Iterator[tuple[str, int, Any]]:
        """(topic, recording time in ns, message) in order. NmapError: a damaged recording."""
        try:
            reader = self._reader()
            wanted = [c for c in reader.connections if c.topic in topics]
            if not wanted:
                return
            for connection, recorded, raw in reader.messages(wanted, start, stop):
                message = _types().deserialize_cdr(raw, connection.msgtype)
                yield connection.topic, recorded, message
        except Exception as error:
            raise self._damaged(error) from None

    def _reader(self) -> Any:
        from rosbags.rosbag2 import Reader

        if not hasattr(self._open, "reader"):
            reader = Reader(self.path)
            reader.open()
            self._open.reader = reader
        return self._open.reader

    def _damaged(self, error: Exception) -> NmapError:
        said = one_line(error, 120) or type(error).__name__
        return NmapError(f"{self.path}: damaged or no ROS 2 recording ({said}); try "
                         "'ros2 bag reindex' or record it again")


def locate(path: Path) -> Path:
    """What rosbags opens: the folder with metadata.yaml, or its one recording without.

    NmapError: no recording, or several without metadata.yaml.
    """
    if not path.exists():
        raise NmapError(f"{path}: no such file or folder; name a recording")
    if path.is_file():
        if path.suffix not in SUFFIXES:
            raise NmapError(f"{path}: not a ROS 2 recording; name one of {', '.join(SUFFIXES)} or "
                            "its folder")
        return path
    if (path / "metadata.yaml").is_file():
        return path
    files = recordings(path)
    if len(files) != 1:
        raise NmapError(f"{path}: no metadata.yaml and {len(files)} recordings "
                        f"({', '.join(SUFFIXES)}); run 'ros2 bag reindex' or name one file")
    return files[0]


def recordings(path: Path) -> list[Path]:
    """The recorded files of a bag, compressed ones included."""
    if path.is_file():
        return [path]
    return sorted(p for p in path.iterdir()
                  if p.suffix in SUFFIXES or p.name.endswith((".mcap.zstd", ".db3.zstd")))


def listing(topics: dict[str, tuple[str, int]]) -> str:
    """The topics in one line, for an error message."""
    found = "; ".join(f"{name} {kind} x{count}" for name, (kind, count) in sorted(topics.items()))
    return f"topics found: {found or 'none'}"
