"""The tables that `nmap-reloc evaluate` prints."""

from __future__ import annotations

from rich.table import Table

from nmap_reloc import text
from nmap_reloc.evaluation import metrics
from nmap_reloc.evaluation.drive import Drive
from nmap_reloc.evaluation.drive_page import figures, length
from nmap_reloc.evaluation.episodes import kidnaps
from nmap_reloc.evaluation.evaluate import Evaluation
from nmap_reloc.evaluation.trajectory_metrics import ate


def summary(evaluation: Evaluation, title: str) -> Table:
    """What was measured, one row each."""
    translation, rotation = evaluation.errors()
    recall = evaluation.recall()
    table = Table(title=title, title_justify="left", show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("localized", f"{evaluation.localized} of {len(evaluation.queries)}")
    table.add_row("median position error", text.length(
        metrics.median(translation), evaluation.unit, evaluation.span))
    table.add_row("median rotation error", text.degrees(metrics.median(rotation)))
    for threshold in metrics.THRESHOLDS:
        if recall[threshold.key] is not None:
            table.add_row(f"within {threshold.label}", text.percent(recall[threshold.key]))
    table.add_row("map", text.size(evaluation.map_bytes))
    for stage, times in evaluation.latency_ms().items():
        table.add_row(f"time, {stage}", f"{text.milliseconds(times['p50'])} "
                                        f"(p95 {text.milliseconds(times['p95'])})")
    table.add_row("true positions in 95 % ellipsoid", text.percent(
        metrics.coverage_95(evaluation.squared_mahalanobis())))
    if evaluation.skipped:
        table.add_row("skipped images", str(len(evaluation.skipped)), style="yellow")
    return table


def drive_summary(drive: Drive, title: str) -> Table:
    """What was measured of a drive, one row each, above what is measured of its images."""
    table = Table(title=title, title_justify="left", show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for figure, what in figures(drive):
        table.add_row(what, figure)
    found = ate(drive.pairs())
    if found is not None:
        table.add_row("ATE rmse, unaligned (aligned)",
                      f"{length(drive, found.unaligned.rmse)} "
                      f"({length(drive, found.aligned.rmse)})")
    for kidnap in kidnaps(drive):
        after = "never" if kidnap.found is None else f"image {kidnap.found}"
        noticed = "never" if kidnap.noticed is None else f"image {kidnap.noticed}"
        table.add_row(f"kidnapped by {length(drive, kidnap.distance)}",
                      f"noticed at {noticed}, found at {after}, {kidnap.wrong} wrong poses")
    recall = drive.evaluation.recall()
    for threshold in metrics.THRESHOLDS:
        if recall[threshold.key] is not None:
            table.add_row(f"of all images within {threshold.label}",
                          text.percent(recall[threshold.key]))
    for stage, times in drive.evaluation.latency_ms().items():
        table.add_row(f"time, {stage}", f"{text.milliseconds(times['p50'])} "
                                        f"(p95 {text.milliseconds(times['p95'])})")
    return table
