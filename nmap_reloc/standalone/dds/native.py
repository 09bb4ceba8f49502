"""The C API of Cyclone DDS, as far as the runtime needs it, through the wheel's own library.

Called by ctypes, which lets other Python threads run meanwhile: the wheel's Python calls hold the
interpreter while they wait for DDS, and DDS threads that call Python back could then wait forever.
"""

from __future__ import annotations

import ctypes as ct
from types import SimpleNamespace
from typing import Any

from cyclonedds.core import DDSException
from cyclonedds.internal import DDS

from nmap_reloc.errors import NmapError

INFINITY = 2**63 - 1
DATA_AVAILABLE = 1 << 8
ALIVE_INSTANCE = 16
BUILTIN_PARTICIPANT = 0x7FFF0001
BUILTIN_PUBLICATION = 0x7FFF0003
BUILTIN_SUBSCRIPTION = 0x7FFF0004
XCDR1 = 0
TIMEOUT = -10

handle = ct.c_int32
pointer = ct.c_void_p


class Guid(ct.Structure):
    """A GUID as DDS keeps it."""

    _fields_ = (("value", ct.c_uint8 * 16),)


class Container(ct.Structure):
    """What the wheel's topics take as a sample: CDR with its header."""

    _fields_ = (("data", pointer), ("size", ct.c_size_t))


class Slice(ct.Structure):
    """struct iovec."""

    _fields_ = (("data", pointer), ("size", ct.c_size_t))


class SampleInfo(ct.Structure):
    """dds_sample_info_t"""

    _fields_ = (
        ("sample_state", ct.c_uint), ("view_state", ct.c_uint), ("instance_state", ct.c_uint),
        ("valid_data", ct.c_bool), ("source_timestamp", ct.c_int64),
        ("instance_handle", ct.c_uint64), ("publication_handle", ct.c_uint64),
        ("disposed_generation_count", ct.c_uint32), ("no_writers_generation_count", ct.c_uint32),
        ("sample_rank", ct.c_uint32), ("generation_rank", ct.c_uint32),
        ("absolute_generation_rank", ct.c_uint32),
    )


class BuiltinParticipant(ct.Structure):
    """dds_builtintopic_participant_t"""

    _fields_ = (("key", Guid), ("qos", pointer))


class BuiltinEndpoint(ct.Structure):
    """dds_builtintopic_endpoint_t"""

    _fields_ = (
        ("key", Guid), ("participant", Guid), ("participant_instance", ct.c_uint64),
        ("topic", ct.c_char_p), ("type", ct.c_char_p), ("qos", pointer),
    )


_guid_p = ct.POINTER(Guid)
_endpoint_p = ct.POINTER(BuiltinEndpoint)
_u32 = ct.c_uint32
_SIGNATURES: dict[str, tuple[Any, ...]] = {  # name: result, arguments
    "dds_create_domain": (handle, _u32, ct.c_char_p),
    "dds_create_participant": (handle, _u32, pointer, pointer),
    "dds_create_writer": (handle, handle, handle, pointer, pointer),
    "dds_create_reader": (handle, handle, handle, pointer, pointer),
    "dds_delete": (handle, handle),
    "dds_get_guid": (handle, handle, _guid_p),
    "dds_get_instance_handle": (handle, handle, ct.POINTER(ct.c_uint64)),
    "dds_write": (handle, handle, ct.POINTER(Container)),
    "dds_takecdr": (handle, handle, pointer, _u32, pointer, _u32),
    "dds_read_mask": (handle, handle, pointer, pointer, ct.c_size_t, _u32, _u32),
    "dds_return_loan": (handle, handle, pointer, ct.c_int32),
    "ddsi_serdata_size": (_u32, pointer),
    "ddsi_serdata_to_ser_ref": (pointer, pointer, ct.c_size_t, ct.c_size_t, ct.POINTER(Slice)),
    "ddsi_serdata_to_ser_unref": (None, pointer, ct.POINTER(Slice)),
    "ddsi_serdata_unref": (None, pointer),
    "dds_get_matched_subscriptions": (handle, handle, pointer, ct.c_size_t),
    "dds_get_matched_publications": (handle, handle, pointer, ct.c_size_t),
    "dds_get_matched_subscription_data": (_endpoint_p, handle, ct.c_uint64),
    "dds_get_matched_publication_data": (_endpoint_p, handle, ct.c_uint64),
    "dds_builtintopic_free_endpoint": (None, _endpoint_p),
    "dds_set_status_mask": (handle, handle, _u32),
    "dds_take_status": (handle, handle, ct.POINTER(_u32), _u32),
    "dds_create_waitset": (handle, handle),
    "dds_waitset_attach": (handle, handle, handle, ct.c_ssize_t),
    "dds_waitset_detach": (handle, handle, handle),
    "dds_waitset_wait": (handle, handle, pointer, ct.c_size_t, ct.c_int64),
    "dds_create_guardcondition": (handle, handle),
    "dds_set_guardcondition": (handle, handle, ct.c_bool),
    "dds_take_guardcondition": (handle, handle, ct.POINTER(ct.c_bool)),
    "dds_create_qos": (pointer,),
    "dds_delete_qos": (None, pointer),
    "dds_qset_history": (None, pointer, ct.c_int, ct.c_int32),
    "dds_qset_reliability": (None, pointer, ct.c_int, ct.c_int64),
    "dds_qset_durability": (None, pointer, ct.c_int),
    "dds_qset_durability_service": (
        None, pointer, ct.c_int64, ct.c_int, ct.c_int32, ct.c_int32, ct.c_int32, ct.c_int32),
    "dds_qset_writer_data_lifecycle": (None, pointer, ct.c_bool),
    "dds_qset_ignorelocal": (None, pointer, ct.c_int),
    "dds_qset_data_representation": (None, pointer, _u32, ct.POINTER(ct.c_int16)),
    "dds_qset_userdata": (None, pointer, ct.c_char_p, ct.c_size_t),
    "dds_qget_userdata": (ct.c_bool, pointer, ct.POINTER(pointer), ct.POINTER(ct.c_size_t)),
    "dds_qget_history": (ct.c_bool, pointer, ct.POINTER(ct.c_int), ct.POINTER(ct.c_int32)),
    "dds_qget_reliability": (ct.c_bool, pointer, ct.POINTER(ct.c_int), ct.POINTER(ct.c_int64)),
    "dds_qget_durability": (ct.c_bool, pointer, ct.POINTER(ct.c_int)),
    "dds_free": (None, pointer),
}


def _load() -> SimpleNamespace:
    functions = SimpleNamespace()
    for name, (result, *arguments) in _SIGNATURES.items():
        function = DDS._dll_handle[name]  # a new object: the wheel's own prototypes stay
        function.restype, function.argtypes = result, arguments
        setattr(functions, name, function)
    return functions


lib: Any = _load()


def check(code: int, doing: str) -> int:
    """code, or NmapError with what Cyclone DDS says of a negative one."""
    if code < 0:
        raise NmapError(f"{doing}: Cyclone DDS refused: {str(DDSException(code)).strip()}")
    return code


def guid_of(entity: int) -> bytes:
    """The 16 bytes of an entity's GUID."""
    guid = Guid()
    check(lib.dds_get_guid(entity, guid), "reading a GUID")
    return bytes(guid.value)


def user_data(qos: int | None) -> dict[str, str]:
    """The key=value; pairs in the USER_DATA of a QoS."""
    data, size = pointer(), ct.c_size_t()
    if not qos or not lib.dds_qget_userdata(qos, data, size) or not data.value:
        return {}
    text = ct.string_at(data.value, size.value).decode("ascii", "replace")
    lib.dds_free(data)
    pairs = (pair.partition("=") for pair in text.split(";") if "=" in pair)
    return {key: value for key, _, value in pairs}
