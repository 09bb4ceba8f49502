"""``nmap-reloc demo [SCENE] -o DIR``"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from nmap_reloc.errors import NmapError

if TYPE_CHECKING:
    from nmap_reloc.evaluation.drive import Drive
    from nmap_reloc.mapping.sources.base import Source
    from nmap_reloc.types import Image

TRUTH = "/ground_truth/pose"
KIDNAP = 30.0  # seconds into the query drive
DRIVE_RATE, CAMERA_RATE = 5.0, 30.0  # images per second of the simulated drive, of photographs
# Small tiles and a short reach, so that a short drive has something to swap.
TILE = 8.0
PARAMETERS = """/**/tile_manager:
  ros__parameters:
    radius: 5.0
    hysteresis: 2.0
    update_period: 0.2
"""


def demo(
    scene: Annotated[Path | None, typer.Argument(
        help="Photographs with poses and a map/query split, played as a camera; default: a "
             "simulated place of rooms and a lane.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")] =
        Path("demo"),
    seed: Annotated[int, typer.Option(help="Which of the simulated places.")] = 0,
    rate: Annotated[float | None, typer.Option(
        min=0.1, help="Images per second of the query drive; default: 5, of photographs 30.")] =
        None,
    seconds: Annotated[float, typer.Option(
        min=1.0, help="Photographs are shown forth and back for so long.")] = 30.0,
    features: Annotated[str, typer.Option(help="learned or sift.")] = "learned",
    representation: Annotated[str, typer.Option(help="How the map is stored.")] = "neumap",
    keypoints: Annotated[int, typer.Option(min=64, help="Keypoints per image, at most.")] = 1024,
) -> None:
    """Map a place, drive through it with the nodes running, and show how well that went.

    Writes OUTPUT/drives (ROS 2 bags), OUTPUT/site (the map), OUTPUT/evaluation.json,
    OUTPUT/evaluation.html and OUTPUT/demo.jpg. What is there from an earlier run is used again.
    """
    from rich.console import Console

    from nmap_reloc import text
    from nmap_reloc.evaluation.console import drive_summary
    from nmap_reloc.evaluation.pictures import write_jpeg
    from nmap_reloc.evaluation.results import write_drive
    from nmap_reloc.features import open_extractor
    from nmap_reloc.mapping.build import BuildOptions, build_site
    from nmap_reloc.mapping.triangulate import build_landmarks

    output.mkdir(parents=True, exist_ok=True)
    source, query = drives(scene, output / "drives", seed, rate, seconds)
    extractor = open_extractor(features, keypoints=keypoints)
    landmarks = build_landmarks(source, extractor, output / "work")
    site = build_site(landmarks, output / "site", representation,
                      options=BuildOptions(tile=TILE if source.unit == "metre" else None))
    drive = localize_live(site.path, query, output, keypoints)
    files = write_drive(output, drive, query.name, representation)
    picture = output / "demo.jpg"
    write_jpeg(picture, mosaic(site.path, query))
    uncompressed = landmarks.observation_bytes()
    Console().print(drive_summary(drive, f"{len(site.manifest.tiles)} tiles of "
                                  f"{text.size(site.bytes())} in all, 1/"
                                  f"{uncompressed / site.bytes():.0f} of the uncompressed map"))
    print(site.path, *files, picture, sep="\n")


def drives(scene: Path | None, folder: Path, seed: int, rate: float | None, seconds: float
           ) -> tuple[Source, Path]:
    """What is mapped, and the recording of the query drive."""
    from nmap_reloc.mapping.sources import open_source

    if scene is not None:
        from nmap_reloc.simulation.scene_bag import bag_from_scene

        return open_source(scene), bag_from_scene(scene, folder / "query", rate or CAMERA_RATE,
                                                  seed=seed, seconds=seconds)
    from nmap_reloc.simulation.drives import simulate_drives

    made = simulate_drives(folder, seed=seed, rate=rate or DRIVE_RATE, kidnap=KIDNAP)
    return recording(made["map"]), made["query"]


def recording(bag: Path) -> Source:
    """A bag of ours, with its true poses."""
    from nmap_reloc.mapping.sources import open_source

    return open_source(bag, kind="bag", poses=TRUTH, pose_frame="base_link")


def localize_live(site: Path, query: Path, output: Path, keypoints: int) -> Drive:
    """Both nodes in processes of their own, the bag played to them over DDS, the answers scored.

    NmapError: the launch failed or no pose came out of it.
    """
    from nmap_reloc.evaluation.evaluate_bag import BagOrder, evaluate_bag

    parameters, trajectory = output / "demo.yaml", output / "trajectory.tum"
    parameters.write_text(f"{PARAMETERS}/**/reloc_node:\n  ros__parameters:\n"
                          f"    keypoints: {keypoints}\n", encoding="utf-8")
    for old in (trajectory, output / "online.json"):
        old.unlink(missing_ok=True)
    command = [sys.executable, "-m", "nmap_reloc.cli.main", "launch", "replay.launch.py",
               f"bag:={query.resolve()}", f"map:={site.resolve()}",
               f"output:={output.resolve()}", "compressed:=true",
               f"params_file:={parameters.resolve()}"]
    # Two processors: a pool of threads in each library would only take turns.
    ended = subprocess.run(command, env={"OMP_NUM_THREADS": "1", **os.environ}, check=False)
    if not trajectory.is_file():
        raise NmapError(f"{trajectory}: the nodes wrote no pose (exit status {ended.returncode}); "
                        "read what they printed above")
    return evaluate_bag(site, query, BagOrder(poses=TRUTH, parameters=parameters,
                                              trajectory=trajectory))


def mosaic(site: Path, query: Path) -> Image:
    """RGB: four images of the drive side by side with what was matched in them, inliers green."""
    from nmap_reloc.evaluation.evaluate import camera_centres, evaluate
    from nmap_reloc.evaluation.pictures import draw_matches
    from nmap_reloc.localizer import Localizer

    source = recording(query)
    images = source.images[::max(1, len(source.images) // 4)][:4]
    evaluation = evaluate(Localizer.open(site), images, centres=camera_centres(source.images))
    shown = [draw_matches(found.image.read(), found, width=400) for found in evaluation.queries]
    height = min(len(picture) for picture in shown)
    return np.hstack([picture[:height] for picture in shown])
