"""Codes to a tile and back; what is no neumap tile is refused in one line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.tile import Tile, decode_tile, encode_tile
from nmap_reloc.representations.neumap.layout import (
    CUT,
    FINE,
    CodedVoxels,
    from_tile,
    to_tile,
)
from nmap_reloc.representations.neumap.train import rounded
from nmap_reloc.representations.neumap.voxels import choose_side, grid


def coded(seed: int = 0, count: int = 300, side: float = 1.7, factors: bool = False
          ) -> CodedVoxels:
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-6, 6, (count, 3))
    cells, voxels = grid(positions, side)
    order = np.argsort(voxels, kind="stable")
    codes = rng.normal(size=(count, 12))
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    scales = rng.uniform(0.1, 1.2, (count, 3)) * (rng.random((count, 3)) > 0.3)
    return CodedVoxels(codes.astype(np.float32), positions[order], voxels[order].astype(np.int32),
                       cells, side, scales.astype(np.float32) if factors else None)


def through_disk(made: CodedVoxels, bits: int = 6) -> CodedVoxels:
    return from_tile(decode_tile(encode_tile(to_tile(made, "0_0", bits)), "a file"))


def in_order_of(made: CodedVoxels, back: CodedVoxels) -> CodedVoxels:
    """A tile lists a voxel's codes in an order of its own."""
    away = np.linalg.norm(made.positions[:, None] - back.positions, axis=2)
    order = away.argmin(0)
    assert len(set(order.tolist())) == len(made.codes)
    return replace(made, codes=made.codes[order], positions=made.positions[order],
                   voxels=made.voxels[order],
                   factors=None if made.factors is None else made.factors[order])


@pytest.mark.parametrize("bits", [2, 4, 6, 8])
def test_what_comes_back_is_within_half_a_step(bits: int) -> None:
    made = coded()
    back = through_disk(made, bits)
    made = in_order_of(made, back)
    cut = CUT[bits] * float(made.codes.std())
    step = 2 * cut / (2 ** bits - 1)
    kept = np.clip(made.codes, -cut, cut)
    assert np.abs(back.codes - kept).max() <= step / 2 + 1e-6
    if np.abs(made.codes).max() > cut:  # then training rounds exactly as the map does
        expected = rounded(torch.from_numpy(made.codes), bits).numpy()
        assert np.abs(back.codes - expected).max() <= 1e-5
    assert np.abs(back.positions - made.positions).max() <= made.side * FINE / 2
    np.testing.assert_array_equal(back.voxels, made.voxels)
    np.testing.assert_array_equal(back.cells, made.cells)
    assert back.side == made.side and back.factors is None


def test_positions_stay_in_their_voxel() -> None:
    back = through_disk(coded())
    low = back.cells[back.voxels] * back.side
    assert ((back.positions > low) & (back.positions < low + back.side)).all()


def test_factors_come_back_and_pruned_ones_are_exactly_zero() -> None:
    made = coded(factors=True)
    back = through_disk(made)
    made = in_order_of(made, back)
    assert made.factors is not None and back.factors is not None
    assert np.abs(back.factors - made.factors).max() <= float(made.factors.max()) / 30 + 1e-6
    np.testing.assert_array_equal(back.factors == 0, made.factors == 0)


def test_codes_of_factor_one_throughout() -> None:
    made = coded()
    made = replace(made, factors=np.ones((len(made.codes), 3), np.float32))
    back = through_disk(made)
    assert back.factors is not None and (back.factors == 1).all()


def test_voxels_far_apart_and_crowded() -> None:
    cells = np.array([[0, 0, 0], [70_000, -5, 3]], np.int32)
    voxels = np.repeat([0, 1], [300, 2]).astype(np.int32)
    made = CodedVoxels(coded(count=302).codes, cells[voxels] + 0.5, voxels, cells, 1.0)
    back = through_disk(made)
    np.testing.assert_array_equal(back.cells, cells)
    np.testing.assert_array_equal(back.voxels, voxels)


def test_one_code() -> None:
    assert len(through_disk(coded(count=1)).codes) == 1


def test_no_codes_are_not_stored() -> None:
    empty = CodedVoxels(np.zeros((0, 12), np.float32), np.zeros((0, 3)), np.zeros(0, np.int32),
                        np.zeros((0, 3), np.int32), 1.0)
    with pytest.raises(NmapError, match="tile 0_0: no codes"):
        to_tile(empty, "0_0", 6)


def test_the_same_codes_give_the_same_bytes() -> None:
    assert encode_tile(to_tile(coded(), "a", 6)) == encode_tile(to_tile(coded(), "a", 6))


WRONG: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("no side", {"side": None}, {}), ("negative side", {"side": -1.0}, {}),
    ("side a word", {"side": "wide"}, {}), ("infinite side", {"side": float("inf")}, {}),
    ("no first", {"first": None}, {}), ("first of two", {"first": [1, 2]}, {}),
    ("first far", {"first": [1 << 40, 0, 0]}, {}),
    ("first at the edge", {"first": [(1 << 31) - 1] * 3}, {}),
    ("no tree", {"tree": None}, {}), ("a tree of two numbers", {"tree": [300, 18]}, {}),
    ("one code less", {"tree": [299, 18, 5, 1, 400]}, {}),
    ("no code", {"tree": [0, 18, 5, 1, 400]}, {}),
    ("too many", {"tree": [1 << 40, 18, 5, 1, 400]}, {}),
    ("broken numbers", {"tree": [300.5, 18, 5, 1, 400]}, {}),
    ("too deep", {"tree": [300, 99, 5, 1, 400]}, {}),
    ("more plain bits than there are", {"tree": [300, 18, 5, 1, 1 << 30]}, {}),
    ("no codes", {}, {"z": None}), ("no positions", {}, {"p": None}),
    ("no range", {}, {"z/range": None}), ("no eyes", {}, {"e": None}),
    ("flat eyes", {}, {"e": np.zeros(3, np.int16)}),
    ("eyes of floats", {}, {"e": np.zeros((1, 3), np.float32)}),
    ("codes of another shape", {"z": [6, None, 0, 300, 13]}, {}),
    ("flat codes", {"z": [6, None, 0, 3600]}, {}), ("codes described by text", {"z": "abc"}, {}),
    ("not finite", {}, {"z/range": np.array([[np.nan], [1]], np.float32)}),
    ("too few positions", {}, {"p": np.zeros(7, np.uint8)}),
    ("factors without description", {}, {"f": np.zeros(4, np.uint8)}),
    ("factors of others", {"f": [4, None, 0, 2, 2]},
     {"f": np.zeros(4, np.uint8), "f/range": np.array([[0], [1]], np.float32)}),
]


@pytest.mark.parametrize(("meta", "arrays"), [pytest.param(m, a, id=n) for n, m, a in WRONG])
def test_malformed_tiles_are_refused(meta: dict[str, Any], arrays: dict[str, Any]) -> None:
    good = to_tile(coded(), "12_-3", 6)
    tile = Tile(good.id, good.representation,
                {k: v for k, v in {**good.meta, **meta}.items() if v is not None},
                {k: v for k, v in {**good.arrays, **arrays}.items() if v is not None})
    with pytest.raises(NmapError, match=r"tile 12_-3: not a neumap tile .*rebuild") as error:
        from_tile(tile)
    assert "\n" not in str(error.value)


def test_random_damage_is_refused_or_harmless() -> None:
    """Whatever a tile holds, nothing but NmapError comes out, and what is read is finite."""
    rng = np.random.default_rng(0)
    good = to_tile(coded(factors=True), "0_0", 6)
    for _ in range(200):
        arrays = {name: array.copy() for name, array in good.arrays.items()}
        full = sorted(name for name, array in arrays.items() if array.size)
        name = full[int(rng.integers(len(full)))]
        flat = arrays[name].reshape(-1).view(np.uint8)
        flat[rng.integers(len(flat), size=3)] = rng.integers(0, 256, 3)
        if rng.random() < 0.3:
            arrays[name] = arrays[name].reshape(-1)[:int(rng.integers(len(flat)))]
        try:
            back = from_tile(replace(good, arrays=arrays))
        except NmapError:
            continue
        assert np.isfinite(back.codes).all() and np.isfinite(back.positions).all()
        assert len(back.codes) == len(back.positions) == len(back.voxels)


def test_the_automatic_side_holds_about_a_hundred_codes() -> None:
    positions = np.random.default_rng(0).uniform(0, 50, (5000, 3)) * [1, 1, 0.1]
    cells, voxels = grid(positions, choose_side(positions))
    assert 40 < len(voxels) / len(cells) <= 100


@pytest.mark.parametrize("positions", [np.zeros((1, 3)), np.zeros((50, 3)),
                                       np.arange(3.0)[None].repeat(200, 0)])
def test_points_in_one_place_have_a_voxel_too(positions: np.ndarray) -> None:
    side = choose_side(positions)
    assert side > 0 and len(grid(positions, side)[0]) == 1
