"""A small scene and a small network that has learned to decode it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import torch
from synthetic_landmarks import world

from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.neumap.network import NeumapNetwork, NeumapShape
from nmap_reloc.representations.neumap.train import NeumapTraining, TrainingScene, train

SHAPE = NeumapShape(descriptor=32, code_width=12, width=32, blocks=2, heads=2, candidates=8)


@pytest.fixture(scope="session")
def landmarks() -> Landmarks:
    return world()


@pytest.fixture
def fresh() -> NeumapNetwork:
    torch.manual_seed(0)
    return NeumapNetwork(SHAPE).eval()


@pytest.fixture(scope="session")
def trained(landmarks: Landmarks, tmp_path_factory: pytest.TempPathFactory) -> NeumapNetwork:
    """Not to be changed by a test."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = NeumapNetwork(SHAPE)
    scenes = [TrainingScene(landmarks), TrainingScene(world(1))]
    log: Path = tmp_path_factory.mktemp("training") / "train.log"
    train(network, scenes, NeumapTraining(steps=120, keypoints=128, rate=4e-3), log)
    return network.eval()
