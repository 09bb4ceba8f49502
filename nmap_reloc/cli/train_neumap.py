"""``nmap-reloc train neumap SCENE…``"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nmap_reloc.cli.training_scenes import training_landmarks


def train_neumap(
    scenes: Annotated[list[Path], typer.Argument(
        help="Scenes (any source that `map build` takes, photographs without poses too): the "
             "more, the better.")],
    output: Annotated[Path, typer.Option(
        "--output", "-o", help="Folder for the weights and the ONNX files.")],
    features: Annotated[str, typer.Option(help="learned or sift.")] = "learned",
    keypoints: Annotated[int, typer.Option(min=16, help="Keypoints per image, at most.")] = 1024,
    simulated: Annotated[int, typer.Option(
        min=0, help="Simulated scenes to add; rendered into the work folder once.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Episodes.")] = 2500,
    code_width: Annotated[int, typer.Option(min=4, help="Numbers in a code.")] = 32,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    work: Annotated[Path, typer.Option(help="Where landmarks are kept.")] =
        Path(".cache/training"),
    threads: Annotated[int, typer.Option(min=0, help="CPU threads, 0: all.")] = 0,
) -> None:
    """Train the scene-agnostic encoder and decoder over many scenes.

    Only the map images of a scene are used. The log is written to OUTPUT while training goes on.
    """
    import torch

    from nmap_reloc.engines.export import export, graphs_of, save_network
    from nmap_reloc.features import open_extractor
    from nmap_reloc.representations import network_name
    from nmap_reloc.representations.neumap.network import NeumapNetwork, NeumapShape
    from nmap_reloc.representations.neumap.train import NeumapTraining, TrainingScene, train
    from nmap_reloc.simulation.classroom import simulated_scenes

    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)
    output.mkdir(parents=True, exist_ok=True)
    extractor = open_extractor(features, keypoints)
    name = network_name("neumap", features) or ""
    folders = [*scenes, *simulated_scenes(work, simulated)]
    training = [TrainingScene(landmarks)
                for landmarks in training_landmarks(folders, extractor, work)]
    network = NeumapNetwork(NeumapShape(descriptor=extractor.dimensions, code_width=code_width))
    train(network, training, NeumapTraining(steps=steps, seed=seed), output / f"{name}.log")
    save_network(network, asdict(network.shape), output / f"{name}.safetensors")
    for graph in graphs_of(name):
        print(export(graph, output))
