"""``nmap-reloc demo [SCENE] -o DIR``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

if TYPE_CHECKING:
    from rich.table import Table

    from nmap_reloc.evaluation.evaluate import Evaluation
    from nmap_reloc.types import Image


def demo(
    scene: Annotated[Path | None, typer.Argument(
        help="Images with poses and a map/query split; default: a simulated world.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")] =
        Path("demo"),
    world: Annotated[str, typer.Option(help="What to simulate: rooms or lane.")] = "rooms",
    seed: Annotated[int, typer.Option(help="Which of the simulated worlds.")] = 0,
    map_views: Annotated[int, typer.Option(min=10, help="Simulated views to map.")] = 50,
    query_views: Annotated[int, typer.Option(min=1, help="Simulated views to localize.")] = 20,
    features: Annotated[str, typer.Option(help="learned or sift.")] = "learned",
    representation: Annotated[str, typer.Option(help="How the map is stored.")] = "neumap",
    keypoints: Annotated[int, typer.Option(min=16, help="Keypoints per image, at most.")] = 1024,
    backend: Annotated[str, typer.Option(help="What runs the networks.")] = "auto",
) -> None:
    """Build a small map, localize other views in it and show how well that went.

    Writes OUTPUT/site (the map), OUTPUT/evaluation.json, OUTPUT/evaluation.html and
    OUTPUT/demo.jpg; a rerun takes up what is there.
    """
    from rich.console import Console

    from nmap_reloc.cli.evaluate import choose
    from nmap_reloc.evaluation.evaluate import camera_centres, evaluate
    from nmap_reloc.evaluation.pictures import write_jpeg
    from nmap_reloc.evaluation.results import write_evaluation
    from nmap_reloc.features import open_extractor
    from nmap_reloc.localizer import Localizer, LocalizerOptions
    from nmap_reloc.mapping.build import build_site
    from nmap_reloc.mapping.sources import open_source
    from nmap_reloc.mapping.triangulate import build_landmarks

    extractor = open_extractor(features, keypoints=keypoints, backend=backend)
    if scene is None:
        from nmap_reloc.simulation.dataset import simulate

        scene = simulate(output / "scene", seed, map_views, query_views, world=world)
    source = open_source(scene)
    queries = choose(source, None)
    landmarks = build_landmarks(source, extractor, output / "work")
    site = build_site(landmarks, output / "site", representation)
    localizer = Localizer.open(site.path, backend, LocalizerOptions(keypoints=keypoints))
    evaluation = evaluate(localizer, queries, centres=camera_centres(source.images),
                          bytes_by_part=site.bytes_by_part())
    files = write_evaluation(output, evaluation, scene.resolve().name, representation)
    Console().print(table(evaluation, landmarks.observation_bytes()))
    picture = output / "demo.jpg"
    write_jpeg(picture, mosaic(evaluation))
    print(site.path, *files, picture, sep="\n")


def mosaic(evaluation: Evaluation) -> Image:
    """RGB: four queries side by side with what was matched in them, inliers as green rings."""
    from nmap_reloc.evaluation.pictures import draw_matches

    step = max(1, len(evaluation.queries) // 4)
    shown = [draw_matches(query.image.read(), query, width=400)
             for query in evaluation.queries[::step][:4]]
    height = min(len(picture) for picture in shown)
    return np.hstack([picture[:height] for picture in shown])


def table(evaluation: Evaluation, uncompressed: int) -> Table:
    """The demo's answer in a few rows; ``uncompressed``: bytes of the classical map."""
    from rich.table import Table

    from nmap_reloc.evaluation import metrics, text

    translation, rotation = evaluation.errors()
    recall, total = evaluation.recall(), evaluation.latency_ms()["total"]
    rows = Table(show_header=False, pad_edge=False)
    rows.add_column(style="dim")
    rows.add_column(justify="right")
    rows.add_row("localized", f"{evaluation.localized} of {len(evaluation.queries)}")
    median = text.length(metrics.median(translation), evaluation.unit, evaluation.span)
    rows.add_row("median error", f"{median}, {text.degrees(metrics.median(rotation))}")
    for threshold in metrics.THRESHOLDS:
        if recall[threshold.key] is not None:
            rows.add_row(f"within {threshold.label}", text.percent(recall[threshold.key]))
    rows.add_row("map", f"{text.size(evaluation.map_bytes)}, 1/"
                        f"{uncompressed / max(evaluation.map_bytes, 1):.0f} of "
                        f"{text.size(uncompressed)} uncompressed")
    rows.add_row("per query", f"{text.milliseconds(total['p50'])} "
                              f"(p95 {text.milliseconds(total['p95'])})")
    return rows
