"""Representations by name. Each is a room; its decode.py opens its decoder."""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path

from nmap_reloc.errors import NmapError
from nmap_reloc.representations.base import Decoder
from nmap_reloc.weights import find

NAMES = ("neumap", "squeezer", "hybrid", "maddr", "pq", "landmarks")
BORROWED = {"hybrid": "neumap"}  # a representation that has the network of another
UNCOMPRESSED = "landmarks"
WITHOUT_NETWORK = ("pq", UNCOMPRESSED)


def network_name(representation: str, features: str) -> str | None:
    """The scene-agnostic network of a representation for these features, None where it needs none.

    NmapError: no such representation.
    """
    if representation not in NAMES:
        raise NmapError(f"representation {representation!r}: unknown; choose one of "
                        f"{', '.join(NAMES)}")
    if representation in WITHOUT_NETWORK:
        return None
    name = BORROWED.get(representation, representation)
    return name if features == "learned" else f"{name}-{features}"


def available(features: str, weights: Path | None = None) -> list[str]:
    """Every representation whose networks for these features are in the folder of weights."""
    found = []
    for name in NAMES:
        network = network_name(name, features)
        with suppress(NmapError):
            if network is not None:
                find(f"{network}.safetensors", weights)
            found.append(name)
    return found


def open_decoder(representation: str, features: str, backend: str = "auto",
                 weights: Path | None = None, threads: int = 0) -> Decoder:
    """The decoder of a map with this representation of these features. NmapError: there is no
    such representation, or its network is missing."""
    network = network_name(representation, features)
    room = importlib.import_module(f"nmap_reloc.representations.{representation}.decode")
    decoder: Decoder = room.open_decoder(network, features, backend, weights, threads)
    return decoder
