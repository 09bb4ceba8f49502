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

COMPRESSION = 100  # without a budget: so many times smaller than all observations
LEAST_BUDGET = 16_000  # bytes, without a budget
# Imported only when asked for: most need torch, seconds to import.
ROOMS = {
    "landmarks": "nmap_reloc.mapping.landmark_tiles",
    "neumap": "nmap_reloc.mapping.neumap_tiles",
}

Measure = Callable[[Sequence[Piece]], int]  # bytes of the whole site with these tiles


@dataclass(frozen=True)
class Order:
    """What tiles are wanted; the fields are those of mapping.build.BuildOptions."""

    landmarks: Landmarks
    budget: int | None = None
    weights: Path | None = None
    tile: float | None = None
    polish: int = 0

    def wanted(self) -> int:
        """The budget, bytes; where there is none a hundredth of all observations."""
        if self.budget is not None:
            return self.budget
        return max(LEAST_BUDGET, self.landmarks.observation_bytes() // COMPRESSION)

    def tile_side(self) -> float | None:
        """Map units; None: one tile holds the whole map."""
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
