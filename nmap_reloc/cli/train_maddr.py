"""``nmap-reloc train maddr SCENE…``"""

from __future__ import annotations

from typing import Annotated

import typer

from nmap_reloc.cli.training_scenes import (
    WORK,
    Features,
    Keypoints,
    Output,
    Scenes,
    Seed,
    Simulated,
    Threads,
    Work,
    prepare,
)


def train_maddr(
    scenes: Scenes,
    output: Output,
    features: Features = "learned",
    keypoints: Keypoints = 1024,
    simulated: Simulated = 0,
    steps: Annotated[int, typer.Option(min=1, help="Of a few pairs of views each.")] = 2500,
    ablation: Annotated[str, typer.Option(
        help="What to leave out (the paper's Table 4): none, no-retraining, no-reconstruction, "
             "symmetric.")] = "none",
    seed: Seed = 0,
    work: Work = WORK,
    threads: Threads = 0,
) -> None:
    """Train the bottleneck for descriptors jointly with the matcher, over many scenes.

    Only the map images of a scene are used. The log is written to OUTPUT while training goes on;
    afterwards precision and recall are printed for views that never asked in training.
    """
    from nmap_reloc.errors import NmapError
    from nmap_reloc.representations.maddr.network import MaddrNetwork, MaddrShape
    from nmap_reloc.representations.maddr.pairs import PairScene
    from nmap_reloc.representations.maddr.train import Ablation, MaddrTraining, quality, train

    if ablation not in {choice.value for choice in Ablation}:
        raise NmapError(f"--ablation {ablation}: unknown; choose one of "
                        f"{', '.join(choice.value for choice in Ablation)}")
    lesson = prepare("maddr", scenes, output, features, keypoints, simulated, seed, work, threads)
    training = [PairScene(landmarks) for landmarks in lesson.landmarks]
    network = MaddrNetwork(MaddrShape(descriptor=lesson.dimensions))
    train(network, training, MaddrTraining(steps=steps, seed=seed, ablation=Ablation(ablation)),
          lesson.log)
    lesson.save(network)
    for size in network.shape.dimensions:
        for words, query_too in (("map only", False), ("query and map", True)):
            precision, recall = quality(network, training, size, query_too)
            print(f"{size} dimensions, {words} compressed: precision {precision:.3f}, "
                  f"recall {recall:.3f}")
