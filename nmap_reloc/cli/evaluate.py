"""``nmap-reloc evaluate SITE SCENE -o DIR``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmap_reloc.errors import NmapError

if TYPE_CHECKING:
    from nmap_reloc.mapping.sources.base import PosedImage, Source


def evaluate(
    site: Annotated[Path, typer.Argument(help="The map: a folder made by `map build`.")],
    scene: Annotated[Path, typer.Argument(help="Images with true poses (any source that "
                                               "`map build` takes).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")],
    split: Annotated[str | None, typer.Option(
        help="Which images to localize: query, map or all. Default: query where the scene has "
             "a split, else all.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of the scene; default: detected.")] = None,
    keypoints: Annotated[int, typer.Option(min=16, help="Keypoints per query, at most.")] = 1024,
    backend: Annotated[str, typer.Option(help="What runs the networks.")] = "auto",
    decoder: Annotated[Path | None, typer.Option(
        help="Folder of the networks the map was built with, where not the shipped ones.")] = None,
) -> None:
    """Localize a scene's queries in a map and say how well that went.

    Writes OUTPUT/evaluation.json and OUTPUT/evaluation.html, one self-contained page.
    """
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
    if evaluation.skipped:
        name, reason = next(iter(evaluation.skipped.items()))
        say.print(f"warning: {len(evaluation.skipped)} images skipped, the first ({name}): "
                  f"{reason}", style="yellow", markup=False)
    names = scene.resolve().name, site.resolve().name
    files = write_evaluation(output, evaluation, *names)
    Console().print(summary(evaluation, f"{names[0]} in {names[1]}"))
    print(*files, sep="\n")


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
