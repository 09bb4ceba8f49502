"""The worlds there are, by name."""

from __future__ import annotations

from nmap_reloc.errors import NmapError
from nmap_reloc.simulation import lane, rooms, site
from nmap_reloc.simulation.world import World

# How to build each world, its least and its usual extent.
_WORLDS = {"rooms": (rooms.build, 1, 3), "lane": (lane.build, 6, 30), "site": (site.build, 2, 3)}


def build_world(name: str = "rooms", seed: int = 0, detail: float = 1.0,
                extent: int | None = None) -> World:
    """The world called ``name``: "rooms" (``extent`` of them, usually 3), "lane" (``extent``
    metres, usually 30) or "site" (``extent`` rooms, usually 3, and the lane before them).
    ``detail`` scales texture resolution. NmapError: no such world."""
    if name not in _WORLDS:
        raise NmapError(f"world {name!r}: there is no such world; choose one of {sorted(_WORLDS)}")
    build, least, usual = _WORLDS[name]
    extent = usual if extent is None else extent
    if extent < least:
        raise NmapError(f"extent {extent}: too small for the world {name}; use {least} or more")
    return build(seed, detail, extent)
