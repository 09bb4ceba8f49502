"""``nmap-reloc train maddr SCENE…``"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nmap_reloc.cli.training_scenes import training_landmarks


def train_maddr(
    scenes: Annotated[list[Path], typer.Argument(
        help="Scenes (any source that `map build` takes, photographs without poses too): the "
             "more, the better.")],
    output: Annotated[Path, typer.Option(
        "--output", "-o", help="Folder for the weights and the ONNX files.")],
    features: Annotated[str, typer.Option(help="learned or sift.")] = "learned",
    keypoints: Annotated[int, typer.Option(min=16, help="Keypoints per image, at most.")] = 1024,
    simulated: Annotated[int, typer.Option(
        min=0, help="Simulated scenes to add; rendered into the work folder once.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Of a few pairs of views each.")] = 2500,
    ablation: Annotated[str, typer.Option(
        help="What to leave out (the paper's Table 4): none, no-retraining, no-reconstruction, "
             "symmetric.")] = "none",
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    work: Annotated[Path, typer.Option(help="Where landmarks are kept.")] =
        Path(".cache/training"),
    threads: Annotated[int, typer.Option(min=0, help="CPU threads, 0: all.")] = 0,
) -> None:
    """Train the bottleneck for descriptors jointly with the matcher, over many scenes.

    Only the map images of a scene are used. The log is written to OUTPUT while training goes on;
    afterwards precision and recall are printed for views that never asked in training.
    """
    import torch

    from nmap_reloc.engines.export import export, graphs_of, save_network
    from nmap_reloc.errors import NmapError
    from nmap_reloc.features import open_extractor
    from nmap_reloc.representations import network_name
    from nmap_reloc.representations.maddr.network import MaddrNetwork, MaddrShape
    from nmap_reloc.representations.maddr.pairs import PairScene
    from nmap_reloc.representations.maddr.train import Ablation, MaddrTraining, quality, train
    from nmap_reloc.simulation.classroom import simulated_scenes

    if ablation not in {choice.value for choice in Ablation}:
        raise NmapError(f"--ablation {ablation}: unknown; choose one of "
                        f"{', '.join(choice.value for choice in Ablation)}")
    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)
    output.mkdir(parents=True, exist_ok=True)
    extractor = open_extractor(features, keypoints)
    name = network_name("maddr", features) or ""
    folders = [*scenes, *simulated_scenes(work, simulated)]
    training = [PairScene(landmarks)
                for landmarks in training_landmarks(folders, extractor, work)]
    network = MaddrNetwork(MaddrShape(descriptor=extractor.dimensions))
    options = MaddrTraining(steps=steps, seed=seed, ablation=Ablation(ablation))
    train(network, training, options, output / f"{name}.log")
    save_network(network, asdict(network.shape), output / f"{name}.safetensors")
    for graph in graphs_of(name):
        print(export(graph, output))
    for size in network.shape.dimensions:
        for words, query_too in (("map only", False), ("query and map", True)):
            precision, recall = quality(network, training, size, query_too)
            print(f"{size} dimensions, {words} compressed: precision {precision:.3f}, "
                  f"recall {recall:.3f}")
