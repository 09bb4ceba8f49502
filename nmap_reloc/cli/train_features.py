"""``nmap-reloc train features FOLDER…``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nmap_reloc.features.posed import PosedScene
    from nmap_reloc.features.teacher import Alike


def train_features(
    folders: Annotated[list[Path], typer.Argument(help="Folders of photographs; searched below.")],
    output: Annotated[Path, typer.Option(
        "--output", "-o", help="Folder for features.safetensors and features.onnx.")],
    teacher: Annotated[Path, typer.Option(help="Published weights of ALIKE, the teacher.")],
    posed: Annotated[list[Path] | None, typer.Option(
        help="Scene with poses (any source that `map build` takes), for pairs of two photographs "
             "with true correspondences; may be repeated.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of 6 image pairs; about 1 s each on "
                                                   "one CPU core.")] = 3000,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    stride: Annotated[int, typer.Option(
        min=1, help="Of folders with over 300 images take every so many.")] = 5,
    start: Annotated[Path | None, typer.Option(
        help="Folder with features.safetensors to go on from.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    cache: Annotated[Path, typer.Option(help="Where the teacher's answers are kept.")] =
        Path(".cache/lessons"),
    threads: Annotated[int, typer.Option(min=0, help="CPU threads, 0: all.")] = 0,
) -> None:
    """Train the feature extractor on photographs; poses are used where there are some.

    Each photograph is warped and relit at random. Keypoints are taught where extrema of the image
    are found again, descriptors by the teacher and by telling places apart. The log and a
    checkpoint are written to OUTPUT while training goes on.
    """
    import torch

    from nmap_reloc.engines.export import export, open_network, save_network
    from nmap_reloc.features.dataset import find_images, prepare, reduce_descriptors
    from nmap_reloc.features.network import FeatureNetwork
    from nmap_reloc.features.teacher import open_teacher
    from nmap_reloc.features.train import FeatureTraining, train

    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)
    (output / "checkpoint").mkdir(parents=True, exist_ok=True)
    network = open_network("features", start) if start is not None else FeatureNetwork()
    assert isinstance(network, FeatureNetwork)
    peer = open_teacher(teacher)
    lessons = prepare(find_images(folders, stride), cache, peer)
    scenes = [scene_of(path, cache, peer) for path in posed or []]
    lessons += [lesson for scene in scenes for lesson in scene.lessons]
    lessons = reduce_descriptors(lessons, network.dimensions)
    train(network, lessons, scenes, FeatureTraining(steps=steps, rate=rate, seed=seed),
          output / "features.log", output / "checkpoint" / "features.safetensors")
    save_network(network, network.sizes, output / "features.safetensors")
    print(export("features", output))


def scene_of(path: Path, cache: Path, teacher: Alike) -> PosedScene:
    """Correspondences by SIFT, which needs no weights, at the source's poses."""
    from nmap_reloc.features import open_extractor
    from nmap_reloc.features.posed import prepare_scene
    from nmap_reloc.mapping.sources import open_source
    from nmap_reloc.mapping.triangulate import build_landmarks

    source = open_source(path)
    landmarks = build_landmarks(source, open_extractor("sift", 2048),
                                cache / f"{path.resolve().name}-sift", held_out=0)
    return prepare_scene(source, landmarks, cache, teacher)
