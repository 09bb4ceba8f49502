"""Quality of service, and the way rmw_cyclonedds puts it."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nmap_reloc.standalone.dds.native import INFINITY, XCDR1, lib

UNLIMITED = -1
KEEP_LAST, KEEP_ALL = 0, 1
BRIEFLY = 20_000_000  # ns
IGNORE_PARTICIPANT = 1  # what the own participant writes


@dataclass(frozen=True)
class Qos:
    """What a publisher offers or a subscriber asks for. depth: samples kept, 0 for all."""

    reliable: bool = True
    transient_local: bool = False
    depth: int = 10


LATCHED = Qos(reliable=True, transient_local=True, depth=1)
SERVICES = Qos(reliable=True, transient_local=False, depth=10)


@contextmanager
def native_qos(qos: Qos, user_data: str, ignore_local: bool = False,
               patient: bool = True) -> Iterator[int]:
    """The C object of a writer's or reader's QoS, while the block runs.

    patient: a reliable writer waits for readers that lag behind, however long."""
    native: int = lib.dds_create_qos()
    kind, depth = (KEEP_LAST, qos.depth) if qos.depth > 0 else (KEEP_ALL, UNLIMITED)
    lib.dds_qset_history(native, kind, depth)
    lib.dds_qset_reliability(native, int(qos.reliable), INFINITY if patient else BRIEFLY)
    lib.dds_qset_durability(native, int(qos.transient_local))
    if qos.transient_local:
        # What a late joiner gets is ruled by this policy, not by the history.
        lib.dds_qset_durability_service(
            native, 0, kind, depth, UNLIMITED, UNLIMITED, UNLIMITED)
    lib.dds_qset_writer_data_lifecycle(native, False)
    lib.dds_qset_data_representation(native, 1, (ct.c_int16 * 1)(XCDR1))
    if ignore_local:
        lib.dds_qset_ignorelocal(native, IGNORE_PARTICIPANT)
    lib.dds_qset_userdata(native, user_data.encode(), len(user_data))
    try:
        yield native
    finally:
        lib.dds_delete_qos(native)


def read_qos(native: int | None) -> Qos:
    """The QoS of a discovered endpoint."""
    kind, depth, blocking = ct.c_int(), ct.c_int32(), ct.c_int64()
    reliable, durability = ct.c_int(), ct.c_int()
    if not native:
        return Qos()
    lib.dds_qget_history(native, kind, depth)
    lib.dds_qget_reliability(native, reliable, blocking)
    lib.dds_qget_durability(native, durability)
    return Qos(bool(reliable.value), durability.value >= 1,
               depth.value if kind.value == KEEP_LAST else 0)
