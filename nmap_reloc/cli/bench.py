"""``nmap-reloc bench SCENES… -o DIR``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmap_reloc.errors import NmapError

if TYPE_CHECKING:
    from nmap_reloc.evaluation.rows import Row
    from nmap_reloc.mapping.sources import Source

SHORT = ("scene", "map", "bytes", "localized", "median error", "query / SIFT")


def bench(
    scenes: Annotated[list[Path], typer.Argument(
        help="Scenes with a map and query split; with --folds any.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")] =
        Path("bench"),
    representations: Annotated[str, typer.Option(
        help="Comma-separated: landmarks (uncompressed), neumap, squeezer, hybrid, maddr, pq; "
             "each also with :sift or :learned.")] = "landmarks,neumap",
    budgets: Annotated[str, typer.Option(
        help="Comma-separated sizes of compressed maps: a share of the classical map's bytes "
             "(0.25%) or bytes (40KB); SCENE=40KB for one scene only; none.")] = "1%,0.25%,0.1%",
    reference_bytes: Annotated[list[str] | None, typer.Option(
        help="SCENE=BYTES of the classical map (repeatable); default: measured by building "
             "it.")] = None,
    decoder: Annotated[list[str] | None, typer.Option(
        help="Folder of networks for additional rows, FOLDER or SCENE=FOLDER (repeatable), "
             "such as ones trained without that scene.")] = None,
    work: Annotated[Path, typer.Option(help="Folder that keeps landmarks between runs.")] =
        Path(".cache/bench"),
    readme: Annotated[Path | None, typer.Option(
        help="README whose table to replace, between its bench markers.")] = None,
    keypoints: Annotated[int, typer.Option(min=16, help="Keypoints per image.")] = 1024,
    backend: Annotated[str, typer.Option(help="What runs the networks.")] = "auto",
    speed_images: Annotated[int, typer.Option(
        min=0, help="Queries timed against OpenCV's SIFT, per row.")] = 20,
    curve: Annotated[bool, typer.Option(
        "--curve", help="Draw recall and error against bytes: OUTPUT/curve.svg over all scenes, "
                        "curve-SCENE.svg for each. With --readme also docs/curve.svg beside it.",
    )] = False,
    foreign: Annotated[int, typer.Option(
        min=0, help="Queries of each other scene that are asked, too: all must be refused.")] = 0,
    folds: Annotated[int, typer.Option(
        min=0, help="Ask the map images instead of the queries, each of a map made without it, "
                    "in so many parts: for scenes with few queries, or none. 0: no.")] = 0,
    selection: Annotated[str | None, typer.Option(
        help="Further rows of squeezer, ways to choose its points, comma-separated: learned, qp, "
             "spatial, topk, kcp, kc, random.")] = None,
    points: Annotated[str, typer.Option(
        help="Share of the points that --selection keeps; 1.5%:100 for at least 100 in a "
             "cluster.")] = "1.5%",
    per_view: Annotated[str | None, typer.Option(
        help="Further rows of maddr and pq, keypoints a view, such as 256,1024: 2-byte codes "
             "against 8-byte ones on the same views and keypoints, whatever the bytes.")] = None,
) -> None:
    """Measure every representation on scenes: size, accuracy and time.

    Writes OUTPUT/bench.json, OUTPUT/bench.md, and a page and JSON per row.
    """
    from nmap_reloc.evaluation.bench import Order
    from nmap_reloc.evaluation.bench import bench as measure
    from nmap_reloc.evaluation.bench_table import markdown, write_into_readme
    from nmap_reloc.evaluation.options import (
        parse_budgets,
        parse_decoders,
        parse_kinds,
        parse_per_view,
        parse_reference_bytes,
        parse_selections,
    )
    from nmap_reloc.evaluation.results import Results
    from nmap_reloc.evaluation.speed import machine
    from nmap_reloc.evaluation.workshop import Workshop

    order = Order(parse_kinds(representations), parse_budgets(budgets),
                  parse_reference_bytes(reference_bytes or ()), parse_decoders(decoder or ()),
                  speed_images, foreign,
                  parse_selections(selection, points) if selection else (),
                  parse_per_view(per_view) if per_view else (), folds)
    results = Results(output, machine())
    rows = measure(open_scenes(scenes, split=not folds or foreign > 0), order,
                   Workshop(work, keypoints, backend), results.save)
    print_rows(rows)
    print(output / "bench.json")
    if curve:
        draw(output, rows, readme)
    failed = [row for row in rows if row.problem]
    if failed:
        raise NmapError(f"{len(failed)} of {len(rows)} rows could not be measured, the first "
                        f"({failed[0].scene} {failed[0].name}): {failed[0].problem}"
                        + ("" if readme is None else f"; {readme} stays as it was"))
    if readme is not None:
        write_into_readme(readme, markdown(rows, results.machine))


def draw(output: Path, rows: list[Row], readme: Path | None) -> None:
    """The curves of what was measured."""
    from nmap_reloc.evaluation.curve import write_curves
    from nmap_reloc.evaluation.files import write_text
    from nmap_reloc.evaluation.rows import row_json

    files = write_curves(output, [row_json(row, rows) for row in rows])
    if readme is not None:
        files.append(readme.parent / "docs" / "curve.svg")
        write_text(files[-1], (output / "curve.svg").read_text(encoding="utf-8"))
    for file in files:
        print(file)


def open_scenes(paths: list[Path], split: bool = True) -> dict[str, Source]:
    """By folder name. NmapError: one name twice, or a scene without a split that needs one."""
    from nmap_reloc.evaluation.bench import queries_of
    from nmap_reloc.mapping.sources import open_source

    scenes: dict[str, Source] = {}
    for path in paths:
        name = path.resolve().name
        if name in scenes:
            raise NmapError(f"{path}: a second scene named {name}; rename one of the folders")
        scenes[name] = open_source(path)
        if split:
            queries_of(scenes[name])
    return scenes


def print_rows(rows: list[Row]) -> None:
    """What fits a terminal of the table that bench.md has whole."""
    from rich.console import Console
    from rich.table import Table

    from nmap_reloc.evaluation.bench_table import HEADER, cells

    shown = [HEADER.index(name) for name in SHORT]
    table = Table(pad_edge=False)
    for name in SHORT:
        table.add_column(name, justify="left" if name in SHORT[:2] else "right")
    for row in rows:
        whole = cells(row)
        table.add_row(*(whole[i] for i in shown))
    Console().print(table)
