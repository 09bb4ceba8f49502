"""One self-contained HTML page about an evaluation, to send around."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from nmap_reloc import text
from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation import metrics, pictures, plots
from nmap_reloc.evaluation.evaluate import Evaluation, Query
from nmap_reloc.evaluation.page import bar, cards, page, section, table

_WORST = 6  # pictures
_ROWS = 1000  # of the table; evaluation.json has all


def report(evaluation: Evaluation, scene: str, site: str, drive: str = "",
           pictured: Sequence[Query] | None = None) -> str:
    """The page as text. scene, site: names for the title; drive: HTML about a whole drive;
    pictured: queries to show (None: the worst). Reads these queries' images."""
    body = "\n".join([
        cards(_figures(evaluation)),
        drive,
        '<div class="grid">',
        section("Where", plots.plan_view(evaluation),
                "Seen from above. Circles: true positions, with the direction of view; "
                "dots: estimates, coloured by error."),
        section("Recall", _recall(evaluation), "Of all queries; a refused query counts as lost."),
        section("Bytes of the map", _bytes(evaluation),
                "Everything that localization needs, the retrieval index included."),
        section("Errors", plots.error_cdf(evaluation), _median_note(evaluation)),
        _latency(evaluation),
        "</div>",
        section("Worst queries", _pictures(evaluation, pictured),
                "Green rings: inliers. Faint red dots: rejected correspondences."),
        _refusals(evaluation),
        section("All queries", _all(evaluation)),
    ])
    return page(f"{scene} localized in {site}", _subtitle(evaluation), body)


def _subtitle(evaluation: Evaluation) -> str:
    unit = "metres" if evaluation.unit == "metre" else "an arbitrary unit"
    return (f"{len(evaluation.queries)} queries against {text.size(evaluation.map_bytes)} of map; "
            f"poses in {unit}, span of all cameras {evaluation.span:.4g}")


def _figures(evaluation: Evaluation) -> list[tuple[str, str]]:
    translation, rotation = evaluation.errors()
    recall = evaluation.recall()
    first = metrics.THRESHOLDS[0 if evaluation.unit == "metre" else -1]
    total = evaluation.latency_ms().get("total")
    coverage = metrics.coverage_95(evaluation.squared_mahalanobis())
    median = text.length(metrics.median(translation), evaluation.unit, evaluation.span)
    return [
        (f"{evaluation.localized} / {len(evaluation.queries)}", "queries localized"),
        (median.replace(" of span", ""), "median position error"
         + (" (of span)" if "span" in median else "")),
        (text.degrees(metrics.median(rotation)), "median rotation error"),
        (text.percent(recall[first.key]), f"within {first.label}"),
        (text.size(evaluation.map_bytes), "whole map"),
        *([] if total is None else [(text.milliseconds(total["p50"]),
                                     f"per query (p95 {text.milliseconds(total['p95'])})")]),
        (text.percent(coverage), "true positions in the 95 % ellipsoid"),
    ]


def _recall(evaluation: Evaluation) -> str:
    recall = evaluation.recall()
    rows = [bar(threshold.label, text.percent(value), value)
            for threshold in metrics.THRESHOLDS if (value := recall[threshold.key]) is not None]
    return "".join(rows)


def _median_note(evaluation: Evaluation) -> str:
    translation, rotation = evaluation.errors()
    median = text.length(metrics.median(translation), evaluation.unit, evaluation.span)
    return (f"Fraction of queries within an error. Median {median}, "
            f"{text.degrees(metrics.median(rotation))}. Dotted: the thresholds above.")


def _latency(evaluation: Evaluation) -> str:
    stages = evaluation.latency_ms()
    if not stages:  # a trajectory that was written down without them
        return ""
    longest = max(stage["p95"] for stage in stages.values()) or 1.0
    rows = [bar(name, text.milliseconds(stage["p50"]), stage["p50"] / longest,
                stage["p95"] / longest) for name, stage in stages.items()]
    return section("Time per query", "".join(rows), "Median, and the 95th percentile behind it.")


def _bytes(evaluation: Evaluation) -> str:
    parts = evaluation.bytes_by_part or {"map": evaluation.map_bytes}
    whole = max(sum(parts.values()), 1)
    ordered = sorted(parts.items(), key=lambda item: -item[1])
    return "".join(bar(name, text.size(count), count / whole) for name, count in ordered)


def _pictures(evaluation: Evaluation, pictured: Sequence[Query] | None) -> str:
    def badness(query: Query) -> tuple[bool, float]:
        return not query.estimate.accepted, query.translation_error

    if pictured is None:
        pictured = sorted(evaluation.queries, key=badness, reverse=True)[:_WORST]
    figures = []
    for query in pictured:
        try:
            pixels = query.image.read()
        except NmapError as error:  # it could be read a moment ago: say so, keep the page
            figures.append(f"<figure><figcaption>{escape(str(error))}</figcaption></figure>")
            continue
        source = pictures.data_uri(pictures.draw_matches(pixels, query))
        figures.append(f'<figure><img alt="{escape(query.name)}" src="{source}">'
                       f"<figcaption>{_caption(evaluation, query)}</figcaption></figure>")
    return f'<div class="pictures">{"".join(figures)}</div>'


def _caption(evaluation: Evaluation, query: Query) -> str:
    estimate = query.estimate
    matches = (f" · {estimate.inlier_count} of {len(estimate.correspondences)} inliers"
               if estimate.correspondences is not None else "")
    if estimate.refusal is not None:
        what = f'<span class="bad">refused</span> by {escape(estimate.refusal.stage)}'
    else:
        error = text.length(query.translation_error, evaluation.unit, evaluation.span)
        what = f"{error}, {text.degrees(query.rotation_error_deg)}"
    return f"<b>{escape(query.name)}</b><br>{what}{matches}"


def _refusals(evaluation: Evaluation) -> str:
    refused = [(q.name, q.estimate.refusal) for q in evaluation.queries if q.estimate.refusal]
    if not refused and not evaluation.skipped:
        return section("Refusals", '<p class="good">None: every query was localized.</p>')
    stages = Counter(refusal.stage for _, refusal in refused)
    by_stage = ", ".join(f"{count} by {stage}" for stage, count in stages.most_common())
    rows = [(name, refusal.stage, refusal.reason) for name, refusal in refused]
    rows += [(name, "skipped", reason) for name, reason in evaluation.skipped.items()]
    summary = (f"{len(refused)} refused" + (f" ({by_stage})" if by_stage else "")
               + f", {len(evaluation.skipped)} skipped before asking")
    return section("Refusals", table(("query", "stage", "reason"), rows[:_ROWS], (1, 2)),
                   summary)


def _all(evaluation: Evaluation) -> str:
    rows = [(query.name, text.length(query.translation_error, evaluation.unit, evaluation.span),
             text.degrees(query.rotation_error_deg), str(query.estimate.inlier_count),
             _total(query),
             "yes" if query.estimate.accepted else "refused")
            for query in evaluation.queries[:_ROWS]]
    left = len(evaluation.queries) - len(rows)
    more = f" ({left} more in evaluation.json)" if left else ""
    return (f"<details><summary>{len(rows)} rows{more}</summary>" + table(
        ("query", "position error", "rotation error", "inliers", "time", "accepted"), rows)
        + "</details>")


def _total(query: Query) -> str:
    total = query.estimate.milliseconds.get("total")
    return "–" if total is None else text.milliseconds(total)
