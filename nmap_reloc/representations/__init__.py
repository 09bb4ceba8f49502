"""Representations by name."""

from __future__ import annotations

from pathlib import Path

from nmap_reloc.errors import NmapError
from nmap_reloc.representations.base import Decoder

NAMES = ("neumap", "landmarks")


def network_name(representation: str, features: str) -> str | None:
    """The scene-agnostic network of a representation for these features, None where it needs none.

    NmapError: no such representation.
    """
    if representation == "landmarks":
        return None
    if representation == "neumap":
        return "neumap" if features == "learned" else f"neumap-{features}"
    raise NmapError(f"representation {representation!r}: unknown; choose one of "
                    f"{', '.join(NAMES)}")


def open_decoder(representation: str, features: str, backend: str = "auto",
                 weights: Path | None = None, threads: int = 0) -> Decoder:
    """The decoder of a map with this representation of these features."""
    network = network_name(representation, features)
    if network is None:
        from nmap_reloc.representations.landmarks.decode import LandmarkDecoder
        return LandmarkDecoder(features)
    from nmap_reloc.engines import open_engine
    from nmap_reloc.representations.neumap.decode import NeumapDecoder
    from nmap_reloc.weights import content_hash
    return NeumapDecoder(open_engine(f"{network}-unfold", backend, weights, threads),
                         open_engine(f"{network}-decode", backend, weights, threads),
                         content_hash(network, weights))
