"""What a bench found, one row per map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmap_reloc.evaluation import metrics
from nmap_reloc.evaluation.evaluate import Evaluation
from nmap_reloc.evaluation.foreign import Foreign
from nmap_reloc.evaluation.options import UNCOMPRESSED, Kind
from nmap_reloc.evaluation.speed import Speed


@dataclass(frozen=True)
class Row:
    """One map of one scene. budget: its label, "" where there is none; decoder: file name of
    weights other than the shipped ones, ""; build_seconds: landmarks to finished site.

    evaluation is None where the map could not be made or measured, and problem says why.
    """

    scene: str
    kind: Kind
    budget: str
    budget_bytes: int | None
    decoder: str
    reference_bytes: int
    build_seconds: float = 0.0
    evaluation: Evaluation | None = None
    speed: Speed | None = None
    foreign: Foreign | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """Of files, unique in its scene."""
        parts = (self.kind.representation, self.kind.features, self.budget, self.decoder)
        return "-".join(part.replace(" ", "").replace("%", "pc") for part in parts if part)

    @property
    def coverage(self) -> tuple[int, int]:
        """True positions inside the 95 % ellipsoid, out of how many."""
        squared = [] if self.evaluation is None else self.evaluation.squared_mahalanobis()
        return sum(value <= metrics.CHI2_95_3DOF for value in squared), len(squared)


def rows_json(rows: Sequence[Row], machine: dict[str, Any]) -> dict[str, Any]:
    """bench.json."""
    return {"machine": machine, "rows": [row_json(row, rows) for row in rows],
            "covariance_95_coverage": pooled_coverage(rows)}


def headline(unit: str) -> metrics.Threshold:
    """The threshold a scene is judged by: (5 cm, 5°), or (1 % of span, 2°) without metres."""
    return metrics.THRESHOLDS[0 if unit == "metre" else -1]


def against_uncompressed(row: Row, rows: Sequence[Row]) -> dict[str, float | None] | None:
    """Error ratios and recall loss (points) to uncompressed landmarks with the same features."""
    base = next((other.evaluation for other in rows if other.scene == row.scene
                 and other.kind == Kind(UNCOMPRESSED, row.kind.features)), None)
    if base is None or row.evaluation is None:
        return None
    mine, theirs = row.evaluation.errors(), base.errors()
    key = headline(base.unit).key
    recall, base_recall = row.evaluation.recall()[key], base.recall()[key]
    return {
        "median_translation_ratio": _ratio(metrics.median(mine[0]), metrics.median(theirs[0])),
        "median_rotation_ratio": _ratio(metrics.median(mine[1]), metrics.median(theirs[1])),
        "recall_loss_points": None if recall is None or base_recall is None
        else round((base_recall - recall) * 100, 6),
    }


def pooled_coverage(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Over all scenes, for each kind of map and budget."""
    pools: dict[tuple[str, str, str, str], list[int]] = {}
    for row in rows:
        key = (row.kind.representation, row.kind.features, row.budget, row.decoder)
        inside, count = row.coverage
        pool = pools.setdefault(key, [0, 0])
        pool[0] += inside
        pool[1] += count
    return [{"representation": key[0], "features": key[1], "budget": key[2], "decoder": key[3],
             "inside": inside, "of": count, "coverage": inside / count if count else None}
            for key, (inside, count) in pools.items()]


def row_json(row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    """One of bench.json's rows; rows: all of them, for the comparison with uncompressed."""
    result: dict[str, Any] = {
        "scene": row.scene, "representation": row.kind.representation,
        "selection": row.kind.selection.label if row.kind.selection else None,
        "features": row.kind.features, "budget": row.budget, "budget_bytes": row.budget_bytes,
        "decoder": row.decoder, "reference_bytes": row.reference_bytes,
        "build_seconds": row.build_seconds, "problem": row.problem or None}
    if row.evaluation is not None:
        measured = row.evaluation.to_json()
        del measured["per_query"]  # in the row's own evaluation.json
        result |= measured
        result["against_uncompressed"] = against_uncompressed(row, rows)
    result["foreign"] = None if row.foreign is None else row.foreign.to_json()
    result["speed"] = None if row.speed is None else row.speed.to_json()
    return result


def _ratio(value: float, base: float) -> float | None:
    finite = value < float("inf") and 0 < base < float("inf")
    return value / base if finite else None
