"""``nmap-reloc evaluate SITE SCENE -o DIR`` and ``nmap-reloc evaluate SITE --bag BAG -o DIR``"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmap_reloc.errors import NmapError

if TYPE_CHECKING:
    from nmap_reloc.evaluation.evaluate_bag import BagOrder
    from nmap_reloc.mapping.sources.base import PosedImage, Source

BAG = "With --bag"


def evaluate(
    site: Annotated[Path, typer.Argument(help="The map: a folder made by `map build`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")],
    scene: Annotated[Path | None, typer.Argument(
        help="Images with true poses (any source that `map build` takes).")] = None,
    bag: Annotated[Path | None, typer.Option(
        help="Instead of SCENE: a ROS 2 recording of a drive, replayed image by image as "
             "reloc_node would have seen it.")] = None,
    split: Annotated[str | None, typer.Option(
        help="Which images to localize: query, map or all. Default: query where the scene has "
             "a split, else all.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of the scene; default: detected.")] = None,
    keypoints: Annotated[int | None, typer.Option(
        min=16, help="Keypoints per query, at most. Default: 1024.")] = None,
    backend: Annotated[str, typer.Option(help="What runs the networks.")] = "auto",
    decoder: Annotated[Path | None, typer.Option(
        help="Folder of the networks the map was built with, where not the shipped ones.")] = None,
    image_topic: Annotated[str | None, typer.Option(
        rich_help_panel=BAG, help="Image or CompressedImage; default: the only camera.")] = None,
    camera_info_topic: Annotated[str | None, typer.Option(
        rich_help_panel=BAG, help="CameraInfo; default: the one beside the images.")] = None,
    poses: Annotated[str | None, typer.Option(
        rich_help_panel=BAG, help="The truth: tf (map -> base), a topic of Odometry or "
        "PoseStamped, or a file in TUM format. Default: tf, else the only topic of poses in the "
        "map's frame.")] = None,
    pose_frame: Annotated[str | None, typer.Option(
        rich_help_panel=BAG, help="Whose poses these are. Default: child_frame_id of Odometry, "
        "else the base.")] = None,
    odom_frame: Annotated[str | None, typer.Option(
        rich_help_panel=BAG, help="Frame of the odometry in TF; '' for none. Default: odom.")
        ] = None,
    base_frame: Annotated[str | None, typer.Option(
        rich_help_panel=BAG, help="Frame of the robot in TF. Default: base_link.")] = None,
    camera_frame: Annotated[str | None, typer.Option(
        rich_help_panel=BAG, help="Optical frame of the camera. Default: the images' frame_id.")
        ] = None,
    rectified: Annotated[bool | None, typer.Option(
        "--rectified/--not-rectified", rich_help_panel=BAG,
        help="Whether the images are. Default: by the topic's name.")] = None,
    rate_limit: Annotated[float | None, typer.Option(
        rich_help_panel=BAG, help="Localize at most so many images per second of the recording, "
        "as on a slower robot. Default: all.")] = None,
    params: Annotated[Path | None, typer.Option(
        rich_help_panel=BAG, help="The node's parameters file: frames, tracker and gate as on the "
        "robot.")] = None,
    trajectory: Annotated[Path | None, typer.Option(
        rich_help_panel=BAG, help="Score this trajectory (TUM format, as published live) instead "
        "of replaying; states and times are read from the .json beside it.")] = None,
) -> None:
    """Localize a scene's queries, or a recorded drive, in a map and say how well that went.

    Writes OUTPUT/evaluation.json and OUTPUT/evaluation.html, one self-contained page.

    Of a drive also OUTPUT/trajectory.tum: the poses of the base in the map.
    """
    only_bag = {"--image-topic": image_topic, "--camera-info-topic": camera_info_topic,
                "--poses": poses, "--pose-frame": pose_frame, "--odom-frame": odom_frame,
                "--base-frame": base_frame, "--camera-frame": camera_frame,
                "--rectified": rectified, "--rate-limit": rate_limit, "--params": params,
                "--trajectory": trajectory}
    check_choice(scene, bag, {"--split": split, "--kind": kind}, only_bag)
    if bag is None:
        assert scene is not None  # check_choice
        _scene(site, scene, output, split, kind, keypoints or 1024, backend, decoder)
        return

    from nmap_reloc.evaluation.bag_scan import RecordingOptions
    from nmap_reloc.evaluation.evaluate_bag import BagOrder

    recording = RecordingOptions(image_topic, camera_info_topic, odom_frame, base_frame,
                                 camera_frame, rectified)
    _drive(site, bag, output, BagOrder(recording, poses or "auto", pose_frame, rate_limit, params,
                                       trajectory, keypoints, backend, decoder))


def _scene(site: Path, scene: Path, output: Path, split: str | None, kind: str | None,
           keypoints: int, backend: str, decoder: Path | None) -> None:
    from rich.console import Console

    from nmap_reloc.evaluation.console import summary
    from nmap_reloc.evaluation.evaluate import camera_centres
    from nmap_reloc.evaluation.evaluate import evaluate as measure
    from nmap_reloc.evaluation.results import write_evaluation
    from nmap_reloc.localizer import Localizer, LocalizerOptions
    from nmap_reloc.mapping.sources import open_source
    from nmap_reloc.maps.store import Site

    say = Console(stderr=True)
    localizer = Localizer.open(site, backend, LocalizerOptions(keypoints=keypoints), decoder)
    source = open_source(scene, kind=kind)
    for warning in source.warnings:
        say.print(f"warning: {warning}", style="yellow", markup=False)
    check_same_unit(localizer.unit, source.unit, site, scene)
    evaluation = measure(localizer, choose(source, split), centres=camera_centres(source.images),
                         bytes_by_part=Site.open(site).bytes_by_part(),
                         description=f"localize {scene.resolve().name}")
    _warn_skipped(evaluation.skipped)
    names = scene.resolve().name, site.resolve().name
    files = write_evaluation(output, evaluation, *names)
    Console().print(summary(evaluation, f"{names[0]} in {names[1]}"))
    print(*files, sep="\n")


def _drive(site: Path, bag: Path, output: Path, order: BagOrder) -> None:
    from rich.console import Console

    from nmap_reloc.evaluation.console import drive_summary
    from nmap_reloc.evaluation.evaluate_bag import evaluate_bag
    from nmap_reloc.evaluation.results import write_drive

    drive = evaluate_bag(site, bag, order)
    say = Console(stderr=True)
    for note in drive.notes:
        say.print(f"note: {note}", style="yellow", markup=False)
    _warn_skipped(drive.evaluation.skipped)
    names = bag.resolve().name, site.resolve().name
    files = write_drive(output, drive, *names)
    Console().print(drive_summary(drive, f"{names[0]} in {names[1]}"))
    print(*files, sep="\n")


def _warn_skipped(skipped: dict[str, str]) -> None:
    from rich.console import Console

    if skipped:
        name, reason = next(iter(skipped.items()))
        Console(stderr=True).print(f"warning: {len(skipped)} images skipped, the first ({name}): "
                                   f"{reason}", style="yellow", markup=False)


def check_choice(scene: Path | None, bag: Path | None, only_scene: Mapping[str, object],
                 only_bag: Mapping[str, object]) -> None:
    """A scene or a bag, and no option of the other. NmapError."""
    if (scene is None) == (bag is None):
        raise NmapError(f"SCENE {scene or 'missing'}, --bag {bag or 'missing'}: give one of them")
    for name, value in (only_bag if bag is None else only_scene).items():
        if value is not None:
            raise NmapError(f"{name} {value}: is for a {'--bag' if bag is None else 'SCENE'}; "
                            "leave it out")


def choose(source: Source, split: str | None) -> tuple[PosedImage, ...]:
    """The images to localize. NmapError: no such part of the split."""
    if split == "all" or (split is None and source.split is None):
        return source.images
    parts = source.split or {}
    part = split or "query"
    if part not in parts:
        known = ", ".join([*parts, "all"])
        raise NmapError(f"--split {part}: {source.path} has no such part; choose one of: {known}")
    return source.named(part)


def check_same_unit(map_unit: str, scene_unit: str, site: Path, scene: Path) -> None:
    """Errors in metres against a map in other units would be nonsense."""
    if map_unit != scene_unit:
        raise NmapError(f"{scene}: its poses are in unit {scene_unit}, those of the map {site} in "
                        f"{map_unit}; evaluate with the scene the map was built from, or one in "
                        "its frame")
