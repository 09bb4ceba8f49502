"""Who else is in the domain, read from the topics that DDS keeps about itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nmap_reloc.standalone.dds import matching
from nmap_reloc.standalone.dds.native import (
    ALIVE_INSTANCE,
    BUILTIN_PARTICIPANT,
    BUILTIN_PUBLICATION,
    BUILTIN_SUBSCRIPTION,
    BuiltinEndpoint,
    BuiltinParticipant,
    SampleInfo,
    check,
    lib,
    pointer,
    user_data,
)
from nmap_reloc.standalone.dds.qos import Qos, read_qos

ANY_SAMPLE_AND_VIEW = 1 | 2 | 4 | 8
AT_FIRST = 256  # entries asked for; more where there are more


@dataclass(frozen=True)
class RawEndpoint:
    """A writer or reader on DDS: names as DDS spells them, gid [16 bytes]."""

    gid: bytes
    participant: bytes
    topic: str
    type_name: str
    qos: Qos
    type_hash: str
    shadow: bool


class Discovery:
    """Reads the built-in topics. They are local: nothing is sent by asking."""

    def __init__(self, participant: int) -> None:
        self._lock = threading.Lock()
        self._participants, self._writers, self._readers = (
            check(lib.dds_create_reader(participant, topic, None, None), "discovering")
            for topic in (BUILTIN_PARTICIPANT, BUILTIN_PUBLICATION, BUILTIN_SUBSCRIPTION))

    def participants(self) -> set[bytes]:
        """GIDs of the participants that are alive, our own among them."""
        return set(self._read(self._participants, BuiltinParticipant,
                              lambda entry: bytes(entry.key.value)))

    def writers(self) -> list[RawEndpoint]:
        """All writers in the domain."""
        return self._read(self._writers, BuiltinEndpoint, _endpoint)

    def readers(self) -> list[RawEndpoint]:
        """All readers in the domain, without shadows."""
        return [reader for reader in self._read(self._readers, BuiltinEndpoint, _endpoint)
                if not reader.shadow]

    def _read(self, reader: int, kind: Any, convert: Callable[[Any], Any]) -> list[Any]:
        size = AT_FIRST
        while True:
            data, infos = (pointer * size)(), (SampleInfo * size)()
            with self._lock:
                count = lib.dds_read_mask(
                    reader, data, infos, size, size, ANY_SAMPLE_AND_VIEW | ALIVE_INSTANCE)
                if count <= 0:  # nobody, or the participant is gone
                    return []
                found = [convert(kind.from_address(data[i]))
                         for i in range(count) if infos[i].valid_data]
                lib.dds_return_loan(reader, data, count)
            if count < size:
                return found
            size *= 2


def _endpoint(entry: Any) -> RawEndpoint:
    said = user_data(entry.qos)
    return RawEndpoint(
        bytes(entry.key.value), bytes(entry.participant.value),
        (entry.topic or b"").decode("utf-8", "replace"),
        (entry.type or b"").decode("utf-8", "replace"),
        matching.offered(read_qos(entry.qos), said), said.get("typehash", ""),
        matching.is_shadow(said))
