"""What the extractor is trained on: crops that show the same places, and a loss that falls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from nmap_reloc.features import open_extractor
from nmap_reloc.features.crops import CROP, Lesson, carry, make_pair, random_homography
from nmap_reloc.features.dataset import find_images, prepare, reduce_descriptors
from nmap_reloc.features.network import FeatureNetwork
from nmap_reloc.features.posed import PosedScene, make_posed_pair, prepare_scene
from nmap_reloc.features.spots import APART, repeatable, spread
from nmap_reloc.features.teacher import Alike, open_teacher
from nmap_reloc.features.train import FeatureTraining, draw_pairs, losses, train
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.mapping.triangulate import build_landmarks
from nmap_reloc.simulation.dataset import simulate


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Alike:
    """A small network of the teacher's shape; its answers need not be wise here."""
    torch.manual_seed(0)
    shapes = {"block1": (3, 8), "block2": (8, 8), "block3": (8, 8), "block4": (8, 8)}
    weights: dict[str, torch.Tensor] = {}
    for name, (inputs, outputs) in shapes.items():
        weights |= {f"{name}.conv1.weight": torch.randn(outputs, inputs, 3, 3) / 5,
                    f"{name}.conv2.weight": torch.randn(outputs, outputs, 3, 3) / 9}
        for norm in ("bn1", "bn2"):
            weights |= {f"{name}.{norm}.weight": torch.ones(outputs),
                        f"{name}.{norm}.bias": torch.zeros(outputs),
                        f"{name}.{norm}.running_mean": torch.zeros(outputs),
                        f"{name}.{norm}.running_var": torch.ones(outputs),
                        f"{name}.{norm}.num_batches_tracked": torch.tensor(0)}
        if name != "block1":
            weights |= {f"{name}.downsample.weight": torch.randn(outputs, inputs, 1, 1),
                        f"{name}.downsample.bias": torch.zeros(outputs)}
    for i in range(1, 5):
        weights[f"conv{i}.weight"] = torch.randn(16, 8, 1, 1) / 3
    weights["convhead2.weight"] = torch.randn(65, 64, 1, 1) / 8
    path = tmp_path_factory.mktemp("teacher") / "alike.pth"
    torch.save(weights, path)
    return open_teacher(path)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("posed") / "scene", seed=3, map_views=8,
                    query_views=2, size=(320, 240), extent=1)


@pytest.fixture(scope="module")
def lessons(scene: Path, teacher: Alike, tmp_path_factory: pytest.TempPathFactory
            ) -> list[Lesson]:
    cache = tmp_path_factory.mktemp("lessons")
    images = find_images([scene])[:3]
    first = prepare(images, cache, teacher)
    again = prepare(images, cache, teacher)
    assert all((a.spots == b.spots).all() for a, b in zip(first, again, strict=True))
    return reduce_descriptors(first, 64)


@pytest.fixture(scope="module")
def posed(scene: Path, teacher: Alike, tmp_path_factory: pytest.TempPathFactory) -> PosedScene:
    cache = tmp_path_factory.mktemp("posed-lessons")
    source = open_source(scene)
    landmarks = build_landmarks(source, open_extractor("sift", 1024), cache / "sift", held_out=0)
    return prepare_scene(source, landmarks, cache, teacher)


def test_spots_lie_apart_and_come_back(scene: Path) -> None:
    grey = cv2.imread(str(find_images([scene])[0]), cv2.IMREAD_GRAYSCALE)
    points, again = repeatable(np.random.default_rng(0), np.asarray(grey, np.uint8), trials=2)
    assert len(points) > 100
    assert again.max() == 1.0 and again.min() >= 0.0
    kept, _ = spread(points, again)
    assert len(kept) == len(points)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2) + 99 * np.eye(len(points))
    assert gaps.min() >= APART


def test_a_homography_puts_its_centre_in_the_middle() -> None:
    rng = np.random.default_rng(1)
    centre = np.array([[200.0, 90.0]], np.float32)
    for _ in range(5):
        matrix = random_homography(rng, (240, 320), 1.0, centre[0])
        assert np.allclose(carry(matrix, centre), CROP / 2, atol=1e-3)


def test_pairs_of_one_photograph_share_their_places(lessons: list[Lesson]) -> None:
    rng = np.random.default_rng(0)
    # Spots alone, all worth the same: then every chosen place has a peak in both crops.
    lesson = replace(lessons[0], keypoints=lessons[0].spots, descriptors=np.zeros(
        (len(lessons[0].spots), 64), np.float32), weights=np.ones(len(lessons[0].spots),
                                                                  np.float32),
        worth=np.ones(len(lessons[0].spots), np.float32))
    pairs = [pair for _ in range(6) if (pair := make_pair(rng, lesson, 64)) is not None]
    assert pairs
    for pair in pairs:
        assert pair.crops.shape == pair.peaks.shape == (2, CROP, CROP)
        for peaks, places in zip(pair.peaks, pair.points, strict=True):
            column, row = np.floor(places).T.astype(int)
            assert (peaks[row, column] > 0.3).all()


def test_pairs_of_two_photographs_show_the_same_points(posed: PosedScene) -> None:
    """Undone by the homographies' shared landmarks: a wrong pairing would not match at all."""
    assert len(posed.partners)
    rng = np.random.default_rng(0)
    drawn = [make_posed_pair(rng, posed, 64, 64) for _ in range(20)]
    pairs = [pair for pair in drawn if pair is not None]
    assert pairs
    extractor = open_extractor("sift", 1024)
    agreed = []
    for pair in pairs:
        seen = [extractor(np.asarray(crop * 255, np.uint8)) for crop in pair.crops]
        for a, b in zip(*pair.points, strict=True):
            near = [np.linalg.norm(f.keypoints - p, axis=1) for f, p in
                    zip(seen, (a, b), strict=True)]
            if min(near[0].min(), near[1].min()) < 1.5 and max(near[0].min(),
                                                              near[1].min()) < 1.5:
                agreed.append(float(seen[0].descriptors[near[0].argmin()]
                                    @ seen[1].descriptors[near[1].argmin()]))
    assert len(agreed) > 20
    assert np.median(agreed) > 0.8  # unrelated RootSIFT: about 0.5


def test_training_lowers_the_loss(lessons: list[Lesson], posed: PosedScene, tmp_path: Path
                                  ) -> None:
    torch.manual_seed(0)
    network = FeatureNetwork()
    options = FeatureTraining(steps=12, pairs=2, points=48, rate=3e-3, posed=0.5)
    pairs = draw_pairs(np.random.default_rng(7), lessons, [posed], options)
    before = {name: value.item() for name, value in losses(network, pairs, options).items()}
    train(network, lessons, [posed], options, tmp_path / "log", tmp_path / "features.safetensors")
    assert not network.training
    after = losses(network.train(), pairs, options)
    assert after["score"].item() < 0.8 * before["score"]
    assert after["match"].item() < before["match"]
