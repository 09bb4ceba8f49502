"""Numbers that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from transforms3d.axangles import axangle2mat

from nmap_reloc import text
from nmap_reloc.evaluation import metrics
from nmap_reloc.geometry import Rigid, span_of

INFINITE = float("inf")


def test_errors_are_distance_of_centres_and_angle_of_rotations() -> None:
    true = Rigid(axangle2mat([1, 2, 3], 0.7), np.array([1.0, 2.0, 3.0]))
    turned = axangle2mat([0, 1, 0], np.radians(2.5)) @ true.rotation
    distance, degrees = metrics.pose_errors(Rigid(turned, np.array([1.0, 2.3, 3.4])), true)
    assert distance == pytest.approx(0.5)
    assert degrees == pytest.approx(2.5)


def test_recall_needs_both_errors_within_and_counts_refused_as_lost() -> None:
    distances = [0.05, 0.04, 0.2, 4.0, INFINITE]
    degrees = [5.0, 5.1, 1.0, 9.0, INFINITE]
    assert metrics.recall(distances, degrees, "metre", span=10.0) == {
        "0.05m_5deg": 0.2, "0.25m_2deg": 0.2, "0.5m_5deg": 0.4, "5m_10deg": 0.8,
        "0.01span_2deg": 0.0}


def test_metre_thresholds_are_none_where_the_unit_is_arbitrary() -> None:
    found = metrics.recall([0.099, 0.11], [1.0, 1.0], "arbitrary", span=10.0)
    assert found["0.01span_2deg"] == 0.5
    assert [found[key] for key in ("0.05m_5deg", "0.25m_2deg", "0.5m_5deg", "5m_10deg")] == \
        [None] * 4


def test_recall_of_no_query_is_unknown() -> None:
    assert set(metrics.recall([], [], "metre", 1.0).values()) == {None}


def test_median_counts_refused_as_infinite() -> None:
    assert metrics.median([1.0, INFINITE, 3.0]) == 3.0
    assert metrics.median([1.0, INFINITE, INFINITE]) == INFINITE
    assert metrics.median([INFINITE] * 2) == INFINITE
    assert metrics.median([]) == INFINITE


def test_span_is_the_diagonal_of_the_box() -> None:
    assert span_of([[0, 0, 0], [3, 0, 0], [1, 4, 12]]) == 13.0
    assert span_of(np.zeros((0, 3))) == 0.0


def test_coverage_of_a_true_covariance_is_95_percent() -> None:
    random = np.random.default_rng(3)
    root = random.normal(size=(3, 3))
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = root @ root.T
    true = Rigid.identity()
    squared = [metrics.mahalanobis_squared(Rigid(np.eye(3), root @ random.normal(size=3)), true,
                                           covariance) for _ in range(4000)]
    assert metrics.coverage_95(squared) == pytest.approx(0.95, abs=0.01)
    assert metrics.coverage_95([]) is None


@pytest.mark.parametrize("variance", [0.0, -1.0, float("nan")])
def test_an_impossible_covariance_holds_no_error(variance: float) -> None:
    covariance = np.eye(6) * variance
    off = Rigid(np.eye(3), np.array([0.1, 0.0, 0.0]))
    assert metrics.mahalanobis_squared(off, Rigid.identity(), covariance) == INFINITE


def test_latency_is_per_stage_of_the_queries_that_reached_it() -> None:
    rows = [{"features": 10.0}, {"features": 20.0, "decode": 5.0}, {"features": 30.0}]
    found = metrics.latency(rows)
    assert found["features"] == {"p50": 20.0, "p95": pytest.approx(29.0)}
    assert found["decode"] == {"p50": 5.0, "p95": 5.0}
    assert list(found) == ["features", "decode"]


def test_numbers_for_people() -> None:
    assert text.length(0.0024, "metre", 5.0) == "0.24 cm"
    assert text.length(12.34, "metre", 5.0) == "12.3 m"
    assert text.length(0.005, "arbitrary", 5.0) == "0.1 % of span"
    assert text.length(INFINITE, "metre", 5.0) == "–"
    assert (text.size(912), text.size(39_812), text.size(81_226_096)) == \
        ("912 B", "39.8 KB", "81.2 MB")
    assert (text.percent(1.0), text.percent(0.9706), text.percent(None)) == \
        ("100 %", "97.1 %", "–")
    assert (text.degrees(0.1134), text.degrees(170.2)) == ("0.11°", "170°")
    assert [threshold.label for threshold in metrics.THRESHOLDS] == [
        "5 cm, 5°", "0.25 m, 2°", "0.5 m, 5°", "5 m, 10°", "1 % of span, 2°"]
