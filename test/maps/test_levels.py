"""Whole numbers of few bits come back as they were, whichever way they lie."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.levels import BYTES, CODED, PACKED, pack_bits, read, unpack_bits, write


@pytest.mark.parametrize("bits", range(1, 17))
def test_packing_loses_nothing(bits: int) -> None:
    random = np.random.default_rng(bits)
    for count in (0, 1, 2, 7, 8, 9, 63, 1000):
        values = random.integers(0, 2 ** bits, count)
        packed = pack_bits(values, bits)
        assert packed.dtype == np.uint8 and packed.size == -(-count * bits // 8)
        assert np.array_equal(unpack_bits(packed, bits, count), values)


def numbers(bits: int, rows: int, skew: float) -> np.ndarray:
    """[rows x 7], each column with a favourite of its own where there is skew."""
    random = np.random.default_rng(rows)
    drawn = random.integers(0, 2 ** bits, (rows, 7))
    favourite = random.random((rows, 7)) < skew
    return np.where(favourite, np.arange(7) % 2 ** bits, drawn).astype(np.uint8)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("rows", [1, 2, 100, 3000])
@pytest.mark.parametrize("skew", [0.0, 0.7, 1.0])
def test_they_come_back(bits: int, rows: int, skew: float) -> None:
    levels, arrays = numbers(bits, rows, skew), {}
    way = write(arrays, "z", levels, bits)
    np.testing.assert_array_equal(read(arrays, "z", bits, way, levels.shape), levels)


def test_the_smallest_way_is_taken() -> None:
    favourites, arrays = numbers(2, 3000, 0.6), {}
    assert write(arrays, "z", favourites, 2) == CODED
    assert sum(array.nbytes for array in arrays.values()) < 0.9 * 3000 * 7 * 2 / 8
    assert write({}, "z", numbers(3, 3000, 0.0), 3) == PACKED
    assert write({}, "z", np.zeros((3000, 8), np.uint8), 8) == BYTES


@pytest.mark.parametrize("way", [BYTES, PACKED, CODED, 7, -1])
def test_what_does_not_hold_them_is_refused(way: int) -> None:
    arrays = {}
    assert write(arrays, "z", numbers(2, 3000, 0.6), 2) == CODED
    damaged = {**arrays, "z": arrays["z"][:-2]}
    wrong = {**arrays, "z/t": arrays["z/t"][:-1]}
    for stored, shape in ((damaged, (3000, 7)), (wrong, (3000, 7)), (arrays, (3001, 7)),
                          (arrays, (3000, 8)), (arrays, (2 ** 40, 7)), (arrays, (21000,))):
        with pytest.raises(NmapError, match="rebuild"):
            read(stored, "z", 2, way, shape)
    if way == CODED:
        with pytest.raises(KeyError):
            read({"z": arrays["z"]}, "z", 2, way, (3000, 7))
