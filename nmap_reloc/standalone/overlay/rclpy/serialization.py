"""rclpy.serialization: messages as CDR."""

from __future__ import annotations

from typing import Any

from nmap_reloc.standalone import messages


def serialize_message(message: Any) -> bytes:
    """CDR with its 4-byte header."""
    return messages.serialize(message)


def deserialize_message(serialized_message: bytes, message_type: type[Any]) -> Any:
    """The message of that type; raises where the bytes are none."""
    return messages.deserialize(serialized_message, message_type)
