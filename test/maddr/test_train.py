"""Pairs have the true assignment; a few steps teach; each ablation leaves out its own part."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_landmarks import world

from nmap_reloc.camera import project
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.maddr.encode import observed
from nmap_reloc.representations.maddr.network import MaddrNetwork, MaddrShape
from nmap_reloc.representations.maddr.pairs import (
    UNCERTAIN,
    UNMATCHED,
    PairScene,
    draw,
    make,
)
from nmap_reloc.representations.maddr.train import (
    Ablation,
    MaddrTraining,
    losses,
    matching_loss,
    quality,
    together,
    train,
)

QUICK = MaddrTraining(steps=6, start=20, others=64)


@pytest.fixture(scope="module")
def scenes() -> list[PairScene]:
    return [PairScene(world(seed)) for seed in (0, 1)]


@pytest.fixture
def fresh() -> MaddrNetwork:
    torch.manual_seed(0)
    return MaddrNetwork(MaddrShape(descriptor=32, width=32, layers=1, heads=2))


def test_targets_are_where_the_landmarks_are_seen(scenes: list[PairScene]) -> None:
    rng, scene = np.random.default_rng(0), scenes[0]
    query = scene.landmarks.views[2]
    pair = make(rng, scene, query, 2, 5)
    matched = np.flatnonzero(pair.targets >= 0)
    assert len(matched) > 20 and len(set(pair.targets[matched])) == len(matched)
    # the landmark that a target means, found by what it looks like
    likeness = pair.view[pair.targets[matched]] @ scene.landmarks.mean_descriptors().T
    pixels = project(query.camera, query.map_from_camera.inverse().apply(
        scene.landmarks.positions[likeness.argmax(1)]))
    assert np.linalg.norm(pixels - query.keypoints[matched], axis=1).max() < 2.0
    assert (pair.targets == UNMATCHED).sum() > 20


def test_the_asking_views_own_descriptor_is_not_in_the_landmarks(scenes: list[PairScene]) -> None:
    scene = scenes[0]
    query = scene.landmarks.views[2]
    pair = make(np.random.default_rng(0), scene, query, 2, 5)
    row = int(np.flatnonzero(pair.targets >= 0)[0])
    landmark = query.landmarks[row]
    others = [v.descriptors[v.landmarks == landmark][0] for v in scene.landmarks.views
              if v is not query and (v.landmarks == landmark).any()]
    expected = np.sum(others, axis=0)
    np.testing.assert_allclose(pair.view[pair.targets[row]],
                               expected / np.linalg.norm(expected), atol=1e-5)


def test_what_near_views_saw_is_left_out_too(scenes: list[PairScene]) -> None:
    """A landmark that only they saw is not in the pair."""
    scene = scenes[0]
    kept = np.arange(len(scene.landmarks))
    seen = observed(scene.landmarks)
    shared = (seen & seen[2]).sum(1)
    shared[2] = 0
    near = np.argsort(-shared, kind="stable")[:9]
    with_all, without = scene.descriptors(kept), scene.descriptors(kept, 2, 9)
    lost = ~seen[[i for i in range(len(seen)) if i not in (2, *near)]].any(0) & seen.any(0)
    assert lost.any() and not without[lost].any()
    untouched = ~seen[[2, *near]].any(0) & seen.any(0)
    np.testing.assert_allclose(without[untouched], with_all[untouched], atol=1e-6)


def test_a_keypoint_beside_a_landmark_is_left_out_of_the_loss(scenes: list[PairScene]) -> None:
    scene = scenes[0]
    query = scene.landmarks.views[2]
    rng = np.random.default_rng(0)
    row = int(np.flatnonzero(make(rng, scene, query, 2, 5).targets >= 0)[0])
    landmarks = query.landmarks.copy()
    landmarks[row] = -1
    descriptors = query.descriptors.copy()
    descriptors[row] = -descriptors[row]  # there, but does not look like it
    changed = replace(query, landmarks=landmarks, descriptors=descriptors)
    pair = make(np.random.default_rng(0), scene, changed, 2, 5)
    assert pair.targets[row] == UNCERTAIN and (~pair.certain).sum() >= 1


def test_a_foreign_pair_has_no_match(scenes: list[PairScene]) -> None:
    pair = draw(np.random.default_rng(0), scenes, foreign=1.0)
    assert (pair.targets == UNMATCHED).all() and pair.certain.all()


def test_views_kept_for_checking_never_ask_in_training(scenes: list[PairScene]) -> None:
    for scene in scenes:
        assert len(scene.checked) and not set(scene.checked) & set(scene.askers)


def test_a_few_steps_match_better(tmp_path: Path, scenes: list[PairScene], fresh: MaddrNetwork
                                  ) -> None:
    before = quality(fresh.eval(), scenes, 8, pairs=6)
    train(fresh, scenes, replace(QUICK, steps=40, start=100, rate=4e-3), tmp_path / "log")
    after = quality(fresh, scenes, 8, pairs=6)
    assert after[1] > before[1] + 0.1 and after[0] > 0.5
    assert json.loads((tmp_path / "log").read_text().splitlines()[0])["ablation"] == "none"


def test_the_same_seed_gives_the_same_weights(tmp_path: Path, scenes: list[PairScene],
                                              fresh: MaddrNetwork) -> None:
    start = {k: v.clone() for k, v in fresh.state_dict().items()}
    made = []
    for _ in range(2):
        fresh.load_state_dict(start)
        train(fresh, scenes, replace(QUICK, steps=2), tmp_path / "log")
        made.append(torch.cat([p.detach().flatten() for p in fresh.parameters()]))
    torch.testing.assert_close(made[0], made[1], atol=0, rtol=0)


def gradients(network: MaddrNetwork, scenes: list[PairScene], ablation: Ablation
              ) -> tuple[set[str], bool]:
    """Names of the losses, and whether the match loss alone reaches the bottleneck."""
    rng = np.random.default_rng(0)
    batch = together([draw(rng, scenes, 0.0) for _ in range(3)])
    parts = losses(network.train(), batch, torch.randn(64, 32),
                   replace(QUICK, ablation=ablation))
    network.zero_grad()
    parts["match"].backward()
    first = network.bottleneck["4"].encoder[0][0].weight.grad
    return set(parts), first is not None and bool(first.abs().sum() > 0)


def test_what_each_ablation_leaves_out(fresh: MaddrNetwork, scenes: list[PairScene]) -> None:
    both = {"match", "reconstruction"}
    assert gradients(fresh, scenes, Ablation.NONE) == (both, True)
    assert gradients(fresh, scenes, Ablation.RETRAINING) == (both, False)
    assert gradients(fresh, scenes, Ablation.RECONSTRUCTION) == ({"match"}, True)
    assert gradients(fresh, scenes, Ablation.SYMMETRIC) == (both, True)


def test_symmetric_training_compresses_the_query(fresh: MaddrNetwork, scenes: list[PairScene]
                                                 ) -> None:
    """Then the query's descriptors reach the loss through the encoder only."""
    batch = together([draw(np.random.default_rng(0), scenes, 0.0) for _ in range(3)])
    seen = {}
    for ablation in (Ablation.NONE, Ablation.SYMMETRIC):
        torch.manual_seed(0)
        sizes = []
        hook = fresh.bottleneck["4"].encoder.register_forward_hook(
            lambda _, given, __, sizes=sizes: sizes.append(len(given[0])))
        losses(fresh.train(), batch, torch.randn(64, 32), replace(QUICK, ablation=ablation))
        hook.remove()
        seen[ablation] = sizes[0]
    assert seen[Ablation.SYMMETRIC] == seen[Ablation.NONE] + batch.query.shape[1]


def test_the_matching_loss_by_hand(scenes: list[PairScene]) -> None:
    """Equation 7: two keypoints, two landmarks, one match; one of each is alone."""
    batch = together([draw(np.random.default_rng(0), scenes, 0.0)])
    targets = torch.tensor([[0, UNMATCHED]])
    batch = replace(batch, targets=targets, certain=torch.ones(1, 2, dtype=torch.bool),
                    there=torch.ones(1, 2))
    rows = torch.tensor([[[.7, .1, .2], [.2, .2, .6]]]).log()
    columns = torch.tensor([[[.8, .3], [.1, .2], [.1, .5]]]).log()
    expected = -np.log(.7 * .8) - .5 * np.log(.6) - .5 * np.log(.5)
    assert float(matching_loss(rows, columns, targets, batch)) == pytest.approx(expected, rel=1e-5)


def test_a_landmark_whose_keypoint_was_not_asked_is_not_alone(scenes: list[PairScene]) -> None:
    batch = together([draw(np.random.default_rng(0), scenes, 0.0)])
    batch = replace(batch, targets=torch.tensor([[0, UNMATCHED, 1]]),
                    certain=torch.ones(1, 2, dtype=torch.bool), there=torch.ones(1, 2))
    asked = torch.tensor([[0, UNMATCHED]])
    rows, columns = torch.zeros(1, 2, 3), torch.zeros(1, 3, 2)
    columns[0, 2, 1] = -100.0
    assert float(matching_loss(rows, columns, asked, batch)) == 0


def test_one_scene_alone_has_no_foreign_pairs(scene: Landmarks) -> None:
    pair = draw(np.random.default_rng(0), [PairScene(scene)], foreign=1.0)
    assert (pair.targets >= 0).any()
