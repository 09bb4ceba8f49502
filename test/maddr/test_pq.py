"""Product quantisation: what faiss encodes is what numpy restores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.makers import Order
from nmap_reloc.mapping.pq_tiles import PqMaker
from nmap_reloc.representations.maddr.layout import from_tile
from nmap_reloc.representations.pq.decode import PqDecoder
from nmap_reloc.representations.pq.encode import learn


def descriptors(count: int = 400, width: int = 64) -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(count, width)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("parts", [4, 16, 32])
def test_each_part_has_its_nearest_centroid(parts: int) -> None:
    rows = descriptors()
    made = learn(rows, parts)
    numbers = made.encode(rows).astype(int)
    assert numbers.shape == (len(rows), parts) and numbers.max() == 15
    split = rows.reshape(len(rows), parts, -1)
    for part in range(parts):
        away = np.linalg.norm(split[:, part, None] - made.codebooks[part][None], axis=2)
        np.testing.assert_allclose(away[np.arange(len(rows)), numbers[:, part]], away.min(1),
                                   atol=1e-5)


def test_the_robot_restores_what_faiss_would(scene: Landmarks) -> None:
    maker = PqMaker(Order(scene, 40_000))
    tile = maker.pieces(320, 16)[0].tile
    loaded = PqDecoder().load([tile])
    means = scene.mean_descriptors()
    quantizer = maker._quantizers[16]
    codes = quantizer.encode(means)
    expected = quantizer.codebooks[np.arange(16), codes.astype(int)].reshape(len(means), -1)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    for position, mine in list(zip(loaded.positions, loaded.descriptors, strict=True))[::40]:
        who = int(np.linalg.norm(scene.positions - position, axis=1).argmin())
        assert float(expected[who] @ mine) > 0.999


def test_more_parts_are_closer() -> None:
    rows = descriptors()
    errors = []
    for parts in (8, 16, 32):
        made = learn(rows, parts)
        back = made.codebooks[np.arange(parts), made.encode(rows).astype(int)].reshape(rows.shape)
        errors.append(float(np.square(back - rows).sum(1).mean()))
    assert errors[0] > errors[1] > errors[2]


def test_the_same_scene_gives_the_same_tile(scene: Landmarks) -> None:
    first, second = (PqMaker(Order(scene, 20_000)).pieces(50, 16)[0].tile for _ in range(2))
    np.testing.assert_array_equal(first.arrays["z"], second.arrays["z"])


def test_too_few_descriptors_are_refused() -> None:
    with pytest.raises(NmapError, match=r"representation pq: 15 descriptors of 64 numbers in 16"):
        learn(descriptors(15), 16)


def test_a_tile_without_its_codebooks_is_refused(scene: Landmarks) -> None:
    tile = PqMaker(Order(scene, 20_000)).pieces(50, 16)[0].tile
    assert len(from_tile(tile)) > 1
    bare = replace(tile, arrays={k: v for k, v in tile.arrays.items() if k != "b"})
    with pytest.raises(NmapError, match="array b: missing"):
        PqDecoder().load([bare])
