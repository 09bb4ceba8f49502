"""Numbers in a few bits: linear quantisation with known error bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import levels
from nmap_reloc.maps.levels import Bytes
from nmap_reloc.maps.tile import Arrays, Json
from nmap_reloc.types import Doubles, Floats


@dataclass(frozen=True)
class Quantization:
    """How to undo it. ranges [2 x C] float32: lowest and highest value of each of C columns.

    axis: the axis that columns count along, None for one global range (C = 1).
    """

    bits: int
    axis: int | None
    ranges: Floats

    def step(self) -> Doubles:
        """[C] distance between neighbouring levels: the error is at most half of it."""
        low, high = self.ranges.astype(np.float64)
        return np.asarray((high - low) / (2 ** self.bits - 1), np.float64)


def quantize(array: npt.ArrayLike, bits: int, axis: int | None = None
             ) -> tuple[Bytes, Quantization]:
    """Finite array -> (values, how to undo it), 1 <= bits <= 8; error at most half a step.

    axis: one range per index along this axis (-1: per column of an [N x C] array); None: one.
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
    how = Quantization(bits, axis, ranges)
    low, step = (_per_column(how, x, original.ndim) for x in (ranges[0], how.step()))
    # Doubles here: the rounding of the levels must not add to the half step.
    numbers = np.rint((original.astype(np.float64) - low) / np.where(step > 0, step, 1))
    return np.clip(numbers, 0, 2 ** bits - 1).astype(np.uint8), how


def dequantize(values: Bytes, how: Quantization) -> Floats:
    """The array back, float32. NmapError when values and description do not belong together."""
    columns = 1 if how.axis is None else values.shape[how.axis]
    if how.ranges.shape != (2, columns):
        raise NmapError(f"quantised array: ranges {list(how.ranges.shape)} where [2, {columns}] "
                        "are needed; rebuild the map with `nmap-reloc map build`")
    low, step = (_per_column(how, x, values.ndim) for x in (how.ranges[0], how.step()))
    return np.asarray(low + values * step, np.float32)


def put(arrays: Arrays, meta: dict[str, Json], name: str, array: npt.ArrayLike, bits: int,
        axis: int | None = None) -> Quantization:
    """Quantise into a tile's arrays[name], arrays[name/range] and meta[name]."""
    values, how = quantize(array, bits, axis)
    arrays[f"{name}/range"] = how.ranges
    meta[name] = [how.bits, how.axis, levels.write(arrays, name, values, bits), *values.shape]
    return how


def get(arrays: Mapping[str, npt.NDArray[Any]], meta: Mapping[str, Json], name: str) -> Floats:
    """What `put` stored under `name`, float32. NmapError when missing or malformed."""
    try:
        bits, axis, way, *shape = meta[name]
        numbers = [bits, way, *shape, *([] if axis is None else [axis])]
        if not all(type(number) is int and number >= 0 for number in numbers) \
                or not 1 <= bits <= 8 or (axis is not None and axis >= len(shape)):
            raise ValueError(f"description {meta[name]}")
        ranges = np.asarray(arrays[f"{name}/range"], np.float32)
        return dequantize(levels.read(arrays, name, bits, way, tuple(shape)),
                          Quantization(bits, axis, ranges))
    except (KeyError, ValueError, TypeError) as error:
        raise NmapError(f"array {name}: missing or malformed in the tile ({error}); rebuild the "
                        "map with `nmap-reloc map build`") from error


def _per_column(how: Quantization, values: Floats | Doubles, dimensions: int) -> Doubles:
    """[C] -> a shape that broadcasts against the array."""
    shape = [1] * dimensions
    if how.axis is not None:
        shape[how.axis] = len(values)
    return values.astype(np.float64).reshape(shape)
