"""Places in few bits: how exact they come back, how small they are, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.places import Places, Sight, get_places, put_places
from nmap_reloc.maps.tile import Arrays, Json


def stored(positions: np.ndarray, side: float, sight: Sight
           ) -> tuple[np.ndarray, Places, Arrays]:
    """What was put in, in the order in which it comes back; what comes back; the arrays."""
    arrays: Arrays = {}
    meta: dict[str, Json] = {}
    order = put_places(arrays, meta, positions, side, sight)
    return positions[order], get_places(arrays, meta), arrays


@pytest.mark.parametrize("count", [1, 2, 33, 4000])
@pytest.mark.parametrize("step", [1e-4, 0.01, 0.3])
def test_the_error_is_at_most_half_a_step(count: int, step: float) -> None:
    positions = np.random.default_rng(count).uniform(-40, 40, (count, 3)) * [1, 1, 0.1]
    was, back, _ = stored(positions, 1.7, Sight.even(step))
    assert np.abs(was - back.positions).max() <= max(step, 1.7 / 2 ** 20) / 2 + 1e-9
    np.testing.assert_array_equal(back.cells[back.voxels], np.floor(was / 1.7))
    assert (np.diff(back.voxels) >= 0).all()
    np.testing.assert_array_equal(np.unique(back.voxels), np.arange(len(back.cells)))


def test_near_places_are_finer_than_far_ones() -> None:
    random = np.random.default_rng(0)
    away = random.uniform(1, 200, 3000)
    rays = random.normal(size=(3000, 3))
    eyes = random.normal(size=(5, 3))
    positions = eyes[random.integers(0, 5, 3000)] + away[:, None] * rays / np.linalg.norm(
        rays, axis=1, keepdims=True)
    angle = 0.001
    was, back, arrays = stored(positions, 30.0, Sight(eyes, angle, 2.0))
    nearest = np.linalg.norm(was[:, None] - eyes, axis=2).min(1)
    allowed = angle * np.maximum(nearest, 2.0) / 2
    error = np.abs(was - back.positions).max(1)
    assert (error <= 1.25 * allowed + 30 / 2 ** 20).all()  # a cell is judged by its middle
    assert np.median(error[nearest > 100]) > 10 * np.median(error[nearest < 5])
    _, _, even = stored(positions, 30.0, Sight.even(2 * angle))
    assert len(arrays["p"]) < 0.85 * len(even["p"])


def test_order_is_not_paid_for() -> None:
    """Points on a plane: of three coordinates one is nearly free, and so is the order."""
    positions = np.random.default_rng(0).uniform(0, 8, (4000, 3)) * [1, 1, 0] + 0.1
    _, _, arrays = stored(positions, 1.0, Sight.even(8 / 2 ** 10))
    assert len(arrays["p"]) * 8 / 4000 < 3 * 10 - np.log2(4000 / np.e) - 3


def test_places_in_one_spot_and_far_apart() -> None:
    positions = np.concatenate([np.full((50, 3), 0.3), [[70_000.2, -5.1, 3.7]]])
    was, back, _ = stored(positions, 1.0, Sight(np.zeros((1, 3)), 0.001, 0.5))
    np.testing.assert_array_equal(back.cells, [[0, 0, 0], [70_000, -6, 3]])
    assert np.abs(was - back.positions).max() < 0.6
    with pytest.raises(NmapError, match="too far for one tile"):
        stored(positions * 1e9, 1.0, Sight.even(0.1))


def test_the_same_places_give_the_same_bytes() -> None:
    positions = np.random.default_rng(0).normal(size=(500, 3))
    sight = Sight(positions[:4], 0.002, 0.1)
    first, second = (stored(positions[order], 0.5, sight)[2]["p"].tobytes()
                     for order in (np.arange(500), np.arange(500)[::-1]))
    assert first == second


def test_damage_is_refused_or_harmless() -> None:
    random = np.random.default_rng(0)
    arrays: Arrays = {}
    meta: dict[str, Json] = {}
    put_places(arrays, meta, random.normal(size=(300, 3)), 0.5, Sight(np.zeros((2, 3)), 0.01, 0.3))
    refused = 0
    for _ in range(200):
        broken = arrays["p"].copy()
        broken[random.integers(len(broken), size=2)] = random.integers(0, 256, 2)
        try:
            back = get_places({**arrays, "p": broken}, meta)
        except NmapError:
            refused += 1
            continue
        assert back.positions.shape == (300, 3) and np.isfinite(back.positions).all()
    assert refused > 20
