"""The one tile of an uncompressed map."""

from __future__ import annotations

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.makers import Measure, Order
from nmap_reloc.mapping.partition import Piece
from nmap_reloc.representations.landmarks.encode import encode


class LandmarkMaker:
    """The uncompressed representation can't be made smaller."""

    def __init__(self, order: Order):
        self._order = order

    def make(self, measure: Measure) -> list[Piece]:
        """NmapError: over the budget."""
        landmarks, budget = self._order.landmarks, self._order.budget
        pieces = [Piece(encode(landmarks, "0_0"), landmarks.positions)]
        if budget is not None and (least := measure(pieces)) > budget:
            raise NmapError(f"--budget {budget} bytes: can't be met; the uncompressed map of this "
                            f"scene takes {least} bytes; use --representation neumap")
        return pieces


def open_maker(order: Order) -> LandmarkMaker:
    return LandmarkMaker(order)
