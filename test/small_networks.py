"""Networks that are trained or made in seconds, for tests that can't wait for the real ones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from synthetic_landmarks import world

from nmap_reloc.engines.export import export, graphs_of, save_network
from nmap_reloc.features.network import FeatureNetwork
from nmap_reloc.representations.maddr.network import MaddrNetwork, MaddrShape
from nmap_reloc.representations.maddr.pairs import PairScene
from nmap_reloc.representations.maddr.train import MaddrTraining
from nmap_reloc.representations.maddr.train import train as train_maddr
from nmap_reloc.representations.neumap.network import NeumapNetwork, NeumapShape
from nmap_reloc.representations.neumap.train import NeumapTraining, TrainingScene, train
from nmap_reloc.representations.squeezer import train as squeezer
from nmap_reloc.representations.squeezer.network import SqueezerNetwork, SqueezerShape


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Grey picture [H x W] with blobs of several sizes."""
    import cv2

    rng = np.random.default_rng(seed)
    image = np.zeros((height, width), np.float32)
    for cells in (4, 12, 40):
        coarse = rng.normal(size=(max(2, height // cells), max(2, width // cells)))
        image += cv2.resize(coarse.astype(np.float32), (width, height),
                            interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(image * 30 + 128, 0, 255), np.uint8)


def write_features(folder: Path) -> Path:
    """features.safetensors and features.onnx."""
    torch.manual_seed(0)
    network = FeatureNetwork(32, 16)
    with torch.no_grad():
        network.train()
        for seed in range(3):  # batch normalisation learns what images are like
            network.pyramid(torch.from_numpy(textured(96, 128, seed) / np.float32(255)
                                             )[None, None])
        network.eval()
        _calibrate(network)
    save_network(network, {"dimensions": 32, "global_dimensions": 16},
                 folder / "features.safetensors")
    export("features", folder)
    return folder


def _calibrate(network: FeatureNetwork) -> None:
    """Logits of nothing to -7 and below: no keypoint; those of texture up to about 1."""
    seen = []
    for image in (np.full((96, 128), 128, np.uint8), textured(96, 128)):
        tensor = torch.from_numpy(image / np.float32(255))[None, None]
        seen.append(network.score_logits(network.pyramid(tensor)))
    nothing, texture = float(seen[0].max()), float(seen[1].max())
    scale = 8 / (texture - nothing)
    last = network.score[-2]
    last.weight.mul_(scale)
    last.bias.mul_(scale).sub_(scale * nothing + 7)


def write_squeezer(folder: Path, steps: int = 20) -> Path:
    """squeezer-sift.safetensors and its ONNX file; descriptors of 128 numbers."""
    torch.manual_seed(0)
    network = SqueezerNetwork(SqueezerShape(descriptor=128, width=16, heads=2, neighbours=4,
                                            code=32))
    scenes = [squeezer.TrainingScene(world(seed, dimensions=128)) for seed in (5, 6)]
    squeezer.train(network, scenes, squeezer.SqueezerTraining(
        steps=steps, points=200, keypoints=200, queries=2, hypotheses=6),
        folder / "train.log")
    save_network(network, asdict(network.shape), folder / "squeezer-sift.safetensors")
    export("squeezer-sift-restore", folder)
    return folder


def write_neumap(folder: Path, steps: int = 60) -> Path:
    """neumap-sift.safetensors and its ONNX files; descriptors of 128 numbers."""
    torch.manual_seed(0)
    network = NeumapNetwork(NeumapShape(descriptor=128, code_width=16, width=32, blocks=2,
                                        heads=2, candidates=8))
    scenes = [TrainingScene(world(seed, dimensions=128)) for seed in (5, 6)]
    train(network, scenes, NeumapTraining(steps=steps, keypoints=128, rate=4e-3),
          folder / "train.log")
    save_network(network, asdict(network.shape), folder / "neumap-sift.safetensors")
    for graph in ("unfold", "meet", "decode"):
        export(f"neumap-sift-{graph}", folder)
    return folder


def write_maddr(folder: Path, steps: int = 60) -> Path:
    """maddr-sift.safetensors and its ONNX files; descriptors of 128 numbers."""
    torch.manual_seed(0)
    network = MaddrNetwork(MaddrShape(descriptor=128, width=32, layers=1, heads=2))
    scenes = [PairScene(world(seed, dimensions=128)) for seed in (5, 6)]
    train_maddr(network, scenes, MaddrTraining(steps=steps, start=150, others=256, rate=4e-3),
                folder / "train.log")
    save_network(network, asdict(network.shape), folder / "maddr-sift.safetensors")
    for graph in graphs_of("maddr-sift"):
        export(graph, folder)
    return folder
