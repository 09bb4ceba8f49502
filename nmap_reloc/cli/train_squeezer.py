"""``nmap-reloc train squeezer SCENE…``"""

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


def train_squeezer(
    scenes: Scenes,
    output: Output,
    features: Features = "learned",
    keypoints: Keypoints = 1024,
    simulated: Simulated = 0,
    steps: Annotated[int, typer.Option(min=1, help="Sets of co-visible views.")] = 1000,
    code: Annotated[int, typer.Option(
        min=0, help="Numbers of a stored descriptor, 0: half of the extractor's.")] = 0,
    seed: Seed = 0,
    work: Work = WORK,
    threads: Threads = 0,
) -> None:
    """Train the selection of points and the quantiser of descriptors over many scenes.

    Only the map images of a scene are used. The log is written to OUTPUT while training goes on.
    """
    from nmap_reloc.representations.squeezer.network import SqueezerNetwork, SqueezerShape
    from nmap_reloc.representations.squeezer.train import SqueezerTraining, TrainingScene, train

    lesson = prepare("squeezer", scenes, output, features, keypoints, simulated, seed, work,
                     threads)
    network = SqueezerNetwork(SqueezerShape(descriptor=lesson.dimensions,
                                            code=code or lesson.dimensions // 2))
    train(network, [TrainingScene(landmarks) for landmarks in lesson.landmarks],
          SqueezerTraining(steps=steps, seed=seed), lesson.log)
    lesson.save(network)
