"""The table that `nmap-reloc evaluate` prints."""

from __future__ import annotations

from rich.table import Table

from nmap_reloc.evaluation import metrics, text
from nmap_reloc.evaluation.evaluate import Evaluation


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
