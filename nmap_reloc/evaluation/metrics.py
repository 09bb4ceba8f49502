"""How far estimates are from the truth. Pure numpy; refused queries are infinitely far.

Definitions follow visuallocalization.net: recall at (distance, angle) counts a query only when
both its errors are within the threshold, out of ALL queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid, angle_degrees, pose_error
from nmap_reloc.types import Doubles

CHI2_95_3DOF = 7.814727903251179  # scipy.stats.chi2.ppf(0.95, 3)


@dataclass(frozen=True)
class Threshold:
    """distance: metres, or a fraction of the span where ``of_span``; degrees: of rotation."""

    key: str
    distance: float
    degrees: float
    of_span: bool = False

    @property
    def label(self) -> str:
        """For people: ``5 cm, 5°`` or ``1 % of span, 2°``."""
        if self.of_span:
            return f"{self.distance * 100:g} % of span, {self.degrees:g}°"
        distance = self.distance
        where = f"{distance * 100:g} cm" if distance < 0.1 else f"{distance:g} m"
        return f"{where}, {self.degrees:g}°"


THRESHOLDS = (
    Threshold("0.05m_5deg", 0.05, 5.0),
    Threshold("0.25m_2deg", 0.25, 2.0),
    Threshold("0.5m_5deg", 0.5, 5.0),
    Threshold("5m_10deg", 5.0, 10.0),
    Threshold("0.01span_2deg", 0.01, 2.0, of_span=True),
)


def pose_errors(estimated: Rigid, true: Rigid) -> tuple[float, float]:
    """Distance of the two camera centres in map units, angle between the rotations in degrees."""
    distance = float(np.linalg.norm(estimated.translation - true.translation))
    return distance, angle_degrees(estimated, true)


def recall(distances: npt.ArrayLike, degrees: npt.ArrayLike, unit: str,
           span: float) -> dict[str, float | None]:
    """distances, degrees [N], infinite where refused -> fraction within each threshold.

    None for thresholds in metres where the unit is arbitrary, and when there is no query.
    """
    distances, degrees = np.asarray(distances, np.float64), np.asarray(degrees, np.float64)
    result: dict[str, float | None] = {}
    for threshold in THRESHOLDS:
        if not len(distances) or (unit != "metre" and not threshold.of_span):
            result[threshold.key] = None
            continue
        limit = threshold.distance * (span if threshold.of_span else 1.0)
        within = (distances <= limit) & (degrees <= threshold.degrees)
        result[threshold.key] = float(within.mean())
    return result


def median(errors: npt.ArrayLike) -> float:
    """Of all queries; infinite where more than half were refused or there is no query."""
    errors = np.asarray(errors, np.float64)
    return float(np.median(errors)) if len(errors) else float("inf")


def mahalanobis_squared(estimated: Rigid, true: Rigid, covariance: Doubles) -> float:
    """Squared position error in units of its covariance [6 x 6, position first] (see Estimate)."""
    return _squared(true.translation - estimated.translation, covariance[:3, :3])


def mahalanobis_squared_pose(estimated: Rigid, true: Rigid, covariance: Doubles) -> float:
    """The same of the whole pose, 6 degrees of freedom."""
    return _squared(pose_error(true, estimated), covariance)


def _squared(error: Doubles, covariance: Doubles) -> float:
    try:
        distance = float(error @ np.linalg.solve(covariance, error))
    except np.linalg.LinAlgError:  # a singular covariance claims certainty: holds no error
        return 0.0 if not error.any() else float("inf")
    return distance if np.isfinite(distance) and distance >= 0 else float("inf")


def coverage_95(squared: npt.ArrayLike, limit: float = CHI2_95_3DOF) -> float | None:
    """squared [N] Mahalanobis distances -> fraction inside the 95 % ellipsoid (None if N is 0).

    limit: the 95 % quantile of chi-square with as many degrees of freedom as the errors had.
    """
    squared = np.asarray(squared, np.float64)
    return float((squared <= limit).mean()) if len(squared) else None


def latency(rows: Iterable[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Milliseconds per stage of each query -> stage: {p50, p95}, stages in order of appearance.

    A stage that a query never reached does not count for that query.
    """
    stages: dict[str, list[float]] = {}
    for row in rows:
        for stage, milliseconds in row.items():
            stages.setdefault(stage, []).append(milliseconds)
    return {stage: {"p50": float(np.percentile(values, 50)),
                    "p95": float(np.percentile(values, 95))} for stage, values in stages.items()}
