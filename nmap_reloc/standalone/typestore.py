"""Definitions of messages and services: rosbags' type store, and what it lacks as text."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.services import SERVICES

DEFAULTS: dict[tuple[str, str], float] = {("geometry_msgs/msg/Quaternion", "w"): 1.0}
# The type store has no default values; these are all that the packages of the overlay define.


@cache
def store() -> Typestore:
    """The types of Jazzy, the two halves of every service in SERVICES among them."""
    types = get_typestore(Stores.ROS2_JAZZY)
    for service, text in SERVICES.items():
        request, _, response = text.partition("---")
        package, _, name = service.split("/")
        for half, definition in (("Request", request), ("Response", response)):
            parsed = get_types_from_msg(_plain(definition), f"{package}/msg/{name}_{half}")
            fields: Any = parsed[f"{package}/msg/{name}_{half}"]
            types.fielddefs[f"{service}_{half}"] = fields
    return types


def _plain(definition: str) -> str:
    """A definition as the parser likes it: an empty one has the member that IDL asks for."""
    lines = [re.sub(r"#.*", "", line).strip() for line in definition.splitlines()]
    text = "\n".join(line for line in lines if line)
    return text or "uint8 structure_needs_at_least_one_member"


@cache
def normalize(name: str) -> str:
    """package/msg/Type for package/Type and for itself; NmapError where nobody knows the type."""
    full = name if name.count("/") == 2 else "/msg/".join(name.split("/"))
    if full not in store().fielddefs:
        raise NmapError(
            f"message type {name}: not known; use one of ROS 2's common_interfaces packages"
        )
    return full


def known(name: str) -> bool:
    """Whether package/kind/Type has a definition here."""
    return name in store().fielddefs


@cache
def type_hash(name: str) -> str:
    """RIHS01 hash of a message or of one half of a service (package/srv/Type_Request)."""
    digest: str = store().hash_rihs01(normalize(name))
    return digest


def names_of(package: str, kind: str) -> list[str]:
    """Names of the types that a package defines. kind: msg or srv."""
    if kind == "srv":
        return sorted(name.split("/")[2] for name in SERVICES if name.startswith(f"{package}/"))
    prefix = f"{package}/msg/"
    return sorted(name[len(prefix):] for name in store().fielddefs if name.startswith(prefix))
