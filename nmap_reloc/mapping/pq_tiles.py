"""Tiles of views whose descriptors are product-quantised: the baseline beside maddr."""

from __future__ import annotations

from dataclasses import replace

from nmap_reloc.mapping.maddr_tiles import ViewMaker
from nmap_reloc.mapping.makers import Order
from nmap_reloc.maps import quantize
from nmap_reloc.maps.tile import Arrays, Json, Tile
from nmap_reloc.representations.pq.encode import Quantizer, learn
from nmap_reloc.types import Floats

CODEBOOK_BITS = 8


class PqMaker(ViewMaker):
    """Codebooks learned on the scene's own descriptors; each tile carries them."""

    name = "pq"
    widths = (16, 32)  # parts of 4 bits; the paper has 32 and 64 of descriptors twice as wide

    def __init__(self, order: Order):
        super().__init__(order)
        self._means = order.landmarks.mean_descriptors()
        self._quantizers: dict[int, Quantizer] = {}

    def codes(self, width: int) -> Floats:
        return self._learned(width).encode(self._means)

    def finish(self, tile: Tile, width: int) -> Tile:
        arrays: Arrays = dict(tile.arrays)
        meta: dict[str, Json] = dict(tile.meta)
        quantize.put(arrays, meta, "b", self._learned(width).codebooks, CODEBOOK_BITS)
        return replace(tile, arrays=arrays, meta=meta)

    def _learned(self, width: int) -> Quantizer:
        if width not in self._quantizers:
            self._quantizers[width] = learn(self._means, width)
        return self._quantizers[width]


def open_maker(order: Order) -> PqMaker:
    return PqMaker(order)
