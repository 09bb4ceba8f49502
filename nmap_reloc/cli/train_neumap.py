"""``nmap-reloc train neumap SCENE…``"""

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


def train_neumap(
    scenes: Scenes,
    output: Output,
    features: Features = "learned",
    keypoints: Keypoints = 1024,
    simulated: Simulated = 0,
    steps: Annotated[int, typer.Option(min=1, help="Episodes.")] = 2500,
    code_width: Annotated[int, typer.Option(min=4, help="Numbers in a code.")] = 32,
    seed: Seed = 0,
    work: Work = WORK,
    threads: Threads = 0,
) -> None:
    """Train the scene-agnostic encoder and decoder over many scenes.

    Only the map images of a scene are used. The log is written to OUTPUT while training goes on.
    """
    from nmap_reloc.representations.neumap.network import NeumapNetwork, NeumapShape
    from nmap_reloc.representations.neumap.train import NeumapTraining, TrainingScene, train

    lesson = prepare("neumap", scenes, output, features, keypoints, simulated, seed, work,
                     threads)
    network = NeumapNetwork(NeumapShape(descriptor=lesson.dimensions, code_width=code_width))
    train(network, [TrainingScene(landmarks) for landmarks in lesson.landmarks],
          NeumapTraining(steps=steps, seed=seed), lesson.log)
    lesson.save(network)
