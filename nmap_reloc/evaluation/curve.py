"""Recall and error against map size, one line per representation: the papers' figure 1 as SVG."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.figures import decades
from nmap_reloc.evaluation.files import write_text
from nmap_reloc.evaluation.options import UNCOMPRESSED
from nmap_reloc.evaluation.rows import headline
from nmap_reloc.types import Doubles

INK, GRID = "#24292f", "#d8dee4"
STYLE = {"font.size": 9.5, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK,
         "ytick.color": INK, "svg.fonttype": "path"}
# A representation keeps its colour in every figure; further ones take what is left.
COLOURS = {UNCOMPRESSED: "#6e7781", "neumap": "#0969da", "hybrid": "#cf222e",
           "maddr": "#1a7f37", "squeezer": "#9a6700", "pq": "#8250df"}
SPARE = ("#bf3989", "#0a7d91", "#953800", "#424a53")
MARKS = "osD^vPX*"
Style = tuple[str, str, str, str]  # of a Line: name, colour, mark, dash
Rows = Sequence[Mapping[str, Any]]  # as in bench.json, those that were measured


@dataclass(frozen=True)
class Line:
    """One representation, dashed for weights other than the shipped ones.

    size [N] bytes or shares of the classical map, ascending; recall [N] 0..1; error [N] in map
    units or relative to uncompressed, infinite where most queries are lost.
    """

    name: str
    colour: str
    mark: str
    dash: str
    size: list[float]
    recall: list[float]
    error: list[float]


def write_curves(folder: Path, rows: Rows) -> list[Path]:
    """curve-<scene>.svg for every scene and curve.svg over all of them, each atomic.

    rows: of bench.json. NmapError: not one was measured, or the disk is full.
    """
    measured = [row for row in rows if not row["problem"] and row.get("map_bytes")]
    if not measured:
        raise NmapError(f"{folder}: no row was measured, so there is no curve to draw; see the "
                        "problems in bench.json")
    files = []
    for scene in dict.fromkeys(row["scene"] for row in measured):
        files.append(folder / f"curve-{scene}.svg")
        write_text(files[-1], scene_curve([r for r in measured if r["scene"] == scene]))
    files.append(folder / "curve.svg")
    write_text(files[-1], summary_curve(measured))
    return files


def scene_curve(rows: Rows) -> str:
    """Of one scene: bytes of the map, recall at its headline threshold, median error."""
    unit, span = rows[0]["unit"], rows[0]["span"]
    threshold = headline(unit)
    scale, label = (100.0, "median error [cm]") if unit == "metre" else (
        100.0 / max(span, 1e-12), "median error [% of span]")
    lines = [Line(*style, [r["map_bytes"] / 1000 for r in found],
                  [r["recall"][threshold.key] for r in found],
                  [_number(r["median_translation"]) * scale for r in found])
             for style, found in _grouped(rows)]
    return _draw(rows[0]["scene"], lines, "map [KB]", f"recall ({threshold.label}) [%]", label)


def summary_curve(rows: Rows) -> str:
    """Over all scenes of a bench: share of the classical map's bytes (geometric mean), mean
    recall, median error over that of the uncompressed map with the same features (geometric
    mean). A budget that not every scene has is left out."""
    scenes = {row["scene"] for row in rows}
    lines = []
    for style, found in _grouped(rows):
        points = []
        for budget in dict.fromkeys(r["budget"] for r in found):
            mine = [r for r in found if r["budget"] == budget]
            if {r["scene"] for r in mine} == scenes:
                points.append(_mean_point(mine))
        if points:
            size, recall, error = (list(values) for values in zip(*sorted(points), strict=True))
            lines.append(Line(*style, size, recall, error))
    names = ", ".join(sorted(scenes))
    return _draw(f"{len(scenes)} scenes: {names}", lines, "map [% of the classical map]",
                 "recall (5 cm, 5°; 1 % of span, 2°) [%]",
                 "median error / uncompressed")


def _mean_point(rows: Rows) -> tuple[float, float, float]:
    share = np.array([r["map_bytes"] / r["reference_bytes"] for r in rows]) * 100
    recall = [r["recall"][headline(r["unit"]).key] for r in rows]
    ratios = [_number((r.get("against_uncompressed") or {}).get("median_translation_ratio"))
              for r in rows]
    return (float(np.exp(np.log(share).mean())), float(np.mean(recall)),
            float(np.exp(np.log(np.maximum(ratios, 1e-9)).mean())))


def _grouped(rows: Rows) -> list[tuple[Style, list[Mapping[str, Any]]]]:
    """((name, colour, mark, dash), rows by size) for every kind of map."""
    kinds: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("selection"):  # compared at equal points, not at a budget
            continue
        key = (row["representation"], row["features"], row["decoder"])
        kinds.setdefault(key, []).append(row)
    others = [name for name in dict.fromkeys(key[0] for key in kinds) if name not in COLOURS]
    colours = COLOURS | {name: SPARE[i % len(SPARE)] for i, name in enumerate(others)}
    grouped = []
    for i, (key, found) in enumerate(kinds.items()):
        name = "uncompressed" if key[0] == UNCOMPRESSED else key[0]
        words = [name, *(["SIFT"] if key[1] == "sift" else []), *([key[2]] if key[2] else [])]
        found.sort(key=lambda row: row["map_bytes"])
        grouped.append(((", ".join(words), colours[key[0]], MARKS[i % len(MARKS)],
                         "--" if key[2] else "-"), found))
    return grouped


def _draw(title: str, lines: Sequence[Line], size: str, recall: str, error: str) -> str:
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": title}):
        figure = Figure(figsize=(8.6, 3.5), layout="constrained", facecolor="white")
        FigureCanvasSVG(figure)
        left, right = figure.subplots(1, 2)
        for axes, values in ((left, [line.recall for line in lines]),
                             (right, [line.error for line in lines])):
            for line, found in zip(lines, values, strict=True):
                _plot(axes, line, np.array(found) * (100 if axes is left else 1))
        _dress(left, size, recall)
        _dress(right, size, error)
        for axes in (left, right):
            _log(axes, "x")
        _log(right, "y")
        figure.suptitle(title, fontsize=10)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(lines)),
                      frameon=False, fontsize=8.5)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _plot(axes: Axes, line: Line, values: Doubles) -> None:
    """What has no finite error is no point."""
    good = np.isfinite(values)
    dotted = len(line.size) == 1
    axes.plot(np.array(line.size)[good], values[good], label=line.name, color=line.colour,
              marker=line.mark, markersize=5, linewidth=1.6, markerfacecolor="white" if dotted
              else line.colour, linestyle=line.dash, alpha=0.9)
    if dotted and good.all():  # an uncompressed map is a level to reach
        axes.axhline(float(values[0]), color=line.colour, linewidth=0.8, linestyle=(0, (2, 3)))


def _dress(axes: Axes, x: str, y: str) -> None:
    axes.grid(True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, which="both", labelsize=8.5)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def _log(axes: Axes, which: str) -> None:
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    decades(axes.xaxis if which == "x" else axes.yaxis, high / max(low, 1e-12))


def _number(value: float | None) -> float:
    return float("inf") if value is None else float(value)

