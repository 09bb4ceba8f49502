"""Quantisation: the error is never more than half a step."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.quantize import (
    dequantize,
    get,
    put,
    quantize,
)


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_the_error_is_at_most_half_a_step(bits: int, axis: int | None) -> None:
    random = np.random.default_rng(bits)
    for scale in (1e-6, 1.0, 1e6):
        array = (random.normal(size=(37, 5)) * scale * np.logspace(-2, 2, 5) + scale
                 ).astype(np.float32)
        values, how = quantize(array, bits, axis)
        restored = dequantize(values, how)
        assert restored.dtype == np.float32 and restored.shape == array.shape
        step = how.step().reshape({None: (1, 1), 0: (37, 1)}.get(axis, (1, 5)))
        rounding = np.spacing(np.abs(array)) * 2
        assert np.all(np.abs(restored.astype(float) - array) <= step / 2 + rounding)
        again, _ = quantize(restored, bits, axis)
        assert np.array_equal(again, values)


def test_the_ends_of_the_range_and_constants_are_exact() -> None:
    array = np.array([[1.5, -3.25], [1.5, 7.5], [1.5, 0.0]], np.float32)
    restored = dequantize(*quantize(array, 2, axis=-1))
    assert np.array_equal(restored[:, 0], array[:, 0])
    assert restored[0, 1] == -3.25 and restored[1, 1] == 7.5


def test_largest_floats_and_empty_arrays_survive() -> None:
    largest = np.finfo(np.float32).max
    array = np.array([-largest, 0, largest], np.float32)
    assert np.isfinite(dequantize(*quantize(array, 8))).all()
    assert dequantize(*quantize(np.zeros((0, 4)), 4, axis=-1)).shape == (0, 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        quantize(np.array([1.0, bad]), 8)


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_arrays_in_a_tile(bits: int) -> None:
    array = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    arrays, meta = {}, {}
    how = put(arrays, meta, "codes", array, bits, axis=-1)
    assert np.abs(get(arrays, meta, "codes") - array).max() <= how.step().max() / 2 + 1e-6
    for broken in ({**meta, "codes": [bits, 1, 1, 999, 6]}, {**meta, "codes": "x"}, {},
                   {**meta, "codes": [bits, 7, 1, 50, 6]}, {"codes": [bits, 1, 1, 2 ** 40, 6]}):
        with pytest.raises(NmapError, match="rebuild"):
            get(arrays, broken, "codes")
    with pytest.raises(NmapError, match="codes"):
        get({"codes": arrays["codes"]}, meta, "codes")
