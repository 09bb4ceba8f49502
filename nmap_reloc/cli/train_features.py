"""``nmap-reloc train features FOLDER…``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmap_reloc.errors import NmapError

if TYPE_CHECKING:
    from nmap_reloc.features.crops import Lesson
    from nmap_reloc.features.posed import PosedScene
    from nmap_reloc.features.teacher import Alike

CANDIDATES = 3072  # keypoints of a view whose outcomes in other views are found out
MAPPED = 1024  # keypoints of a view, to find out where photographs were taken


def train_features(
    output: Annotated[Path, typer.Option(
        "--output", "-o", help="Folder for features.safetensors and features.onnx.")],
    folders: Annotated[list[Path] | None, typer.Argument(
        help="Folders of photographs; searched below.")] = None,
    teacher: Annotated[Path | None, typer.Option(
        help="Published weights of ALIKE, the teacher; needed for all but --posed scenes with "
             "--freeze-descriptors.")] = None,
    posed: Annotated[list[Path] | None, typer.Option(
        help="Scene with poses (any source that `map build` takes), for pairs of two photographs "
             "with true correspondences; may be repeated. Its map images alone are used.")] = None,
    freeze_descriptors: Annotated[bool, typer.Option(
        "--freeze-descriptors",
        help="Train only where keypoints are and their scores: what becomes of 3,072 candidates "
             "in the other views of --posed scenes. Descriptors stay bit for bit, so decoders "
             "need no training. Goes on from --start, without it from the shipped weights.",
    )] = False,
    steps: Annotated[int, typer.Option(
        min=1, help="Steps of 6 image pairs; about 1 s each on one CPU core, 0.4 s with "
                    "--freeze-descriptors.")] = 3000,
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
    from nmap_reloc.features.train_scores import ScoreTraining, train_scores

    check(folders or [], teacher, posed or [], freeze_descriptors)
    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)
    log, checkpoint = output / "features.log", output / "checkpoint" / "features.safetensors"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    network = open_network("features", start) if start is not None or freeze_descriptors \
        else FeatureNetwork()
    assert isinstance(network, FeatureNetwork)
    peer = None if teacher is None else open_teacher(teacher)
    lessons = [] if peer is None else prepare(find_images(folders or [], stride), cache, peer)
    if freeze_descriptors:
        train_scores(network, [outcomes_of(path, cache, start, threads) for path in posed or []],
                     lessons, ScoreTraining(steps=steps, rate=rate, seed=seed), log, checkpoint)
    else:
        assert peer is not None
        scenes = [scene_of(path, cache, peer) for path in posed or []]
        lessons += [lesson for scene in scenes for lesson in scene.lessons]
        lessons = reduce_descriptors(lessons, network.dimensions)
        train(network, lessons, scenes, FeatureTraining(steps=steps, rate=rate, seed=seed), log,
              checkpoint)
    save_network(network, network.sizes, output / "features.safetensors")
    print(export("features", output))


def check(folders: list[Path], teacher: Path | None, posed: list[Path], frozen: bool) -> None:
    """NmapError: what was given can't be trained on."""
    if frozen and not posed:
        raise NmapError("--freeze-descriptors: without scenes with poses there is nothing to "
                        "learn; give --posed SCENE")
    if not folders and not frozen:
        raise NmapError("no folders of photographs: the descriptors are learned on them; give "
                        "some, or --posed SCENE with --freeze-descriptors")
    if folders and teacher is None:
        raise NmapError("no --teacher: photographs without poses need one; give a published "
                        "alike-*.pth")


def outcomes_of(path: Path, cache: Path, start: Path | None, threads: int) -> list[Lesson]:
    """What becomes of the keypoints of a scene's map images, by the weights to go on from."""
    from nmap_reloc.features.learned import LearnedExtractor
    from nmap_reloc.features.outcomes import prepare_outcomes
    from nmap_reloc.mapping.sources import open_source
    from nmap_reloc.mapping.triangulate import build_landmarks

    source, work = open_source(path), cache / f"{path.resolve().name}-learned"
    few, many = (LearnedExtractor(count, weights=start, threads=threads)
                 for count in (MAPPED, CANDIDATES))
    views = build_landmarks(source, few, work, held_out=0).views
    return prepare_outcomes(source, views, many, work)


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
