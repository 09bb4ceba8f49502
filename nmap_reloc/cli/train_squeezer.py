"""``nmap-reloc train squeezer SCENE…``"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nmap_reloc.cli.training_scenes import training_landmarks


def train_squeezer(
    scenes: Annotated[list[Path], typer.Argument(
        help="Scenes with poses (any source that `map build` takes): the more, the better.")],
    output: Annotated[Path, typer.Option(
        "--output", "-o", help="Folder for the weights and the ONNX file.")],
    features: Annotated[str, typer.Option(help="learned or sift.")] = "learned",
    keypoints: Annotated[int, typer.Option(min=16, help="Keypoints per image, at most.")] = 1024,
    simulated: Annotated[int, typer.Option(
        min=0, help="Simulated scenes to add; rendered into the work folder once.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Sets of co-visible views.")] = 1000,
    code: Annotated[int, typer.Option(
        min=0, help="Numbers of a stored descriptor, 0: half of the extractor's.")] = 0,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    work: Annotated[Path, typer.Option(help="Where landmarks are kept.")] =
        Path(".cache/training"),
    threads: Annotated[int, typer.Option(min=0, help="CPU threads, 0: all.")] = 0,
) -> None:
    """Train the selection of points and the quantiser of descriptors over many scenes.

    Only the map images of a scene are used. The log is written to OUTPUT while training goes on.
    """
    import torch

    from nmap_reloc.engines.export import export, save_network
    from nmap_reloc.features import open_extractor
    from nmap_reloc.representations import network_name
    from nmap_reloc.representations.squeezer.network import SqueezerNetwork, SqueezerShape
    from nmap_reloc.representations.squeezer.train import SqueezerTraining, TrainingScene, train
    from nmap_reloc.simulation.classroom import simulated_scenes

    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)
    output.mkdir(parents=True, exist_ok=True)
    extractor = open_extractor(features, keypoints)
    name = network_name("squeezer", features) or ""
    folders = [*scenes, *simulated_scenes(work, simulated)]
    training = [TrainingScene(landmarks)
                for landmarks in training_landmarks(folders, extractor, work)]
    network = SqueezerNetwork(SqueezerShape(descriptor=extractor.dimensions,
                                            code=code or extractor.dimensions // 2))
    train(network, training, SqueezerTraining(steps=steps, seed=seed), output / f"{name}.log")
    save_network(network, asdict(network.shape), output / f"{name}.safetensors")
    print(export(f"{name}-restore", output))
