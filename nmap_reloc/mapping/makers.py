"""Who makes a representation's tiles within a budget: a maker for each."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.partition import TILE, Piece
from nmap_reloc.mapping.selection import Choice, Selection
from nmap_reloc.maps.tile import Tile

COMPRESSION = 100  # without a budget: so many times smaller than all observations
LEAST_BUDGET = 16_000  # bytes, without a budget
# Imported only when asked for: most need torch, seconds to import.
ROOMS = {
    "hybrid": "nmap_reloc.mapping.hybrid_tiles",
    "landmarks": "nmap_reloc.mapping.landmark_tiles",
    "maddr": "nmap_reloc.mapping.maddr_tiles",
    "neumap": "nmap_reloc.mapping.neumap_tiles",
    "pq": "nmap_reloc.mapping.pq_tiles",
    "squeezer": "nmap_reloc.mapping.squeezer_tiles",
}

Measure = Callable[[Sequence[Piece]], int]  # bytes of the whole site with these tiles


@dataclass(frozen=True)
class Order:
    """What tiles are wanted; the fields are those of mapping.build.BuildOptions.

    like: a tile of the site beside which the one tile that is wanted will stand (`map update`);
    what all tiles of a site must share, such as the voxels' side, is taken from it.
    """

    landmarks: Landmarks
    budget: int | None = None
    weights: Path | None = None
    tile: float | None = None
    polish: int = 0
    like: Tile | None = None
    selection: Choice = Selection()

    def wanted(self) -> int:
        """The budget, bytes; where there is none a hundredth of all observations."""
        if self.budget is not None:
            return self.budget
        return max(LEAST_BUDGET, self.landmarks.observation_bytes() // COMPRESSION)

    def tile_side(self) -> float | None:
        """Map units; None: one tile holds all."""
        if self.like is not None:
            return None
        if self.tile is not None:
            return self.tile
        return TILE if self.landmarks.unit == "metre" else None


class Maker(Protocol):
    def make(self, measure: Measure) -> list[Piece]:
        """The best tiles with which the site, as `measure` weighs it, is within the budget.

        NmapError names the smallest budget that can be met.
        """
        ...


def open_maker(representation: str, order: Order) -> Maker:
    """NmapError: no such representation, or its network is missing."""
    if representation not in ROOMS:
        raise NmapError(f"representation {representation!r}: unknown; choose one of "
                        f"{', '.join(ROOMS)}")
    maker: Maker = importlib.import_module(ROOMS[representation]).open_maker(order)
    return maker
