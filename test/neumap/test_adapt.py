"""Scene adaptation: codes alone change, L1 prunes, every voxel has its turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.neumap.adapt import Adaptation, VoxelSampler, adapt, prune, scaled
from nmap_reloc.representations.neumap.encode import encode, into_voxels
from nmap_reloc.representations.neumap.layout import BITS
from nmap_reloc.representations.neumap.network import NeumapNetwork
from nmap_reloc.representations.neumap.train import TrainingScene, rounded
from nmap_reloc.representations.neumap.voxels import choose_side, grid
from nmap_reloc.types import Floats

USELESS = 60  # codes of landmarks that nothing observes
Adapted = tuple[Floats, Floats]


@pytest.fixture(scope="module")
def padded(landmarks: Landmarks) -> Landmarks:
    """The scene with landmarks at its end that no view sees."""
    rng = np.random.default_rng(5)
    extra = rng.uniform((-4, -3, 4), (4, 3, 7), (USELESS, 3))
    return replace(landmarks, positions=np.concatenate([landmarks.positions, extra]),
                   track_lengths=np.r_[landmarks.track_lengths, np.ones(USELESS, np.int32)],
                   errors=np.r_[landmarks.errors, np.ones(USELESS, np.float32)])


@pytest.fixture(scope="module")
def codes(padded: Landmarks, trained: NeumapNetwork) -> Floats:
    made = encode(trained, padded.mean_descriptors()).copy()
    noise = np.random.default_rng(3).normal(size=(USELESS, made.shape[1]))
    made[-USELESS:] = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return made


def run(trained: NeumapNetwork, padded: Landmarks, codes: Floats, **options: float) -> Adapted:
    return adapt(trained, padded, np.arange(len(padded)), codes,
                 Adaptation(**{"steps": 45, **options}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sparse(trained: NeumapNetwork, padded: Landmarks, codes: Floats) -> Adapted:
    return run(trained, padded, codes, sparsity=2.0)


@pytest.fixture(scope="module")
def dense(trained: NeumapNetwork, padded: Landmarks, codes: Floats) -> Adapted:
    return run(trained, padded, codes, sparsity=0.0)


def test_the_network_stays_bit_for_bit(trained: NeumapNetwork, padded: Landmarks, codes: Floats
                                       ) -> None:
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    trainable = [p.requires_grad for p in trained.parameters()]
    run(trained, padded, codes, steps=4)
    for name, value in trained.state_dict().items():
        assert torch.equal(before[name], value), name
    assert [p.requires_grad for p in trained.parameters()] == trainable


def test_codes_change(dense: Adapted, codes: Floats) -> None:
    moved = np.linalg.norm(dense[0] - codes, axis=1)
    assert dense[0].dtype == dense[1].dtype == np.float32
    assert np.isfinite(dense[0]).all() and float(np.median(moved)) > 1e-3


def test_the_l1_loss_takes_effect(sparse: Adapted, dense: Adapted) -> None:
    assert sparse[1].mean() < 0.97 * dense[1].mean()
    assert (sparse[1] == 0).sum() > (dense[1] == 0).sum()


def test_useless_codes_are_pruned_and_useful_ones_stay(sparse: Adapted) -> None:
    gone = ~sparse[1].any(1)
    assert gone[-USELESS:].mean() > 0.7
    assert gone[:-USELESS].mean() < 0.05


def test_pruned_is_exactly_zero_and_the_rest_above_the_threshold(sparse: Adapted) -> None:
    codes, factors = sparse
    assert ((factors == 0) | (factors >= Adaptation().threshold)).all()
    assert (codes[~factors.any(1)] == 0).all()


def test_pruned_codes_leave_the_map(sparse: Adapted, padded: Landmarks) -> None:
    codes, factors = sparse
    kept = np.flatnonzero(factors.any(1))
    coded = into_voxels(padded, kept, codes[kept], factors[kept])
    assert len(coded.codes) == len(kept) < len(padded)
    assert coded.factors is not None and coded.factors.any(1).all()


def test_a_code_is_as_long_as_its_mean_factor(sparse: Adapted) -> None:
    np.testing.assert_allclose(np.linalg.norm(sparse[0], axis=1), sparse[1].mean(1), atol=1e-5)


def test_untouched_factors_leave_codes_as_the_encoder_made_them(codes: Floats) -> None:
    same = scaled(torch.from_numpy(codes), torch.ones(len(codes), 3))
    np.testing.assert_allclose(same.numpy(), codes, atol=1e-6)


def test_fine_tuning_keeps_the_factors_frozen(trained: NeumapNetwork, padded: Landmarks,
                                              codes: Floats, monkeypatch: pytest.MonkeyPatch
                                              ) -> None:
    """What the first stage and pruning made is what comes out."""
    import nmap_reloc.representations.neumap.adapt as module

    seen: list[torch.Tensor] = []

    def remember(factors: torch.Tensor, options: Adaptation) -> torch.Tensor:
        seen.append(prune(factors, options).clone())
        return seen[-1]

    monkeypatch.setattr(module, "prune", remember)
    _, factors = run(trained, padded, codes, steps=12)
    np.testing.assert_array_equal(factors, seen[0].numpy())


def test_the_best_codes_stay_whatever_the_threshold(trained: NeumapNetwork) -> None:
    factors = torch.linspace(0, 1, 200).reshape(100, 2)
    left = prune(factors, Adaptation(threshold=2.0, least=10))
    assert left.any(1).sum() == 10 and torch.equal(left[-10:], factors[-10:])


def test_adaptation_does_not_make_decoding_worse(trained: NeumapNetwork, padded: Landmarks,
                                                 codes: Floats, sparse: Adapted) -> None:
    """As the map keeps the codes."""
    ones = np.ones((len(codes), trained.shape.blocks), np.float32)
    assert right(trained, padded, kept(sparse[0]), sparse[1]) >= right(
        trained, padded, kept(codes), ones) - 0.02


def kept(codes: Floats) -> Floats:
    return np.asarray(rounded(torch.from_numpy(codes), BITS).numpy(), np.float32)


def right(network: NeumapNetwork, landmarks: Landmarks, codes: Floats, factors: Floats) -> float:
    """Share of observations decoded to within a tenth of a voxel."""
    side = choose_side(landmarks.positions)
    kept = np.flatnonzero(factors.any(1))
    places = torch.from_numpy(landmarks.positions[kept].astype(np.float32))
    voxels = torch.from_numpy(grid(landmarks.positions[kept], side)[1])
    made = torch.from_numpy(codes[kept])
    hits = []
    with torch.inference_mode():
        keys, values = network.unfold(made, torch.from_numpy(factors[kept]))
        for view in landmarks.views:
            seen = view.landmarks >= 0
            found = network.decode(torch.from_numpy(view.descriptors[seen]), made, keys, values,
                                   places, voxels, torch.tensor([side]))[0].numpy()
            apart = np.linalg.norm(found - landmarks.positions[view.landmarks[seen]], axis=1)
            hits.append(apart < 0.1 * side)
    return float(np.concatenate(hits).mean())


def test_every_voxel_is_drawn_before_any_is_drawn_twice(landmarks: Landmarks) -> None:
    scene = TrainingScene(landmarks)
    chosen = np.arange(0, len(landmarks), 3)
    side = 1.5
    sampler = VoxelSampler(scene, chosen, side, 0)
    voxel = grid(scene.positions[chosen], side)[1]
    assert len(sampler._views) == voxel.max() + 1  # thinly populated ones too
    count = len(sampler._views)
    order = [next(sampler._order) for _ in range(3 * count)]
    for start in range(0, len(order), count):
        assert sorted(order[start:start + count]) == list(range(count))


def test_who_asks_a_voxel_sees_it(landmarks: Landmarks) -> None:
    scene = TrainingScene(landmarks)
    chosen = np.arange(len(landmarks))
    voxel = grid(scene.positions, 2.0)[1]
    sampler = VoxelSampler(scene, chosen, 2.0, 0)
    for index, views in enumerate(sampler._views):
        most = max(int((voxel[v.landmarks[v.landmarks >= 0]] == index).sum())
                   for v in landmarks.views)
        for view in views:
            seen = int((voxel[view.landmarks[view.landmarks >= 0]] == index).sum())
            assert seen >= min(20, most)


def test_a_scene_that_no_view_sees_enough_of_is_refused(landmarks: Landmarks,
                                                        trained: NeumapNetwork, codes: Floats
                                                        ) -> None:
    few = replace(landmarks, views=tuple(
        replace(v, landmarks=np.where(np.arange(len(v.landmarks)) < 5, v.landmarks, -1))
        for v in landmarks.views))
    with pytest.raises(NmapError, match="--polish: no view sees"):
        adapt(trained, few, np.arange(100), codes[:100], Adaptation(steps=3))
