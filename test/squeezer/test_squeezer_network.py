"""What the networks learn, and the quantiser's way there and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_landmarks import world

from nmap_reloc.engines import open_engine
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.squeezer import train as training
from nmap_reloc.representations.squeezer.encode import distinctiveness_of, judge
from nmap_reloc.representations.squeezer.network import (
    WORST,
    SqueezerNetwork,
    SqueezerShape,
    per_frame,
)
from nmap_reloc.representations.squeezer.quantiser import BITS, Quantiser, SoftStaircase

QUICK = training.SqueezerTraining(steps=4, points=120, keypoints=120, queries=2, hypotheses=4)


def test_a_few_steps_lower_the_losses(tmp_path: Path) -> None:
    torch.manual_seed(0)
    scenes = [training.TrainingScene(world(seed, dimensions=32)) for seed in (1, 2)]
    network = SqueezerNetwork(SqueezerShape(32, 16, 2, 4, 16))

    def loss() -> float:
        rng, total = np.random.default_rng(3), 0.0
        for _ in range(4):
            scene, episode = training.draw(rng, scenes, QUICK)
            with torch.no_grad():
                total += float(training.episode_losses(network, scene, episode, rng,
                                                       QUICK)["distinct"])
        return total

    before = loss()
    training.train(network, scenes, training.SqueezerTraining(
        steps=40, points=120, keypoints=120, queries=2, hypotheses=4),
        tmp_path / "log")
    assert loss() < 0.9 * before
    assert not network.training and (tmp_path / "log").read_text().startswith('{"steps": 40')


def test_equation_6_is_least_where_sigma_squared_is_the_error() -> None:
    scene = training.TrainingScene(world(1, dimensions=32))
    _, episode = training.draw(np.random.default_rng(0), [scene], QUICK)
    shape = (len(episode.points), len(episode.seen.frames))
    errors = np.stack([query.errors for query in episode.queries])

    def loss(variance: float) -> float:
        return float(training.distinctive_loss(torch.full(shape, variance), episode.seen,
                                               episode.queries))

    seen = np.concatenate([query.errors[query.visible & (
        episode.seen.frames[query.like].projected[:, 0] < 1e4)] for query in episode.queries])
    best = float(np.log(seen.mean()))
    assert loss(best) < min(loss(best - 0.2), loss(best + 0.2))
    assert errors.max() <= WORST and per_frame(torch.tensor(0.0)).item() == 0.5


def test_a_pose_of_right_pairs_moves_nothing_and_of_wrong_ones_much() -> None:
    scene = training.TrainingScene(world(1, dimensions=32))
    _, episode = training.draw(np.random.default_rng(0), [scene], QUICK)
    query = episode.queries[0]
    points = scene.landmarks.positions[episode.points]
    known = np.flatnonzero(query.errors < 0.3)
    right = training.displacement(query, points, known[[0, len(known) // 3, len(known) // 2, -1]],
                                  known)
    assert right < 3.0
    mixed = np.flatnonzero(query.errors >= WORST)
    if len(mixed) >= 4:
        assert training.displacement(query, points, mixed[:4], known) > right


def test_queries_take_no_part_in_describing_the_points() -> None:
    scene = training.TrainingScene(world(1, dimensions=32))
    for seed in range(5):
        _, episode = training.draw(np.random.default_rng(seed), [scene], QUICK)
        verifying = {scene.landmarks.views[frame.view].name for frame in episode.seen.frames}
        assert not verifying & {query.view.name for query in episode.queries}


def test_points_that_are_found_again_are_distinctive(network: SqueezerNetwork, scene: Landmarks
                                                     ) -> None:
    scores = distinctiveness_of(network, scene)
    assert scores.shape == (len(scene),) and np.isfinite(scores).all()
    rare = scene.track_lengths <= np.quantile(scene.track_lengths, 0.2)
    often = scene.track_lengths >= np.quantile(scene.track_lengths, 0.8)
    assert scores[often].mean() > 1.3 * scores[rare].mean()
    for points in judge(network, scene).points:
        assert points.found.min() >= 0 and points.found.max() <= 1


def test_a_staircase_with_the_gradient_of_a_soft_one() -> None:
    values = torch.linspace(0, 1, 61, requires_grad=True)
    levels = SoftStaircase.apply(values, 2)
    np.testing.assert_allclose(np.unique(levels.detach().numpy().round(4)), np.arange(4) / 3,
                               atol=1e-4)
    levels.sum().backward()
    assert values.grad is not None and (values.grad > 0).all()
    flat, steep = values.grad[values.detach().isclose(torch.tensor(1 / 3), atol=0.01)], \
        values.grad[values.detach().isclose(torch.tensor(1 / 6), atol=0.01)]
    assert steep.min() > flat.max()


@pytest.mark.parametrize("bits", BITS)
def test_levels_are_whole_numbers_of_so_many_bits(bits: int) -> None:
    torch.manual_seed(0)
    known = torch.nn.functional.normalize(torch.randn(400, 8) @ torch.randn(8, 32), dim=-1)
    quantiser = Quantiser(32, 16)
    quantiser.start_from(known)
    levels = quantiser.levels(known, bits)
    assert levels.dtype == torch.uint8 and 2 ** bits // 2 < int(levels.max()) < 2 ** bits
    precision = torch.tensor([float(bits == other) for other in BITS])
    back = quantiser.restore(levels.float() / (2 ** bits - 1), precision)
    assert (back * known).sum(1).mean() > {2: 0.9, 4: 0.97, 8: 0.97}[bits]


def test_the_exported_graph_restores_as_the_network_does(network: SqueezerNetwork,
                                                         squeezer_weights: Path) -> None:
    engine = open_engine("squeezer-sift-restore", "onnx", squeezer_weights, 1)
    codes = np.random.default_rng(0).random((37, 32), np.float32)
    for index in range(3):
        precision = np.eye(3, dtype=np.float32)[index]
        out = engine({"codes": codes, "precision": precision})["descriptors"]
        with torch.inference_mode():
            wanted = network.quantiser.restore(torch.from_numpy(codes),
                                               torch.from_numpy(precision)).numpy()
        np.testing.assert_allclose(out, wanted, atol=1e-5)
