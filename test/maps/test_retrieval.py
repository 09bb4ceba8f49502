"""The retrieval index: within its budget, it names the voxels that a query sees."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import representatives
from nmap_reloc.maps.retrieval import RetrievalIndex
from nmap_reloc.maps.tile import Tile, compressed_bytes, decode_tile, encode_tile
from nmap_reloc.types import Floats, Ints

VOXELS = 40


def loop(count: int, size: int = 128, seed: int = 0) -> tuple[Floats, list[Ints]]:
    """Views on a loop: what looks alike is near, and each sees the seven voxels around it."""
    random = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    harmonics = np.outer(angles, np.arange(1, 9))
    scenery = np.random.default_rng(9).normal(size=(16, size))
    descriptors = np.hstack([np.cos(harmonics), np.sin(harmonics)]) @ scenery
    descriptors += random.normal(size=descriptors.shape)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    middle = np.round(angles / (2 * np.pi) * VOXELS).astype(np.int32)
    return descriptors.astype(np.float32), [
        np.unique((m + np.arange(-3, 4)) % VOXELS).astype(np.int32) for m in middle]


def share_found(index: RetrievalIndex, descriptors: Floats, voxels: list[Ints], offset: int = 0
                ) -> float:
    found = [np.isin(seen + offset, index.select(descriptor, 4)[0][:14]).mean()
             for descriptor, seen in zip(descriptors, voxels, strict=True)]
    return float(np.mean(found))


@pytest.mark.parametrize(("budget", "least"), [(300, 0.4), (1000, 0.85), (4000, 0.97)])
def test_a_query_finds_its_voxels_within_the_budget(budget: int, least: float) -> None:
    arrays = RetrievalIndex.encode(*loop(120), VOXELS, budget)
    assert 0.6 * budget < compressed_bytes(arrays) <= budget or len(arrays["retrieval/d"]) > 3000
    tile = decode_tile(encode_tile(Tile("0", "neumap", {}, {"codes": np.zeros(9), **arrays})), "x")
    index = RetrievalIndex.from_arrays(tile.arrays)
    assert index.bytes() == compressed_bytes(arrays)
    assert index.voxel_count == VOXELS
    assert np.allclose(np.linalg.norm(index.descriptors, axis=1), 1, atol=1e-5)
    # Every voxel that any view sees can be found.
    assert set(np.concatenate(index.voxels).tolist()) == set(range(VOXELS))
    assert share_found(index, *loop(33, seed=5)) >= least


def test_scores_fall_and_lie_in_0_to_1() -> None:
    index = RetrievalIndex.from_arrays(RetrievalIndex.encode(*loop(120), VOXELS, 3000))
    voxels, scores = index.select(loop(120)[0][7], 5)
    assert len(np.unique(voxels)) == len(voxels) and voxels.dtype == np.int32
    assert np.all(np.diff(scores) <= 0) and scores.min() > 0 and scores.max() <= 1 + 1e-5


def test_several_tiles_are_one_index() -> None:
    one, other = loop(60), loop(60)
    other = (-other[0], other[1])  # looks like nothing in the first
    indices = [RetrievalIndex.from_arrays(RetrievalIndex.encode(*views, VOXELS, 2500))
               for views in (one, other)]
    both = RetrievalIndex.concatenate(indices)
    assert both.voxel_count == 2 * VOXELS
    assert both.bytes() == sum(index.bytes() for index in indices)
    assert share_found(both, *one) > 0.9
    assert share_found(both, *other, offset=VOXELS) > 0.9


def test_many_voxels_few_seen_are_stored_as_numbers() -> None:
    random = np.random.default_rng(0)
    descriptors = loop(30)[0]
    voxels = [np.sort(random.choice(90_000, 5, replace=False)) for _ in range(30)]
    arrays = RetrievalIndex.encode(descriptors, voxels, 90_000, 10_000)
    assert "retrieval/i" in arrays
    index = RetrievalIndex.from_arrays(arrays)
    assert (set(np.concatenate(index.voxels).tolist())
            == set(np.concatenate(voxels).tolist()))


def test_views_that_see_nothing_and_single_views() -> None:
    descriptors = loop(5)[0]
    nothing = [np.zeros(0, np.int32)] * 5
    index = RetrievalIndex.from_arrays(RetrievalIndex.encode(descriptors, nothing, 3, 2000))
    assert len(index.select(descriptors[0], 3)[0]) == 0
    single = RetrievalIndex.encode(descriptors[:1], [np.array([2])], 3, 2000)
    voxels, scores = RetrievalIndex.from_arrays(single).select(descriptors[0], 3)
    assert voxels.tolist() == [2] and scores[0] == pytest.approx(1)


def test_without_global_descriptors_every_voxel_is_returned() -> None:
    arrays = RetrievalIndex.encode(np.zeros((4, 0), np.float32), [np.arange(3)] * 4, 7, 100)
    voxels, scores = RetrievalIndex.from_arrays(arrays).select(np.zeros(0, np.float32), 5)
    assert voxels.tolist() == list(range(7)) and not scores.any()


def test_a_budget_that_cannot_be_met_is_refused_with_the_least() -> None:
    with pytest.raises(NmapError, match=r"retrieval budget 20 bytes: one view needs \d+"):
        RetrievalIndex.encode(*loop(20), VOXELS, 20)


def test_a_query_of_another_size_is_refused() -> None:
    index = RetrievalIndex.from_arrays(RetrievalIndex.encode(*loop(20), VOXELS, 900))
    with pytest.raises(NmapError, match="64 values: the map has 128"):
        index.select(np.zeros(64, np.float32), 3)
    other = RetrievalIndex.from_arrays(RetrievalIndex.encode(*loop(20, 64), VOXELS, 900))
    with pytest.raises(NmapError, match=r"\[64, 128\]"):
        RetrievalIndex.concatenate([index, other])


def test_damaged_arrays_are_refused_or_harmless() -> None:
    for kind, views in (("retrieval/v", loop(20)),
                        ("retrieval/i", (loop(20)[0], [np.array([i * 4000]) for i in range(20)]))):
        arrays = RetrievalIndex.encode(*views, 80_000 if kind == "retrieval/i" else VOXELS, 1500)
        assert kind in arrays
        random = np.random.default_rng(0)
        for attempt in range(300):
            broken = {name: array.copy() for name, array in arrays.items()}
            name = list(broken)[attempt % len(broken)]
            flat = broken[name].reshape(-1)
            if attempt % 3:
                flat[random.integers(len(flat))] = random.integers(0, 256)
            else:
                broken[name] = flat[:-1]
            try:
                index = RetrievalIndex.from_arrays(broken)
                voxels, _ = index.select(np.ones(index.descriptors.shape[1], np.float32), 3)
                assert not len(voxels) or voxels.max() < index.voxel_count
            except NmapError as error:
                assert "rebuild the map" in str(error)


def test_representatives_are_the_greedy_optimum() -> None:
    """The lazy order gains as much at every step as looking at all views would."""
    descriptors, _ = loop(60, seed=3)
    order = representatives.order(descriptors, 60)
    assert sorted(order.tolist()) == list(range(60))
    similarity = descriptors @ descriptors.T
    nearest = np.full(60, -1.0, np.float32)
    for index in order[:30]:
        gains = np.maximum(similarity - nearest, 0).sum(axis=1)
        assert gains[index] >= gains.max() - 1e-3
        nearest = np.maximum(nearest, similarity[index])
