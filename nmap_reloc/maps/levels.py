"""Whole numbers of a few bits: packed, or coded by how often each comes, whichever is smaller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import rans
from nmap_reloc.maps.tile import Arrays, compressed_bytes

Bytes = npt.NDArray[np.uint8]
MAX_VALUES = 1 << 26  # in one packed array: unpacking takes 16 bytes for each
BYTES, PACKED, CODED = range(3)  # how they lie in a tile
CODED_BITS = 4  # wider numbers have too many levels for a table of each column
SHARES = 256  # a column's table says of how many in so many a level is


def pack_bits(values: npt.NDArray[Any], bits: int) -> Bytes:
    """values (any shape, integers below 2**bits, bits 1..16) -> ceil(size * bits / 8) bytes."""
    flat = np.ascontiguousarray(values, ">u2").reshape(-1, 1)
    spread = np.unpackbits(flat.view(np.uint8), axis=1)[:, 16 - bits:]
    return np.packbits(spread)


def unpack_bits(packed: Bytes, bits: int, count: int) -> npt.NDArray[np.uint16]:
    """The first `count` values of pack_bits. NmapError when the array does not hold them."""
    if not 1 <= bits <= 16 or not 0 <= count <= MAX_VALUES or packed.dtype != np.uint8 \
            or packed.size != (count * bits + 7) // 8:
        raise NmapError(f"packed array of {packed.size} bytes: does not hold {count} values of "
                        f"{bits} bits; rebuild the map with `nmap-reloc map build`")
    spread = np.zeros((count, 16), np.uint8)
    spread[:, 16 - bits:] = np.unpackbits(packed.reshape(-1), count=count * bits).reshape(-1, bits)
    return np.packbits(spread, axis=1).view(">u2").reshape(-1).astype(np.uint16)


def write(arrays: Arrays, name: str, levels: Bytes, bits: int) -> int:
    """Stores levels (any shape, below 2**bits, 1 <= bits <= 8) as arrays[name], and
    arrays[name/t] where columns have tables. Returns which way, for `read`."""
    ways: dict[int, Arrays] = {BYTES: {name: levels}}
    if bits < 8:
        ways[PACKED] = {name: pack_bits(levels, bits)}
    if levels.ndim == 2 and levels.size and bits <= CODED_BITS:
        ways[CODED] = _coded(name, levels, bits)
    best = min(ways, key=lambda way: compressed_bytes(ways[way]))
    arrays |= ways[best]
    return best


def read(arrays: Mapping[str, npt.NDArray[Any]], name: str, bits: int, way: int,
         shape: tuple[int, ...]) -> Bytes:
    """What `write` stored. KeyError or NmapError: it is not there, or malformed."""
    stored, count = arrays[name], int(np.prod(shape, dtype=np.float64))
    if way == PACKED:
        return unpack_bits(stored, bits, count).reshape(shape).astype(np.uint8)
    if way == CODED and len(shape) == 2 and 0 < count <= MAX_VALUES:
        return _decoded(stored, arrays[f"{name}/t"], bits, shape)
    if way != BYTES or stored.dtype != np.uint8 or stored.shape != shape \
            or (stored.size and int(stored.max()) >> bits):
        raise NmapError(f"array {name} of {stored.shape} {stored.dtype}: does not hold "
                        f"{list(shape)} numbers of {bits} bits; rebuild the map with `nmap-reloc "
                        "map build`")
    return stored


def _coded(name: str, levels: Bytes, bits: int) -> Arrays:
    counts = np.stack([np.bincount(column, minlength=2 ** bits) for column in levels.T])
    table = np.clip(np.rint(counts * SHARES / len(levels)), counts > 0, SHARES - 1)
    table = table.astype(np.uint8)
    which = np.tile(np.arange(levels.shape[1]), len(levels))
    words = rans.encode(_tables(table), [(which, levels.reshape(-1).astype(np.int64))],
                        rans.lanes_for(levels.size))
    return {name: words.astype("<u2").view(np.uint8), f"{name}/t": table}


def _decoded(stored: npt.NDArray[Any], table: npt.NDArray[Any], bits: int,
             shape: tuple[int, ...]) -> Bytes:
    rows, columns = shape
    if stored.dtype != np.uint8 or stored.ndim != 1 or len(stored) % 2 \
            or table.dtype != np.uint8 or table.shape != (columns, 2 ** bits):
        raise rans.damaged()
    words = np.ascontiguousarray(stored).view("<u2").astype(np.uint16)
    decoder = rans.Decoder(_tables(table), words, rans.lanes_for(rows * columns))
    levels = decoder.take(np.tile(np.arange(columns), rows))
    decoder.finish()
    return levels.astype(np.uint8).reshape(shape)


def _tables(table: Bytes) -> rans.Tables:
    return rans.Tables(rans.shares(table.astype(np.int64)))
