"""Numbers in a few bits: linear quantisation, bit-packed, with known error bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.tile import Arrays, Json, compressed_bytes
from nmap_reloc.types import Doubles, Floats

Bytes = npt.NDArray[np.uint8]
MAX_VALUES = 1 << 26  # in one packed array: unpacking takes 16 bytes for each


@dataclass(frozen=True)
class Quantization:
    """How to undo it. ranges [2 x C] float32: lowest and highest value of each of C columns.

    shape: of the original array. axis: the axis that columns count along, None for one global
    range (C = 1). packed: values lie bit by bit, not one per byte.
    """

    bits: int
    shape: tuple[int, ...]
    axis: int | None
    ranges: Floats
    packed: bool = True

    def step(self) -> Doubles:
        """[C] distance between neighbouring levels: the error is at most half of it."""
        low, high = self.ranges.astype(np.float64)
        return np.asarray((high - low) / (2 ** self.bits - 1), np.float64)


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


def quantize(array: npt.ArrayLike, bits: int, axis: int | None = None, packed: bool = True
             ) -> tuple[Bytes, Quantization]:
    """Finite array -> (values, how to undo it), 1 <= bits <= 8; error at most half a step.

    axis: one range per index along this axis (-1: per column of an [N x C] array); None: one.
    The values have the array's shape where each has a byte of its own, else one dimension.
    ValueError: NaN or infinite input, or bits out of range.
    """
    original = np.asarray(array, np.float32)
    if not 1 <= bits <= 8 or not np.isfinite(original).all():
        raise ValueError(f"quantize: {bits} bits of an array that must be finite")
    if axis is not None:
        axis %= original.ndim
    columns = (original.reshape(1, -1) if axis is None
               else np.moveaxis(original, axis, 0).reshape(original.shape[axis], -1))
    empty = columns.size == 0
    ranges = np.zeros((2, len(columns)), np.float32) if empty else np.stack(
        [columns.min(axis=1), columns.max(axis=1)])
    packed = packed and bits < 8
    how = Quantization(bits, original.shape, axis, ranges, packed)
    low, step = _per_column(how, ranges[0]), _per_column(how, how.step())
    # Doubles here: the rounding of the levels must not add to the half step.
    levels = np.rint((original.astype(np.float64) - low) / np.where(step > 0, step, 1))
    values = np.clip(levels, 0, 2 ** bits - 1).astype(np.uint8)
    return (pack_bits(values, bits) if packed else values), how


def dequantize(values: Bytes, how: Quantization) -> Floats:
    """The array back, float32. NmapError when values and description do not belong together."""
    count = int(np.prod(how.shape, dtype=np.float64))
    if how.packed:
        levels: npt.NDArray[Any] = unpack_bits(values, how.bits, count)
    elif values.dtype == np.uint8 and values.size == count:
        levels = values
    else:
        raise NmapError(f"quantised array of {values.size} {values.dtype}: does not have shape "
                        f"{list(how.shape)}; rebuild the map with `nmap-reloc map build`")
    columns = 1 if how.axis is None else how.shape[how.axis]
    if how.ranges.shape != (2, columns):
        raise NmapError(f"quantised array: ranges {list(how.ranges.shape)} where [2, {columns}] "
                        "are needed; rebuild the map with `nmap-reloc map build`")
    low, step = _per_column(how, how.ranges[0]), _per_column(how, how.step())
    return np.asarray(low + levels.reshape(how.shape) * step, np.float32)


def put(arrays: Arrays, meta: dict[str, Json], name: str, array: npt.ArrayLike, bits: int,
        axis: int | None = None) -> Quantization:
    """Quantise into a tile's arrays[name], arrays[name/range] and meta[name].

    Bit-packed only where that makes the compressed tile smaller: entropy coding often gains more
    from values that each have a byte.
    """
    values, how = quantize(array, bits, axis)
    if how.packed:
        unpacked = quantize(array, bits, axis, packed=False)
        if compressed_bytes({name: unpacked[0]}) < compressed_bytes({name: values}):
            values, how = unpacked
    arrays[name], arrays[f"{name}/range"] = values, how.ranges
    meta[name] = [how.bits, how.axis, int(how.packed), *how.shape]
    return how


def get(arrays: Mapping[str, npt.NDArray[Any]], meta: Mapping[str, Json], name: str) -> Floats:
    """What `put` stored under `name`, float32. NmapError when missing or malformed."""
    try:
        bits, axis, packed, *shape = meta[name]
        numbers = [bits, packed, *shape, *([] if axis is None else [axis])]
        if not all(type(number) is int and number >= 0 for number in numbers) \
                or not 1 <= bits <= 8 or (axis is not None and axis >= len(shape)):
            raise ValueError(f"description {meta[name]}")
        ranges = np.asarray(arrays[f"{name}/range"], np.float32)
        how = Quantization(bits, tuple(shape), axis, ranges, bool(packed))
        return dequantize(arrays[name], how)
    except (KeyError, ValueError, TypeError) as error:
        raise NmapError(f"array {name}: missing or malformed in the tile ({error}); rebuild the "
                        "map with `nmap-reloc map build`") from error


def quantize_positions(points: npt.ArrayLike, origin: npt.ArrayLike, size: npt.ArrayLike,
                       bits: int) -> Bytes:
    """points [N x 3] in boxes at origin ([3] or [N x 3]) of edge size (scalar, [3] or [N x 3]).

    `bits` (2..16) per axis, packed; points outside go to the box's face. Inside, the error per
    axis is at most size / 2**(bits + 1). ValueError: not finite, or bits out of range.
    """
    offset = np.asarray(points, np.float64) - np.asarray(origin, np.float64)
    inside = offset / np.asarray(size, np.float64)
    if not 2 <= bits <= 16 or not np.isfinite(inside).all():
        raise ValueError(f"quantize_positions: {bits} bits of points that must be finite")
    # Cells, not levels: the middle of a cell is what comes back, so no cell is wider at a face.
    return pack_bits(np.clip(np.floor(inside * 2 ** bits), 0, 2 ** bits - 1), bits)


def dequantize_positions(packed: Bytes, count: int, origin: npt.ArrayLike, size: npt.ArrayLike,
                         bits: int) -> Doubles:
    """[count x 3] map units. NmapError when the array does not hold them."""
    cells = unpack_bits(packed, bits, 3 * count).reshape(-1, 3)
    inside = (cells + 0.5) / 2 ** bits
    return np.asarray(np.asarray(origin, np.float64) + inside * np.asarray(size, np.float64))


def _per_column(how: Quantization, values: Floats | Doubles) -> Doubles:
    """[C] -> a shape that broadcasts against the array."""
    shape = [1] * len(how.shape)
    if how.axis is not None:
        shape[how.axis] = len(values)
    return values.astype(np.float64).reshape(shape)
