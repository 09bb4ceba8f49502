"""evaluate() against a localizer whose errors are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from known_answers import Answer, KnownLocalizer, circle, images

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.evaluate import Evaluation, evaluate
from nmap_reloc.types import Refusal

LOST = Refusal("solve", "9 inliers: 12 are needed")
KEYS = {"queries", "localized", "median_translation", "median_rotation_deg", "recall",
        "map_bytes", "latency_ms", "covariance_95_coverage", "per_query", "unit", "span",
        "bytes_by_part", "skipped"}


def measure(answers: list[Answer], unit: str = "metre",
            unreadable: tuple[int, ...] = ()) -> Evaluation:
    poses = circle(len(answers))
    return evaluate(KnownLocalizer(poses, answers, unit), images(list(poses), unreadable),
                    bytes_by_part={"neumap": 30_000, "retrieval": 10_000})


def test_known_errors_give_known_numbers() -> None:
    found = measure([Answer((0.03, 0, 0), 1.0, sigma=0.03), Answer((0, 0.2, 0), 1.5, sigma=0.01),
                     Answer((0, 0, 0.4), 4.0, sigma=0.2), Answer(refusal=LOST)]).to_json()
    assert set(found) == KEYS
    assert (found["queries"], found["localized"]) == (4, 3)
    assert found["median_translation"] == pytest.approx(0.3)  # of 0.03, 0.2, 0.4, infinite
    assert found["median_rotation_deg"] == pytest.approx(2.75)
    assert found["recall"] == {"0.05m_5deg": 0.25, "0.25m_2deg": 0.5, "0.5m_5deg": 0.75,
                               "5m_10deg": 0.75, "0.01span_2deg": 0.25}
    assert found["span"] == pytest.approx(4 * np.sqrt(2))
    assert found["covariance_95_coverage"] == pytest.approx(2 / 3)  # 1, 20 and 2 sigma
    assert found["map_bytes"] == sum(found["bytes_by_part"].values()) == 40_000
    assert found["latency_ms"]["features"] == {"p50": 20.0, "p95": 20.0}
    assert set(found["latency_ms"]) == {"features", "decode", "total"}


def test_per_query_answers() -> None:
    found = measure([Answer((0.03, 0.04, 0), inliers=17), Answer(refusal=LOST)]).to_json()
    good, lost = found["per_query"]
    assert good["name"] == "000.png"
    assert good["translation_error"] == pytest.approx(0.05)
    assert good["rotation_error_deg"] == pytest.approx(0.0)
    assert (good["inliers"], good["correspondences"], good["refusal"]) == (17, 37, None)
    assert good["estimated_pose"]["translation"] == pytest.approx([2.03, 0.04, 0.0])
    assert np.linalg.norm(good["estimated_pose"]["quaternion_wxyz"]) == pytest.approx(1.0)
    assert lost["refusal"] == {"stage": "solve", "reason": LOST.reason}
    assert (lost["estimated_pose"], lost["translation_error"], lost["inliers"]) == (None, None, 0)


def test_json_has_no_infinity() -> None:
    found = measure([Answer(refusal=LOST), Answer(refusal=LOST)]).to_json()
    assert found["median_translation"] is None
    assert found["covariance_95_coverage"] is None
    json.dumps(found, allow_nan=False)


def test_unreadable_and_unposed_images_are_skipped_and_named() -> None:
    poses = circle(4)
    given = images([*poses[:3], None], unreadable=(1,))
    localizer = KnownLocalizer(poses, [Answer()] * 4)
    found = evaluate(localizer, given)
    assert found.skipped == {"001.png": "001.png: not an image; replace it",
                             "003.png": "no true pose"}
    assert [query.name for query in found.queries] == ["000.png", "002.png"]
    assert localizer.calls == 3  # the first is asked once more, as a warm-up


def test_span_counts_cameras_that_were_not_asked() -> None:
    poses = circle(4)
    found = evaluate(KnownLocalizer(poses, [Answer()] * 4), images(list(poses))[:1],
                     centres=np.array([[0.0, 0, 0], [30, 40, 0]]))
    assert found.span == 50.0


def test_nothing_to_ask_is_one_line() -> None:
    poses = circle(2)
    localizer = KnownLocalizer(poses, [Answer()] * 2)
    with pytest.raises(NmapError, match=r"all 2 images were skipped, the first \(000.png\)"):
        evaluate(localizer, images(list(poses), unreadable=(0, 1)))
    with pytest.raises(NmapError, match="no image to localize"):
        evaluate(localizer, [])
