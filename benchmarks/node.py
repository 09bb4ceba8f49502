"""Measures reloc_node in a process of its own, over DDS: what it costs, and what swaps of tiles
and TF do to those who rely on it.

    .venv/bin/python benchmarks/node.py                              # a small simulated room
    .venv/bin/python benchmarks/node.py --site SITE --scene SCENE    # a map, posed photographs
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from nmap_reloc import standalone
from nmap_reloc.errors import NmapError


def main(
    site: Annotated[Path | None, typer.Option(help="A map of several tiles.")] = None,
    scene: Annotated[Path | None, typer.Option(
        help="The scene whose query images are shown to it.")] = None,
    work: Annotated[Path, typer.Option(help="Folder that keeps the simulated place.")] =
        Path(".cache/node"),
    keypoints: Annotated[int, typer.Option(min=64, help="Keypoints per image, at most.")] = 1024,
    images: Annotated[int, typer.Option(min=20, help="Images of each steady phase.")] = 120,
    swaps: Annotated[int, typer.Option(min=2, help="Swaps while images flow.")] = 100,
    memory_swaps: Annotated[int, typer.Option(min=200, help="Swaps over which the resident "
                                              "memory is followed.")] = 1000,
    rate: Annotated[float, typer.Option(min=0.0, help="Images per second; 0: what this machine "
                                        "sustains.")] = 0.0,
    json: Annotated[Path | None, typer.Option(help="Also write the numbers to this file.")] = None,
) -> None:
    """Print the measured numbers of reloc_node as a Markdown table."""
    standalone.enable()
    # Nobody else's nodes are to hear this robot.
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    from node_measure import Plan, measure
    from node_place import find
    from node_table import load, markdown, to_json

    from nmap_reloc.evaluation.files import write_json

    try:
        place, busy = find(site, scene, work, keypoints), load()
        plan = Plan(images, swaps, memory_swaps, rate)
        rows = measure(place, work / "reloc_node.log", keypoints, plan)
    except NmapError as problem:
        print(f"error: {problem}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(markdown(rows, place.name, busy))
    if json is not None:
        write_json(json, to_json(rows, place.name, busy))


if __name__ == "__main__":
    typer.run(main)
