"""Clients and servers: a request and a reply topic, each message behind the caller's identity."""

from __future__ import annotations

import ctypes as ct
import itertools
import struct
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from nmap_reloc.standalone.dds import matching
from nmap_reloc.standalone.dds.endpoints import Data, Place, Reader, Writer
from nmap_reloc.standalone.dds.names import dds_type, service_names
from nmap_reloc.standalone.dds.native import check, lib
from nmap_reloc.standalone.dds.qos import Qos
from nmap_reloc.standalone.typestore import type_hash

_HEADER = struct.Struct("<Qq")  # the client's identity and its number of the request
_ENCAPSULATION = 4
_PATIENCE = 0.1  # s that a reply waits for a client whose reader is not matched yet


@dataclass(frozen=True)
class Request:
    """What a server takes. client and sequence name the request to its client; publication: local
    handle of the client's writer."""

    cdr: bytes
    client: int
    sequence: int
    publication: int
    source_timestamp: int


@dataclass(frozen=True)
class Reply:
    """What a client takes: the answer to the request that send() numbered so."""

    cdr: bytes
    sequence: int
    source_timestamp: int


class _Pair:
    """A writer and a reader that belong together, known to others by a common id."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self.writer = writer
        self.reader = reader

    def close(self) -> None:
        """Leaves the domain. Safe to call again, and while other threads use it."""
        self.reader.close()
        self.writer.close()

    def _ids(self, key: str) -> tuple[set[str], set[str]]:
        """Ids, by a key of their USER_DATA, of whom we are heard by and of whom we hear."""
        heard_by = matching.readers_of(self.writer.handle)
        hearing = matching.writers_of(self.reader.handle)
        return ({said.get(key, "") for _, said in heard_by},
                {said.get(key, "") for _, said in hearing})


class Client(_Pair):
    """Sends requests to a service."""

    _numbers = itertools.count(1)

    def __init__(self, place: Place, service: str, type_name: str, qos: Qos, identity: str,
                 on_data: Callable[[], None] | None) -> None:
        asks, answers = service_names(service)
        request, response = f"{type_name}_Request", f"{type_name}_Response"
        ours = f"clientid={identity};"
        writer = Writer(place, asks, dds_type(request), qos, ours + _hash(request))
        super().__init__(writer, Reader(place, answers, dds_type(response), qos,
                                        ours + _hash(response), on_data))
        number = ct.c_uint64()
        check(lib.dds_get_instance_handle(writer.handle, number), f"calling {service}")
        self._identity = number.value

    def send(self, cdr: Data) -> int:
        """Sends a request; returns the number that its reply will bear."""
        sequence = next(Client._numbers)
        self.writer.write(_with_header(cdr, self._identity, sequence))
        return sequence

    def take(self) -> list[Reply]:
        """The replies to this client that have come since, oldest first."""
        replies = []
        for sample in self.reader.take():
            cdr, client, sequence = _without_header(sample.cdr)
            if client == self._identity:
                replies.append(Reply(cdr, sequence, sample.source_timestamp))
        return replies

    def matched(self) -> int:
        """How many servers could answer now."""
        asked, answering = self._ids("serviceid")
        return len(asked & answering)

    def ready(self) -> bool:
        """Whether there is a server that hears us and that we hear."""
        return self.matched() > 0


class Server(_Pair):
    """Answers the requests of a service."""

    def __init__(self, place: Place, service: str, type_name: str, qos: Qos, identity: str,
                 on_data: Callable[[], None] | None) -> None:
        asks, answers = service_names(service)
        request, response = f"{type_name}_Request", f"{type_name}_Response"
        ours = f"serviceid={identity};"
        self.service = service
        super().__init__(
            Writer(place, answers, dds_type(response), qos, ours + _hash(response)),
            Reader(place, asks, dds_type(request), qos, ours + _hash(request), on_data))

    def take(self) -> list[Request]:
        """The requests that have come since, oldest first."""
        return [Request(*_without_header(sample.cdr), sample.publication, sample.source_timestamp)
                for sample in self.reader.take()]

    def matched(self) -> int:
        """How many clients there are now."""
        return min(self.reader.matched(), self.writer.matched())

    def reply(self, request: Request, cdr: Data) -> None:
        """Answers a request; RuntimeWarning where its client does not listen in time."""
        client = self._client_of(request)
        until = time.monotonic() + _PATIENCE
        while client and client not in self._ids("clientid")[0]:
            if time.monotonic() > until:
                warnings.warn(f"{self.service}: a client does not listen to its reply; dropped",
                              RuntimeWarning, stacklevel=2)
                return
            time.sleep(_PATIENCE / 20)
            client = self._client_of(request)
        self.writer.write(_with_header(cdr, request.client, request.sequence))

    def _client_of(self, request: Request) -> str:
        """The client's id; empty where it has none or is gone."""
        writer = matching.writer_of(self.reader.handle, request.publication)
        return writer[1].get("clientid", "") if writer else ""


def _hash(type_name: str) -> str:
    return f"typehash={type_hash(type_name)};"


def _with_header(cdr: Data, client: int, sequence: int) -> bytes:
    view = memoryview(cdr)
    return b"".join(
        (view[:_ENCAPSULATION], _HEADER.pack(client, sequence), view[_ENCAPSULATION:]))


def _without_header(cdr: bytes) -> tuple[bytes, int, int]:
    """CDR as without the header, client and sequence. Sixteen bytes keep all alignments."""
    end = _ENCAPSULATION + _HEADER.size
    if len(cdr) < end:
        return cdr, 0, 0
    client, sequence = _HEADER.unpack_from(cdr, _ENCAPSULATION)
    return cdr[:_ENCAPSULATION] + cdr[end:], client, sequence
