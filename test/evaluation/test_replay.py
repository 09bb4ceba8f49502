"""A replay of recorded drives with a localizer that knows the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from known_drive import (
    ODOM_FROM_START,
    KnownDriver,
    Poses,
    drive,
    image,
    kidnapped,
    opened,
    straight,
    truth_of,
)
from sources.recorded_bags import BASE_FROM_CAMERA, START

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.drive import Drive
from nmap_reloc.evaluation.episodes import episodes, first_fix, kidnaps
from nmap_reloc.evaluation.replay import replay, thin
from nmap_reloc.evaluation.results import tum_text
from nmap_reloc.evaluation.score import score
from nmap_reloc.mapping.sources.trajectory import read_tum
from nmap_reloc.tracking import TrackerOptions

CONFIRM = TrackerOptions().confirm_fixes
S = START * 1e-9


def run(folder: Path, localizer: KnownDriver | None = None, poses: Poses = straight,
        count: int = 30, **options: Any) -> Drive:
    bag = drive(folder / "bag", poses, count)
    recording = opened(bag)
    return replay(localizer or KnownDriver(poses), recording, truth_of(recording), **options)


def test_a_good_drive_is_tracked_and_scored(tmp_path: Path) -> None:
    localizer = KnownDriver(straight)
    found = run(tmp_path, localizer)
    states = [instant.state for instant in found.instants]
    assert states == ["lost"] * (CONFIRM - 1) + ["tracking"] * (30 - CONFIRM + 1)
    assert first_fix(found) == pytest.approx((CONFIRM - 1) * 0.1)
    np.testing.assert_allclose(found.errors(), 0, atol=1e-3)
    (episode,) = episodes(found)
    assert (episode.state, episode.frames, episode.first) == ("lost", CONFIRM - 1, True)
    assert "fixes agree" in episode.reason
    # While tracking, the localizer is told where to look: where odometry leads from the last fix.
    for index in range(CONFIRM, 30):
        prior = localizer.priors[index]
        assert prior is not None
        expected = straight(index * 0.1) @ BASE_FROM_CAMERA
        np.testing.assert_allclose(prior.map_from_camera.translation, expected.translation,
                                   atol=1e-3)
    assert [localizer.priors[i] for i in range(CONFIRM)] == [None] * CONFIRM


def test_known_errors_give_known_numbers(tmp_path: Path) -> None:
    offsets = dict.fromkeys(range(0, 30, 2), (0.03, 0.04, 0.0))
    found = score(run(tmp_path, KnownDriver(straight, offsets, sigma=1e-4)))
    whole = found["drive"]
    published = 30 - CONFIRM + 1
    assert (found["queries"], found["localized"]) == (30, published)
    assert (whole["images"], whole["published"]) == (30, published)
    off = sum(i % 2 == 0 for i in range(CONFIRM - 1, 30))
    ate = whole["ate"]
    assert ate["unaligned"]["rmse"] == pytest.approx(0.05 * np.sqrt(off / published), rel=1e-3)
    assert ate["unaligned"]["max"] == pytest.approx(0.05, rel=1e-2)
    assert ate["aligned"]["rmse"] < ate["unaligned"]["rmse"]
    assert "unaligned is what counts" in ate["note"]
    assert whole["rpe"]["time"]["translation"]["median"] == pytest.approx(0, abs=1e-3)  # 10 on
    assert whole["rpe"]["way"]["delta"] == 1.0
    assert found["recall"]["0.05m_5deg"] < 1.0
    assert whole["accepted"]["recall"]["0.25m_2deg"] == 1.0
    assert whole["wrong_accepted"]["count"] == 0
    # Fixes so sharp outweigh odometry; those that are off claim to be exact.
    assert whole["covariance"]["position_95"] == pytest.approx(1 - off / published)
    assert whole["tiles"] == {"loaded_least": 2, "loaded_most": 2, "swaps": None,
                              "voxels_median": 5.0, "voxels_median_tracking": 5.0}
    assert found["latency_ms"]["decode"] == {"p50": 8.0, "p95": 8.0}


def test_blind_images_are_carried_by_odometry_and_explained(tmp_path: Path) -> None:
    found = run(tmp_path, KnownDriver(straight, blind=frozenset({10, 11})))
    first, second = (e for e in episodes(found))
    assert (second.state, second.frames) == ("suspect", 2)
    assert second.start == pytest.approx(S + 1.0) and second.duration == pytest.approx(0.2)
    assert second.reason == "3 inliers: 12 are needed"
    eleven = found.instants[11]
    assert eleven.pose is None and eleven.sigma is not None
    assert eleven.sigma > found.instants[9].sigma  # type: ignore[operator]
    error = eleven.carried_error
    assert error is not None and error[0] < 0.01
    assert score(found)["drive"]["carried"]["translation"]["count"] == 2


def test_a_kidnapped_robot_is_found_again_and_nothing_wrong_is_published(tmp_path: Path) -> None:
    found = run(tmp_path, poses=kidnapped(1.5))
    (one,) = kidnaps(found)
    assert one.distance == pytest.approx(6.0, abs=0.1)
    assert (one.noticed, one.found, one.wrong) == (1, CONFIRM, 0)
    assert one.found_seconds == pytest.approx((CONFIRM - 1) * 0.1)
    assert found.instants[15 + CONFIRM - 1].jumped
    assert score(found)["drive"]["wrong_accepted"]["count"] == 0
    # RPE is not asked to follow the carrying.
    rpe = score(found)["drive"]["rpe"]["time"]["translation"]
    assert rpe["max"] < 0.01


def test_wrong_poses_are_counted_and_named(tmp_path: Path) -> None:
    # The map itself is off: fixes agree with each other, not with truth.
    found = run(tmp_path, KnownDriver(straight, dict.fromkeys(range(30), (0.0, 0.6, 0.0))))
    wrong = score(found)["drive"]["wrong_accepted"]
    assert wrong["count"] == 30 - CONFIRM + 1 and wrong["limit"] == 0.5
    assert wrong["names"][0] == found.instants[CONFIRM - 1].name
    assert score(found)["drive"]["ate"]["aligned"]["rmse"] < 1e-3
    off = dict.fromkeys(range(30), (0.0, 0.16, 0.0))
    small = run(tmp_path / "unit", KnownDriver(straight, off, unit="arbitrary"))
    assert small.wrong_limit() == pytest.approx(0.05 * small.evaluation.span)
    assert score(small)["drive"]["wrong_accepted"]["count"] == 30 - CONFIRM + 1


def test_two_runs_are_the_same_apart_from_times(tmp_path: Path) -> None:
    bag = drive(tmp_path / "bag", kidnapped(1.5), 30)
    texts = []
    for _ in range(2):
        recording = opened(bag)
        found = replay(KnownDriver(kidnapped(1.5), blind=frozenset({5})), recording,
                       truth_of(recording))
        texts.append(json.dumps(without_times(score(found)), allow_nan=False) + tum_text(found))
    assert texts[0] == texts[1]


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    assert found.pop("latency_ms")
    for row in found["per_query"]:
        assert row.pop("milliseconds")
    return found


def test_the_trajectory_is_what_was_published(tmp_path: Path) -> None:
    found = run(tmp_path, KnownDriver(straight, blind=frozenset({10})))
    file = tmp_path / "trajectory.tum"
    file.write_text(tum_text(found))
    written = read_tum(file)
    assert len(written) == len(found.published) == 30 - CONFIRM
    for stamp, position in zip(written.stamps, written.positions, strict=True):
        np.testing.assert_allclose(position, straight(stamp - S).translation, atol=1e-5)
    line = tum_text(found).splitlines()[0]
    assert line.split()[0] == f"{START // 10**9}.{(CONFIRM - 1) * 10**8:09d}"


def test_images_that_cannot_be_read_are_skipped_and_named(tmp_path: Path) -> None:
    broken = image(30)
    broken[3].encoding = "16UC7"
    bag = drive(tmp_path / "bag", count=30, extra=[broken])
    recording = opened(bag)
    found = replay(KnownDriver(straight), recording, truth_of(recording))
    assert len(found.instants) == 30
    assert "encoding '16UC7'" in found.evaluation.skipped[str(START + 30 * 100_000_000)]


def test_images_before_the_truth_are_localized_but_not_scored(tmp_path: Path) -> None:
    from known_drive import true_odometry

    late = [m for m in true_odometry(straight, 3.0) if m[1] > START + 1_000_000_000]
    recording = opened(drive(tmp_path / "bag", count=30, truth=late))
    found = replay(KnownDriver(straight), recording, truth_of(recording))
    assert len(found.instants) == 30
    assert len(found.evaluation.queries) == 30 - len(found.evaluation.skipped) < 21
    assert {*found.evaluation.skipped.values()} == {"the truth is not known at its stamp"}
    rows = score(found)["per_query"]
    assert len(rows) == 30 and rows[0]["published_error"] is None


def test_nothing_that_can_be_read_is_one_line(tmp_path: Path) -> None:
    bag = drive(tmp_path / "bag", count=0, extra=[_bad(i) for i in range(3)])
    recording = opened(bag)
    with pytest.raises(NmapError, match=r"none of 3 images could be evaluated, the first .*16UC7"):
        replay(KnownDriver(straight), recording, truth_of(recording))


def _bad(index: int) -> Any:
    made = image(index)
    made[3].encoding = "16UC7"
    return made


def test_the_rate_limit_leaves_out_what_a_slower_robot_misses(tmp_path: Path) -> None:
    frames = opened(drive(tmp_path / "bag", count=30)).frames
    assert len(thin(frames, None)) == 30 == len(thin(frames, 10.0))
    assert [f.stamp for f in thin(frames, 5.0)] == [f.stamp for f in frames[::2]]
    assert len(thin(frames, 3.0)) == 8
    with pytest.raises(NmapError, match="rate_limit 0: must be above 0"):
        thin(frames, 0.0)
    found = replay(KnownDriver(straight), opened(tmp_path / "bag"),
                   truth_of(opened(tmp_path / "bag")), rate_limit=5.0)
    assert len(found.instants) == 15 and "15 of 30 images left out" in found.notes[-1]


def test_without_odometry_the_tracker_is_told_so(tmp_path: Path) -> None:
    bag = drive(tmp_path / "bag", count=10, tf=[])
    recording = opened(bag)
    found = replay(KnownDriver(straight), recording, truth_of(recording))
    assert [instant.odometry for instant in found.instants] == [False] * 10
    assert len(found.published) == 10 - CONFIRM + 1
    assert ODOM_FROM_START.translation.any()  # with odometry its frame is not the map's


def test_only_pictured_queries_keep_their_correspondences(tmp_path: Path) -> None:
    found = run(tmp_path, KnownDriver(straight, {20: (0.0, 0.01, 0.0)}))
    holding = [q.name for q in found.evaluation.queries
               if q.estimate.correspondences is not None]
    assert len(holding) == 6 and found.instants[20].name in holding
    assert all(row["correspondences"] == 50 for row in score(found)["per_query"])
