"""How fast the localizer is, in units of OpenCV's SIFT on the same image, and what it takes.

    make bench            # ../shared/scenes/redkitchen where it is there, else a simulated room
    .venv/bin/python benchmarks/speed.py --scene SCENE --readme README.md
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from speed_frames import save
from speed_gpu import on_a_gpu
from speed_place import Place, find, large_site
from speed_plots import draw
from speed_process import measured
from speed_stages import against_sift, lost
from speed_table import markdown, write_between
from speed_timed import environment
from speed_voxels import decode_by_voxels

from nmap_reloc.engines.processor import eight_bit_products
from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.files import write_json
from nmap_reloc.evaluation.speed import machine
from nmap_reloc.localizer import Localizer


def main(
    scene: Annotated[Path | None, typer.Option(help="A scene with a map and query split.")] = None,
    work: Annotated[Path, typer.Option(help="Folder that keeps landmarks and maps.")] =
        Path(".cache/speed"),
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of speed.json and the "
                                         "pictures.")] = Path(".cache/speed/results"),
    images: Annotated[int, typer.Option(min=2, help="Query images.")] = 16,
    repeats: Annotated[int, typer.Option(min=1, help="Timings of each.")] = 4,
    tiles: Annotated[int, typer.Option(min=2, help="Of the large site.")] = 1000,
    readme: Annotated[Path | None, typer.Option(
        help="README whose speed table to replace, between its markers.")] = None,
) -> None:
    """Time whole queries, decode by voxels, a large site, start-up and memory."""
    try:
        found = measure(find(scene, work, images), work, repeats, tiles)
        write_json(output / "speed.json", found)
        draw(found, output)
        table = markdown(found)
        print(table)
        if readme is not None:
            write_between(readme, table)
    except NmapError as problem:
        print(f"error: {problem}", file=sys.stderr)
        raise typer.Exit(1) from None


def measure(place: Place, work: Path, repeats: int, tiles: int) -> dict[str, Any]:
    busy = os.getloadavg()[0]
    plain = Localizer.open(place.site, "onnx")
    with environment(NMAP_ENGINE_PRECISION="int8"):
        eight = Localizer.open(place.site, "onnx")
    localizers = {"tracking": plain, "tracking, int8": eight}
    found = {"machine": machine(), "scene": place.name, "load": busy,
             "map_bytes": plain.map_bytes,
             "node_runs": "int8" if eight_bit_products() else "fp32",
             "query": against_sift(place, localizers, repeats)}
    features = [plain.extract(f.image, f.camera)[0] for f in place.frames[:4]]
    found["voxels"] = decode_by_voxels(features, max(3, repeats))
    small = plain.active
    plain.active = large_site(place, plain.decoder, tiles)
    found["large_site"] = lost(place, plain, max(1, repeats // 2))
    plain.active = small
    frames = work / "frames.npz"
    save(place.frames, frames)
    found["process"] = measured(place.site, frames)
    found["gpu"] = on_a_gpu(place.site, place.frames, repeats)
    return found


if __name__ == "__main__":
    typer.run(main)
