"""The bench as a Markdown table, and its place in a README."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmap_reloc import text
from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation import metrics
from nmap_reloc.evaluation.files import write_text
from nmap_reloc.evaluation.options import UNCOMPRESSED
from nmap_reloc.evaluation.rows import Row, pooled_coverage

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_SHOWN = tuple(t for t in metrics.THRESHOLDS
               if t.key in ("0.05m_5deg", "0.25m_2deg", "0.01span_2deg"))
HEADER = ("scene", "map", "bytes", "smaller", "localized", "median error",
           *(threshold.label for threshold in _SHOWN), "query", "decode", "query / SIFT",
           "decode / SIFT")


def markdown(rows: Sequence[Row], machine: dict[str, Any]) -> str:
    """The table, what machine it is from and what its columns mean."""
    lines = ["| " + " | ".join(HEADER) + " |",
             "|" + "|".join(["---", "---"] + ["---:"] * (len(HEADER) - 2)) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells(row)) + " |"
              for row in rows]
    cores = machine["cores"]
    lines += ["", f"Measured by `nmap-reloc bench` on {machine['cpu']}, {cores} "
              f"core{'' if cores == 1 else 's'}, no GPU. *bytes*: everything localization needs. "
              "*smaller*: than the classical map of the scene (all observations of 2,048 SIFT "
              "features an image, float32). Median error and recall are over all queries, a "
              "refused one counts as lost. *query / SIFT*: time of the whole query over the time "
              "OpenCV's SIFT takes to detect and compute 2,048 features on the same image, "
              "median of pairs taken in turn."]
    lines += [f"\n{row.scene}, {label(row)}: not measured: {row.problem}"
              for row in rows if row.problem]
    return "\n".join(lines + _coverage(rows) + _foreign(rows))


def cells(row: Row) -> tuple[str, ...]:
    """One row of the table, as many as the header has."""
    found = row.evaluation
    if found is None:
        return (row.scene, label(row), *["–"] * (len(HEADER) - 2))
    translation, rotation = found.errors()
    median = text.length(metrics.median(translation), found.unit, found.span)
    recall, times = found.recall(), found.latency_ms()
    ratios = row.speed.ratios if row.speed else {}
    return (
        row.scene, label(row), text.size(found.map_bytes),
        smaller(row.reference_bytes / found.map_bytes),
        f"{found.localized}/{len(found.queries)}",
        f"{median}, {text.degrees(metrics.median(rotation))}",
        *(text.percent(recall[threshold.key]) for threshold in _SHOWN),
        text.milliseconds(times["total"]["p50"]),
        text.milliseconds(times["decode"]["p50"]) if "decode" in times else "–",
        f"{ratios['query']:.2f}" if "query" in ratios else "–",
        f"{ratios['decode']:.2f}" if "decode" in ratios else "–")


def smaller(times: float) -> str:
    """``4.08×``, ``567×``, ``1,010×``: three digits that count."""
    return f"{float(f'{times:.3g}'):,.{0 if times >= 100 else 2}f}×"


def label(row: Row) -> str:
    """``neumap 0.25 %`` or ``uncompressed, SIFT``."""
    features = {"sift": "SIFT", "learned": "learned"}.get(row.kind.features, row.kind.features)
    if row.kind.representation == UNCOMPRESSED:
        return f"uncompressed, {features}"
    extra = "" if row.kind.features == "learned" else f", {features}"
    weights = f", {row.decoder}" if row.decoder else ""
    return f"{row.kind.representation} {row.budget}{extra}{weights}"


def write_into_readme(readme: Path, table: str) -> None:
    """Replaces what stands between the two markers. NmapError: no file, no markers."""
    try:
        page = readme.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NmapError(f"{readme}: can't be read ({error}); name a README") from error
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NmapError(f"{readme}: has no place for the table; put {BEGIN} and {END} on lines of "
                        "their own where it shall stand")
    write_text(readme, f"{before}{BEGIN}\n{table}\n{END}{after}")


def _coverage(rows: Sequence[Row]) -> list[str]:
    pools = [pool for pool in pooled_coverage(rows) if pool["of"]]
    inside, count = sum(pool["inside"] for pool in pools), sum(pool["of"] for pool in pools)
    return [f"\nThe 95 % covariance ellipsoid holds {text.percent(inside / count)} of {count} "
            "true positions over all rows."] if count else []


def _foreign(rows: Sequence[Row]) -> list[str]:
    """How many queries of other scenes each kind of map accepted."""
    kinds: dict[str, list[int]] = {}
    for row in rows:
        if row.foreign is not None:
            count = kinds.setdefault(row.kind.representation, [0, 0])
            count[0] += len(row.foreign.accepted)
            count[1] += row.foreign.asked
    if not kinds:
        return []
    said = ", ".join(f"{kind} {wrong} of {asked}" for kind, (wrong, asked) in kinds.items())
    return [f"\nQueries of the other scenes, all of which must be refused; accepted: {said}."]
