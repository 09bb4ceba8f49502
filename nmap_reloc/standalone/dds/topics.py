"""DDS topics that carry a ROS message's CDR untouched.

The wheel wants an IDL struct per topic. Ours has one octet: the library checks that a sample
begins with it, which any does, and passes the bytes on. Its member is named after the message
type, so that two types are never taken for the same one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from cyclonedds._clayer import ddspy_topic_create
from cyclonedds.idl import IdlStruct, make_idl_struct, types
from cyclonedds.idl.annotations import final

from nmap_reloc.standalone.dds.names import ros_topic
from nmap_reloc.standalone.dds.native import check


@cache
def raw_type(type_name: str) -> type[IdlStruct]:
    """The struct that stands for a DDS type name."""
    member = type_name.replace("::", "_")
    struct = final(make_idl_struct("Raw", type_name.replace("::", "."), {member: types.uint8}))
    idl: Any = struct.__idl__
    idl.populate()
    idl.fill_type_data()
    return struct


def create_topic(participant: int, name: str, type_name: str) -> int:
    """A topic entity."""
    topic: int = ddspy_topic_create(participant, name, raw_type(type_name), None, None)
    return check(topic, f"topic {ros_topic(name) or name}")
