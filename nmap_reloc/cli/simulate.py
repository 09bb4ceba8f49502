"""``nmap-reloc simulate OUTPUT``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    output: Annotated[Path, typer.Argument(help="Folder of the recordings OUTPUT/map and "
                                                "OUTPUT/query.")],
    drives: Annotated[str, typer.Option(help="Which drives, separated by commas.")] = "map,query",
    world: Annotated[str, typer.Option(help="The place: site, rooms and a lane.")] = "site",
    seed: Annotated[int, typer.Option(min=0, help="Which of the simulated places.")] = 0,
    rate: Annotated[float, typer.Option(help="Pictures per second of the query drive.")] = 5.0,
    map_rate: Annotated[float, typer.Option(help="Likewise of the map drive.")] = 2.0,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the pictures.")] = "640x480",
    raw: Annotated[bool, typer.Option(
        "--raw", help="Raw rgb8 images, ten times as large, instead of JPEG.")] = False,
    kidnap: Annotated[float | None, typer.Option(
        help="Seconds into the query drive at which the robot is carried elsewhere.")] = None,
    detail: Annotated[float, typer.Option(help="Resolution of the textures, 1: full.")] = 1.0,
    extent: Annotated[int | None, typer.Option(help="Number of rooms; default: 3.")] = None,
    workers: Annotated[int | None, typer.Option(
        min=1, help="Processes that render; default: one per processor.")] = None,
    scene: Annotated[Path | None, typer.Option(
        help="Instead: play this folder of posed photographs as a camera, to OUTPUT/query.")] =
        None,
    seconds: Annotated[float | None, typer.Option(
        help="Photographs: show them forth and back for so long; default: once.")] = None,
) -> None:
    """Record simulated drives of a camera robot as ROS 2 bags with ground truth.

    Each has images, camera_info, odometry that drifts, TF and /ground_truth/pose. What is there
    with the same parameters is kept.
    """
    from rich.console import Console

    from nmap_reloc import text
    from nmap_reloc.errors import NmapError

    if scene is not None:
        from nmap_reloc.simulation.scene_bag import bag_from_scene

        made = {"query": bag_from_scene(scene, output / "query", rate, seed=seed,
                                        compressed=not raw, seconds=seconds)}
    else:
        if seconds is not None:
            raise NmapError(f"--seconds {seconds:g}: a simulated drive is as long as its route; "
                            "leave it out or name a --scene")
        from nmap_reloc.simulation.drives import simulate_drives

        made = simulate_drives(output, [name.strip() for name in drives.split(",")], world, seed,
                               rate, map_rate, pixels(size), not raw, kidnap, detail, extent,
                               workers)
    for folder in made.values():
        held = sum(file.stat().st_size for file in folder.iterdir())
        Console().print(f"{folder}: {text.size(held)}", markup=False, soft_wrap=True)


def pixels(given: str) -> tuple[int, int]:
    """``640x480`` -> (640, 480). NmapError: not that."""
    from nmap_reloc.errors import NmapError

    width, cross, height = given.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise NmapError(f"size {given!r}: not a size; write WIDTHxHEIGHT, as 640x480")
    return int(width), int(height)
