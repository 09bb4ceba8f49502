"""Training learns something in a few dozen steps; what an episode holds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from synthetic_landmarks import world

from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.neumap.network import NeumapNetwork
from nmap_reloc.representations.neumap.train import (
    NeumapTraining,
    TrainingScene,
    draw,
    episode_losses,
    questions,
    train,
)

QUICK = NeumapTraining(steps=40, keypoints=64, rate=4e-3)


def mean_loss(network: NeumapNetwork, scenes: list[TrainingScene]) -> float:
    """Over the same episodes each time."""
    rng, total = np.random.default_rng(7), 0.0
    for _ in range(8):
        scene, episode = draw(rng, scenes, QUICK)
        with torch.inference_mode():
            codes = network.encode(torch.from_numpy(episode.descriptors))
            parts = episode_losses(network, scene, episode, codes, None, 1.5, QUICK)
        total += float(torch.stack(list(parts.values())).sum())
    return total


def test_a_few_steps_lower_the_loss(fresh: NeumapNetwork, landmarks: Landmarks, tmp_path: Path
                                    ) -> None:
    scenes = [TrainingScene(landmarks), TrainingScene(world(1))]
    before = mean_loss(fresh, scenes)
    train(fresh, scenes, QUICK, tmp_path / "log")
    assert mean_loss(fresh, scenes) < 0.93 * before
    assert json.loads((tmp_path / "log").read_text().splitlines()[0])["steps"] == 40
    assert not fresh.training


def test_the_same_seed_gives_the_same_weights(landmarks: Landmarks, tmp_path: Path,
                                              fresh: NeumapNetwork) -> None:
    results = []
    start = {k: v.clone() for k, v in fresh.state_dict().items()}
    for _ in range(2):
        fresh.load_state_dict(start)
        train(fresh, [TrainingScene(landmarks)], NeumapTraining(steps=3, keypoints=32),
              tmp_path / "log")
        results.append(torch.cat([p.detach().flatten() for p in fresh.parameters()]))
    torch.testing.assert_close(results[0], results[1], atol=0, rtol=0)


def test_foreign_episodes_have_no_positive(landmarks: Landmarks) -> None:
    scenes = [TrainingScene(landmarks), TrainingScene(world(1))]
    rng = np.random.default_rng(0)
    foreign = 0
    for _ in range(40):
        scene, episode = draw(rng, scenes, NeumapTraining(foreign=0.5, keypoints=32))
        names = {view.name for view in scene.landmarks.views}
        assert episode.foreign == (episode.view.name not in names)
        if episode.foreign:
            foreign += 1
            assert (episode.targets == -1).all()
    assert 8 < foreign < 32


def test_in_a_foreign_episode_only_confidence_is_taught(fresh: NeumapNetwork, landmarks: Landmarks
                                                        ) -> None:
    scenes = [TrainingScene(landmarks), TrainingScene(world(1))]
    scene, episode = draw(np.random.default_rng(0), scenes, NeumapTraining(foreign=1.0))
    codes = fresh.encode(torch.from_numpy(episode.descriptors))
    parts = episode_losses(fresh, scene, episode, codes, None, 1.0, NeumapTraining())
    assert list(parts) == ["confidence"]


def test_one_scene_alone_has_no_foreign_episodes(landmarks: Landmarks) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert not draw(rng, [TrainingScene(landmarks)], NeumapTraining(foreign=1.0))[1].foreign


def test_targets_are_the_keypoints_own_codes(landmarks: Landmarks) -> None:
    view = landmarks.views[0]
    slot = np.full(len(landmarks), -1)
    slot[::2] = np.arange(len(slot[::2]))
    rows, targets = questions(np.random.default_rng(0), view, slot, 200)
    assert len(rows) == len(set(rows.tolist())) == 200
    for row, target in zip(rows, targets, strict=True):
        owner = view.landmarks[row]
        assert target == (slot[owner] if owner >= 0 else -1)


def test_the_views_taken_out_leave_no_trace_in_the_descriptors(landmarks: Landmarks) -> None:
    scene = TrainingScene(landmarks)
    gone = scene.alike(0, 3)
    assert gone[0] is scene.views[0] and len({view.name for view in gone}) == 4
    without = scene.descriptors_without(gone)
    others = np.zeros_like(without)
    for other in landmarks.views:
        if other not in gone:
            seen = other.landmarks >= 0
            np.add.at(others, other.landmarks[seen], other.descriptors[seen])
    some = np.linalg.norm(others, axis=1) > 0.1
    expected = others[some] / np.linalg.norm(others[some], axis=1, keepdims=True)
    np.testing.assert_allclose(without[some], expected, atol=1e-4)
    assert not without[~some].any()


def test_no_code_is_made_of_what_only_the_views_taken_out_saw(landmarks: Landmarks) -> None:
    scenes = [TrainingScene(landmarks), TrainingScene(world(1))]
    rng = np.random.default_rng(0)
    for _ in range(20):
        _, episode = draw(rng, scenes, NeumapTraining(distant=1.0, keypoints=32))
        np.testing.assert_allclose(np.linalg.norm(episode.descriptors, axis=1), 1, atol=1e-4)
