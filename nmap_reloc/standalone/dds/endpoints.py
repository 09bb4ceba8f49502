"""Writers and readers of CDR.

An image is more than a socket's receive buffer holds on an ordinary Linux, so that on the loopback
interface most best-effort images would be lost. There ("lossless" below) a best-effort writer
offers reliability on the wire, and beside a best-effort reader stands a reliable one, its shadow,
that nobody takes from: DDS then asks again for what was lost, for both. The rules of matching stay
those of what was asked for: a reliable reader hears no best-effort writer.
"""

from __future__ import annotations

import ctypes as ct
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nmap_reloc.standalone.dds import matching
from nmap_reloc.standalone.dds.native import (
    TIMEOUT,
    Container,
    SampleInfo,
    Slice,
    check,
    guid_of,
    lib,
    pointer,
)
from nmap_reloc.standalone.dds.qos import Qos, native_qos
from nmap_reloc.standalone.dds.topics import create_topic
from nmap_reloc.standalone.dds.waiter import Waiter

AT_ONCE = 32  # samples per take; more are taken in turn
ANY_STATE = 0
Data = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Sample:
    """One message. cdr: with its 4-byte header; source_timestamp: ns, the writer's clock;
    publication: local handle of the writer."""

    cdr: bytes
    source_timestamp: int
    publication: int = 0


@dataclass(frozen=True)
class Place:
    """Where endpoints are made: the participant, its waiter, whether the network is lossless, and
    what to do with the GID of one that closes."""

    participant: int
    waiter: Waiter
    lossless: bool
    on_close: Callable[[bytes], None]


class _Endpoint:
    """What writers and readers share. handle: the DDS entity; gid: its GUID [16 bytes]."""

    def __init__(self, place: Place, name: str, qos: Qos, handle: int) -> None:
        self.name = name
        self.qos = qos
        self.handle = handle
        self.gid = guid_of(handle)
        self._place = place
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Leaves the domain. Safe to call again, and while other threads use the endpoint."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._release()
        lib.dds_delete(self.handle)
        self._place.on_close(self.gid)

    def _release(self) -> None:
        pass


class Writer(_Endpoint):
    """Publishes CDR on one topic."""

    def __init__(self, place: Place, name: str, type_name: str, qos: Qos, data: str,
                 ignore_local: bool = False) -> None:
        on_wire = qos
        if place.lossless and not qos.reliable:
            on_wire, data = replace(qos, reliable=True), data + matching.BEST_EFFORT
        topic = create_topic(place.participant, name, type_name)
        with native_qos(on_wire, data, ignore_local, patient=qos.reliable) as native:
            handle = lib.dds_create_writer(place.participant, topic, native, None)
        lib.dds_delete(topic)
        super().__init__(place, name, qos, check(handle, f"publishing {name}"))

    def write(self, cdr: Data) -> None:
        """Sends one message. NmapError once the writer is closed.

        A reliable writer waits while its readers lag far behind; a best-effort one drops."""
        if len(cdr) % 4:
            cdr = bytes(cdr) + bytes(-len(cdr) % 4)  # DDS carries multiples of four bytes
        address = np.frombuffer(cdr, np.uint8).__array_interface__["data"][0]
        code = lib.dds_write(self.handle, Container(address, len(cdr)))
        if code != TIMEOUT or self.qos.reliable:
            check(code, f"writing to {self.name}")

    def matched(self) -> int:
        """How many readers there are now."""
        readers = matching.readers_of(self.handle)
        return sum(not matching.is_shadow(said) and (self.qos.reliable or not qos.reliable)
                   for qos, said in readers)


class Reader(_Endpoint):
    """Receives CDR of one topic."""

    def __init__(self, place: Place, name: str, type_name: str, qos: Qos, data: str,
                 on_data: Callable[[], None] | None, ignore_local: bool = False) -> None:
        self._shadow = 0
        self._heard: dict[int, bool] = {}  # writers by handle: whether we may hear them
        topic = create_topic(place.participant, name, type_name)
        with native_qos(qos, data, ignore_local) as native:
            handle = lib.dds_create_reader(place.participant, topic, native, None)
        if place.lossless and not qos.reliable:
            shadow = Qos(reliable=True, transient_local=qos.transient_local, depth=1)
            with native_qos(shadow, data + matching.SHADOW, ignore_local) as native:
                self._shadow = lib.dds_create_reader(place.participant, topic, native, None)
        lib.dds_delete(topic)
        super().__init__(place, name, qos, check(handle, f"subscribing to {name}"))
        if on_data is not None:
            self.listen(on_data)

    def listen(self, on_data: Callable[[], None]) -> None:
        """Calls on_data when something has come, what is already there included."""
        self._place.waiter.add(self.handle, on_data)

    def take(self) -> list[Sample]:
        """All messages that have come since, oldest first; none once the reader is closed."""
        samples: list[Sample] = []
        data, infos = (pointer * AT_ONCE)(), (SampleInfo * AT_ONCE)()
        while True:
            count = lib.dds_takecdr(self.handle, data, AT_ONCE, infos, ANY_STATE)
            for i in range(max(0, count)):
                info = infos[i]
                if info.valid_data and self._hears(info.publication_handle):
                    samples.append(Sample(_bytes_of(data[i]), info.source_timestamp,
                                          info.publication_handle))
                lib.ddsi_serdata_unref(data[i])
            if count < AT_ONCE:
                return samples

    def matched(self) -> int:
        """How many writers there are now."""
        return sum(self._compatible(said) for said in matching.writers_of(self.handle))

    def _compatible(self, writer: matching.Said) -> bool:
        return matching.offered(*writer).reliable or not self.qos.reliable

    def _hears(self, publication: int) -> bool:
        if not self._place.lossless or not self.qos.reliable:
            return True
        if publication not in self._heard:
            writer = matching.writer_of(self.handle, publication)
            self._heard[publication] = writer is None or self._compatible(writer)
        return self._heard[publication]

    def _release(self) -> None:
        self._place.waiter.remove(self.handle)
        if self._shadow > 0:
            lib.dds_delete(self._shadow)


def _bytes_of(serdata: int | None) -> bytes:
    """The CDR of a sample that was taken."""
    part = Slice()
    size = lib.ddsi_serdata_size(serdata)
    reference = lib.ddsi_serdata_to_ser_ref(serdata, 0, size, part)
    cdr = ct.string_at(part.data, part.size)
    lib.ddsi_serdata_to_ser_unref(reference, part)
    return cdr
