"""What a robot's arithmetic and solver cost: recall and median error of the same maps.

    .venv/bin/python benchmarks/precision.py [SCENE…] [--readme README.md]

FP16 is emulated (benchmarks/half_precision.py): layers round as TensorRT's would, in all networks;
8 bits are the extractor's, as a CPU runs them; OpenCV: it proposes the pose (in FP32), as where
pycolmap is not installed. Maps are neumap of 0.25 % of a classical map.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from half_precision import rounding_all
from speed_table import write_between

from nmap_reloc import text
from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.bench import REFERENCE, queries_of
from nmap_reloc.evaluation.evaluate import Evaluation, camera_centres, evaluate
from nmap_reloc.evaluation.files import write_json
from nmap_reloc.evaluation.options import Kind
from nmap_reloc.evaluation.workshop import Workshop
from nmap_reloc.features.learned import LearnedExtractor
from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.maps.store import Site
from nmap_reloc.pose import SolveOptions
from nmap_reloc.representations import open_decoder
from nmap_reloc.weights import find

SCENES = Path("../shared/scenes")
SHARE = 0.0025
NETWORKS = ("features", "neumap-unfold", "neumap-meet", "neumap-decode")
WAYS = ("FP32", "FP16", "int8", "OpenCV")
MARKS = ("<!-- precision:begin -->", "<!-- precision:end -->")


def main(
    scenes: Annotated[list[Path] | None, typer.Argument(
        help="Scenes with a map and query split; none: those of ../shared/scenes.")] = None,
    work: Annotated[Path, typer.Option(help="Folder that keeps landmarks and maps.")] =
        Path(".cache/bench"),
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of precision.json.")] =
        Path(".cache/precision"),
    readme: Annotated[Path | None, typer.Option(
        help="README whose table to replace, between its markers.")] = None,
) -> None:
    """Recall and median error in FP32, FP16 and int8, and with OpenCV's RANSAC."""
    found = scenes or sorted(path.parent for path in SCENES.glob("*/split.json"))
    try:
        if not found:
            raise NmapError(f"{SCENES}: no scene is there; name one or more")
        half = rounding_all(NETWORKS, ("features", "neumap"),
                            find("features.safetensors").parent, output / "fp16")
        rows = [_measured(scene, Workshop(work, backend="onnx"), half) for scene in found]
        write_json(output / "precision.json", {"rows": [
            {way: e.to_json() for way, e in row.items()} for row in rows]})
        table = markdown([path.resolve().name for path in found], rows)
        print(table)
        if readme is not None:
            write_between(readme, table, MARKS)
    except NmapError as problem:
        print(f"error: {problem}", file=sys.stderr)
        raise typer.Exit(1) from None


def _measured(path: Path, workshop: Workshop, half: Path) -> dict[str, Evaluation]:
    source, name = open_source(path), path.resolve().name
    reference = workshop.landmarks(name, source, *REFERENCE).observation_bytes()
    landmarks = workshop.landmarks(name, source, "learned", workshop.keypoints)
    site = workshop.site(name, landmarks, Kind("neumap", "learned"), int(SHARE * reference), None)
    opened = Site.open(site)
    tiles = [opened.tile(entry.id) for entry in opened.manifest.tiles]
    found = {}
    for way in WAYS:
        weights = half if way == "FP16" else None
        localizer = Localizer(
            opened.manifest, tiles,
            LearnedExtractor(workshop.keypoints, "onnx", weights,
                             precision="int8" if way == "int8" else "fp32"),
            open_decoder("neumap", "learned", "onnx", weights),
            LocalizerOptions(solve=SolveOptions("opencv" if way == "OpenCV" else "pycolmap")),
            opened.bytes())
        found[way] = evaluate(localizer, queries_of(source),
                              centres=camera_centres(source.images), description=f"{name} {way}")
    return found


def markdown(names: list[str], rows: list[dict[str, Evaluation]]) -> str:
    lines = ["| scene | recall at | " + " | ".join(WAYS) + " | median error " + " / ".join(WAYS)
             + " |", "|---" * (3 + len(WAYS)) + "|"]
    for name, row in zip(names, rows, strict=True):
        one = row["FP32"]
        metric = one.unit == "metre"
        limit = "0.05m_5deg" if metric else "0.01span_2deg"
        unit, scale = ("cm", 100.0) if metric else ("% of span", 100 / one.span)
        medians = " / ".join(f"{scale * np.median(row[way].errors()[0]):.3g}" for way in WAYS)
        recalls = " | ".join(text.percent(row[way].recall()[limit] or 0.0) for way in WAYS)
        lines.append(f"| {name} | {'5 cm, 5°' if metric else '1 % of span, 2°'} | {recalls} | "
                     f"{medians} {unit} |")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
