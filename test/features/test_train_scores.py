"""Keypoints learn from what becomes of them in other views; descriptors stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from typer.testing import CliRunner

from nmap_reloc.camera import project
from nmap_reloc.cli.main import app
from nmap_reloc.engines.export import open_network
from nmap_reloc.errors import NmapError
from nmap_reloc.features import open_extractor
from nmap_reloc.features.crops import Lesson
from nmap_reloc.features.network import FeatureNetwork
from nmap_reloc.features.outcomes import found_again, prepare_outcomes
from nmap_reloc.features.train_scores import ScoreTraining, draw_crops, level, train_scores
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.extract import Shot
from nmap_reloc.mapping.points import Points
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.mapping.triangulate import build_landmarks
from nmap_reloc.simulation.dataset import simulate
from nmap_reloc.types import Camera, Features

NO_FEATURES = Features(np.zeros((0, 2), np.float32), np.zeros(0, np.float32),
                       np.zeros((0, 8), np.float32), np.zeros(8, np.float32), 100, 80)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("outcomes") / "scene", seed=3, map_views=8,
                    query_views=2, size=(320, 240), extent=1)


@pytest.fixture(scope="module")
def outcomes(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Lesson]:
    work, source = tmp_path_factory.mktemp("work"), open_source(scene)
    extractor = open_extractor("sift", 1024)
    views = build_landmarks(source, extractor, work, held_out=0).views
    made = prepare_outcomes(source, views, extractor, work)
    again = prepare_outcomes(source, views, extractor, work)
    assert all((a.spots == b.spots).all() and (a.worth == b.worth).all()
               for a, b in zip(made, again, strict=True))
    return made


def shots(places: Sequence[float]) -> list[Shot]:
    """Views side by side that look along z."""
    camera = Camera("PINHOLE", 100, 80, (50.0, 50.0, 50.0, 40.0))
    return [Shot(f"{x}.jpg", camera, Rigid(np.eye(3), np.array([x, 0.0, 0.0])), NO_FEATURES)
            for x in places]


def test_worth_is_how_often_a_landmark_is_found_where_it_could_be() -> None:
    three = shots((-0.2, 0.0, 0.2))
    positions = np.array([[0, 0, 2.0], [0.1, 0.1, 2], [-0.1, 0.2, 2], [1.6, 0, 2]])
    observations = np.array([(0, 0, 0), (1, 0, 0), (2, 0, 0),  # found everywhere
                             (0, 1, 1), (1, 1, 1),  # missed by the third
                             (0, 2, 2), (1, 2, 2),  # too far off in the second
                             (1, 3, 3), (2, 3, 3)])  # beyond the first's edge
    errors = np.array([0.1, 0.1, 0.1, 0.5, 0.5, 0.5, 1.8, 0.2, 0.2])
    everyone = {pair: np.zeros((8, 2), np.int32) for pair in ((0, 1), (0, 2), (1, 2))}
    found = found_again(three, everyone, Points(positions, observations, errors))
    for shot, (places, _) in zip(three, found, strict=True):
        assert shot.map_from_camera is not None
        local = shot.map_from_camera.inverse().apply(positions)
        nearest = np.linalg.norm(places[:, None] - project(shot.camera, local), axis=2).min(1)
        assert nearest.max() < 1e-3
    expected = ([2 / 3, 1 / 3, 0], [2 / 3, 1 / 3, 1 / 2], [2 / 3, 1 / 2])
    for (_, worth), known in zip(found, expected, strict=True):
        np.testing.assert_allclose(worth, known, atol=1e-6)


def test_outcomes_of_a_scene_are_those_of_its_map_images(outcomes: list[Lesson], scene: Path
                                                          ) -> None:
    assert len(outcomes) == len(open_source(scene).named("map"))
    worth = np.concatenate([lesson.worth for lesson in outcomes])
    assert len(worth) > 500 and worth.min() >= 0 and 0.3 < worth.max() < 1
    for lesson in outcomes:
        height, width = lesson.grey.shape
        assert ((lesson.spots > 0) & (lesson.spots < (width, height))).all()


def test_scores_learn_and_descriptors_stay(outcomes: list[Lesson], tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = open_network("features")
    assert isinstance(network, FeatureNetwork)
    with torch.no_grad():
        network.score[1].weight.zero_()  # a head that knows nothing on a trunk that sees
    image, points = torch.rand(1, 1, 96, 128), torch.rand(1, 20, 2) * 90
    before = [value.clone() for value in _described(network, image, points)]
    options = ScoreTraining(steps=12, crops=3, rate=5e-3)
    crops, peaks, _ = draw_crops(np.random.default_rng(7), [outcomes], [], options)
    seen = draw_crops(np.random.default_rng(0), [outcomes], [], replace(options, crops=12))[0]
    contrast, height = _contrast(network, crops, peaks), level(network, seen).item()
    train_scores(network, [outcomes, []], [], options, tmp_path / "log", tmp_path / "weights")
    assert _contrast(network, crops, peaks) > contrast + 0.2
    assert level(network, seen).item() == pytest.approx(height, abs=1e-3)
    for was, value in zip(before, _described(network, image, points), strict=True):
        assert torch.equal(was, value)


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(NmapError, match="give --posed SCENE"):
        train_scores(FeatureNetwork(), [[]], [], ScoreTraining(steps=1), tmp_path / "log",
                     tmp_path / "weights")


def test_the_command_changes_only_the_score_part(scene: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [
        "train", "features", "--posed", str(scene), "--freeze-descriptors", "--steps", "2",
        "-o", str(tmp_path / "weights"), "--cache", str(tmp_path / "cache"), "--threads", "1"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "weights" / "features.onnx").is_file()
    shipped = open_network("features").state_dict()
    trained = open_network("features", tmp_path / "weights").state_dict()
    changed = {name.partition(".")[0] for name in shipped
               if not torch.equal(shipped[name], trained[name])}
    assert changed == {"lateral", "score"}


@pytest.mark.parametrize(("arguments", "said"), [
    (["--freeze-descriptors"], "give --posed SCENE"),
    ([], "no folders of photographs"),
    (["photographs"], "no --teacher"),
])
def test_what_is_missing_is_named(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["train", "features", "-o", str(tmp_path / "weights"),
                                    *arguments])
    assert done.exit_code == 1
    assert said in " ".join(done.output.split())
    assert not (tmp_path / "weights").exists()


def _contrast(network: FeatureNetwork, crops: torch.Tensor, peaks: torch.Tensor) -> float:
    """How much higher the score map's logits are where landmarks are than elsewhere."""
    with torch.inference_mode():
        logits = network.score_logits(network.pyramid(crops))
    return float(logits[peaks > 0.3].mean() - logits[peaks == 0].mean())


def _described(network: FeatureNetwork, image: torch.Tensor, points: torch.Tensor
               ) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode():
        maps = network.pyramid(image)
        return network.descriptors(maps, points, (96, 128)), network.global_descriptor(maps)
