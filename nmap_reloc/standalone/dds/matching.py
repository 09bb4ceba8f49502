"""Whom a writer or reader has matched, and what those say of themselves in USER_DATA."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterator
from typing import Any

from nmap_reloc.standalone.dds.native import lib, user_data
from nmap_reloc.standalone.dds.qos import Qos, read_qos

MOST = 512
# USER_DATA of ours: the QoS that was asked for where another is used on the wire (see endpoints).
BEST_EFFORT = "offers=best_effort;"
SHADOW = "shadow=1;"

Said = tuple[Qos, dict[str, str]]


def readers_of(writer: int) -> list[Said]:
    """QoS and USER_DATA of each reader that a writer has matched."""
    return list(_matched(writer, lib.dds_get_matched_subscriptions,
                         lib.dds_get_matched_subscription_data))


def writers_of(reader: int) -> list[Said]:
    """QoS and USER_DATA of each writer that a reader has matched."""
    return list(_matched(reader, lib.dds_get_matched_publications,
                         lib.dds_get_matched_publication_data))


def writer_of(reader: int, publication: int) -> Said | None:
    """QoS and USER_DATA of the writer of a sample; None where it is gone."""
    return _said(lib.dds_get_matched_publication_data(reader, publication))


def offered(qos: Qos, said: dict[str, str]) -> Qos:
    """The QoS that a writer was made with."""
    if said.get("offers") == "best_effort":
        return Qos(False, qos.transient_local, qos.depth)
    return qos


def is_shadow(said: dict[str, str]) -> bool:
    """Whether a reader only repairs what another takes."""
    return "shadow" in said


def _matched(entity: int, list_them: Any, data_of: Any) -> Iterator[Said]:
    handles = (ct.c_uint64 * MOST)()
    count = min(list_them(entity, handles, MOST), MOST)
    for handle in handles[:max(0, count)]:
        said = _said(data_of(entity, handle))
        if said is not None:
            yield said


def _said(endpoint: Any) -> Said | None:
    """What an endpoint says; it is freed."""
    if not endpoint:
        return None
    try:
        qos = endpoint.contents.qos
        return read_qos(qos), user_data(qos)
    finally:
        lib.dds_builtintopic_free_endpoint(endpoint)
