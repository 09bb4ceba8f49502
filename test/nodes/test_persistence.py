"""The last pose: written whole and seldom, believed only where it must still hold."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, angle_degrees, pose_error, rotation_from_vector
from nmap_reloc.nodes.persistence import PoseFile, RestoreOptions, restore
from nmap_reloc.nodes.pose_file import SavedPose, encode_pose, read_pose

FRAMES = ("map", "odom", "base_link")
NOW = 1_700_000_000.0


def turned(degrees: float, *translation: float) -> Rigid:
    return Rigid(rotation_from_vector([0, 0, np.radians(degrees)]), np.array(translation))


POSE = SavedPose("depot", 4, FRAMES, NOW - 60, turned(30, 5.0, 6.0, 0.1),
                 np.diag([4e-4, 4e-4, 1e-4, 1e-5, 1e-5, 2e-5]), turned(-80, 2.0, -1.0, 0.0))


def assert_same(a: SavedPose, b: SavedPose) -> None:
    assert (a.site, a.map_version, a.frames, a.stamp) == (b.site, b.map_version, b.frames, b.stamp)
    np.testing.assert_allclose(pose_error(a.map_from_base, b.map_from_base), 0, atol=1e-12)
    np.testing.assert_allclose(a.covariance, b.covariance, rtol=1e-12)
    assert (a.odom_from_base is None) == (b.odom_from_base is None)
    if a.odom_from_base is not None and b.odom_from_base is not None:
        np.testing.assert_allclose(pose_error(a.odom_from_base, b.odom_from_base), 0, atol=1e-12)


def saved(folder: Path, pose: SavedPose = POSE) -> Path:
    path = folder / "pose.json"
    path.write_bytes(encode_pose(pose))
    return path


def restored(path: Path, odom: Rigid | None = POSE.odom_from_base, now: float = NOW,
             **options: float) -> tuple[Any, str]:
    answer, why = restore(path, "depot", 4, FRAMES, odom, now, RestoreOptions(**options))
    assert why and "\n" not in why and len(why) < 500
    return answer, why


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for pose in (POSE, replace(POSE, odom_from_base=None), replace(POSE, site="ö 本")):
        assert_same(read_pose(saved(tmp_path, pose)), pose)


def test_restored_where_nothing_has_moved(tmp_path: Path) -> None:
    (pose, covariance), why = restored(saved(tmp_path))
    np.testing.assert_allclose(pose_error(pose, POSE.map_from_base), 0, atol=1e-9)
    assert "saved 60 s ago" in why
    growth = covariance - POSE.covariance
    np.testing.assert_allclose(np.diag(growth)[:3], 0.01 ** 2 * 60, rtol=1e-6)
    np.testing.assert_allclose(np.diag(growth)[3:], np.radians(0.1) ** 2 * 60, rtol=1e-6)
    older = restored(saved(tmp_path), now=NOW + 3000)[0][1]
    assert (np.diag(older) > np.diag(covariance)).all()


def test_moved_on_by_odometry(tmp_path: Path) -> None:
    step = turned(5, 0.3, 0.1, 0.0)
    (pose, covariance), _ = restored(saved(tmp_path), POSE.odom_from_base @ step)
    expected = POSE.map_from_base @ step
    assert np.linalg.norm(pose.translation - expected.translation) < 1e-9
    assert angle_degrees(pose, expected) < 1e-6
    still = restored(saved(tmp_path))[0][1]
    np.testing.assert_allclose(np.diag(covariance - still)[:2], 0.3 ** 2 + 0.1 ** 2, rtol=0.01)


@pytest.mark.parametrize(("changed", "words"), [
    ({"site": "yard"}, "of map yard version 4, this one is depot version 4"),
    ({"map_version": 3}, "of map depot version 3, this one is depot version 4"),
    ({"frames": ("map2", "odom", "base_link")}, "of frames map2, odom, base_link"),
    ({"frames": ("map", "odom2", "base_link")}, "of frames map, odom2"),
    ({"frames": ("map", "odom", "base")}, "of frames map, odom, base"),
    ({"stamp": NOW - 3601}, "3601 s old, at most 3600 s are believed"),
    ({"stamp": NOW + 100}, "100 s in the future"),
    ({"odom_from_base": None}, "no odometry when it was saved"),
])
def test_not_restored(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    answer, why = restored(saved(tmp_path, replace(POSE, **changed)))
    assert answer is None and words in why


def test_not_restored_where_odometry_disagrees(tmp_path: Path) -> None:
    assert POSE.odom_from_base is not None
    for odom, words in ((None, "no odometry yet"),
                        (POSE.odom_from_base @ turned(0, 0.6, 0, 0), "moved by 0.6 and"),
                        (POSE.odom_from_base @ turned(20, 0, 0, 0), "20 deg since"),
                        (Rigid.identity(), "or was restarted"),
                        (turned(float("nan"), 0, 0, 0), "odometry has moved")):
        answer, why = restored(saved(tmp_path), odom)
        assert answer is None and words in why, why
    far = POSE.odom_from_base @ turned(20, 0.6, 0, 0)
    assert restored(saved(tmp_path), far, max_distance=1.0, max_angle=30.0)[0] is not None


def test_a_clock_that_is_a_little_ahead_is_forgiven(tmp_path: Path) -> None:
    (_, covariance), why = restored(saved(tmp_path, replace(POSE, stamp=NOW + 2)))
    assert "saved 0 s ago" in why
    np.testing.assert_allclose(covariance, POSE.covariance, rtol=1e-9)


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(encode_pose(POSE)), **fields}).encode()


def without(name: str) -> bytes:
    fields = json.loads(encode_pose(POSE))
    del fields[name]
    return json.dumps(fields).encode()


UNIT = [1.0, 0, 0, 0]
NEGATIVE = np.diag([1.0, 1, 1, 1, 1, -1]).reshape(36).tolist()
HOSTILE = [
    b"", b"\0" * 100, b"null", b"[]", b"3", b"{}", b"{", b"\xff\xfe", b"[" * 50_000,
    b'{"a":' * 20_000, b"9" * 60_000, b" " * 70_000, os.urandom(4000), encode_pose(POSE)[:-30],
    encode_pose(POSE) + b"{}", *(without(name) for name in json.loads(encode_pose(POSE))),
    changed(format_version=2), changed(format_version="1"), changed(more=1),
    changed(site=5), changed(site=""), changed(site="a\nb"), changed(site="x" * 5000),
    changed(map_version=-1), changed(map_version=1.5), changed(map_version=10 ** 400),
    changed(frames=[]), changed(frames=["a", "b"]), changed(frames=["a", "b", 3]),
    changed(frames="map"), changed(frames={"map": 1, "odom": 2, "base": 3}),
    changed(stamp=None), changed(stamp="now"), changed(stamp=-1), changed(stamp=1e300),
    changed(stamp=float("nan")), changed(stamp=float("inf")), changed(stamp=True),
    changed(map_from_base=None), changed(map_from_base=[]), changed(map_from_base=[0] * 7),
    changed(map_from_base=[*UNIT, float("nan"), 0, 0]), changed(map_from_base=[*UNIT, 0, 0]),
    changed(map_from_base=[*UNIT, 1e200, 0, 0]), changed(map_from_base=[*UNIT, 10 ** 400, 0, 0]),
    changed(map_from_base=[2.0, 0, 0, 0, 1, 1, 1]), changed(map_from_base=[*UNIT, "1", 0, 0]),
    changed(map_from_base=[*UNIT, True, 0, 0]), changed(odom_from_base=[*UNIT, 0, 0, None]),
    changed(odom_from_base=False), changed(odom_from_base=[[1, 0, 0, 0], [0, 0, 0]]),
    changed(covariance=[0.0] * 35), changed(covariance=NEGATIVE),
    changed(covariance=[float("nan")] * 36), changed(covariance=[[0.0] * 6] * 6),
    changed(covariance=list(range(36))), changed(covariance=[1e299] * 36),
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_content_is_refused_with_a_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pose.json"
    path.write_bytes(content)
    answer, why = restored(path)
    assert answer is None and str(path) in why


def test_paths_that_hold_no_pose(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, words in ((tmp_path / "none", "no pose was saved yet"),
                        (tmp_path, "not a regular file"), (tmp_path / "pipe", "not a regular"),
                        (tmp_path / "loop", "can't be read"), (Path("a\0b"), "can't be read"),
                        (tmp_path / ("n" * 300), "can't be read"), (Path("/dev/zero"), "regular")):
        answer, why = restored(path)
        assert answer is None and words in why, why


def test_damaged_anywhere(tmp_path: Path) -> None:
    whole, path = encode_pose(POSE), tmp_path / "pose.json"
    random = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(whole)
        data[random.integers(len(data))] = random.integers(256)
        path.write_bytes(data)
        answer, _ = restored(path)
        if answer is not None:  # a digit of a number: still a pose in every detail
            assert np.isfinite(answer[0].translation).all()
            assert np.linalg.eigvalsh(answer[1])[0] > 0


PATIENCE = 20.0


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.001)


def number(index: int) -> SavedPose:
    return replace(POSE, stamp=NOW + index)


def test_the_newest_is_written_at_a_bounded_rate_and_at_the_end(tmp_path: Path) -> None:
    path, errors = tmp_path / "deep" / "pose.json", []
    writer = PoseFile(path, 3600.0, errors.append)
    writer.offer(number(0))
    wait_for(path.exists)
    for index in range(1, 1000):
        writer.offer(number(index))
    assert read_pose(path).stamp == NOW  # not again within the period
    writer.close()
    assert read_pose(path).stamp == NOW + 999
    writer.offer(number(1000))
    writer.forget()
    writer.close()
    assert read_pose(path).stamp == NOW + 999
    assert not errors and [file.name for file in path.parent.iterdir()] == ["pose.json"]


def test_every_period_again(tmp_path: Path) -> None:
    path = tmp_path / "pose.json"
    writer = PoseFile(path, 0.01, lambda error: None)
    for index in range(3):
        wait_for(lambda index=index: writer.offer(number(index)) or (
            path.exists() and read_pose(path).stamp == NOW + index))
    writer.close()


def test_what_was_offered_last_is_what_close_leaves(tmp_path: Path) -> None:
    for turn in range(30):
        path = tmp_path / f"{turn}.json"
        writer = PoseFile(path, 0.0, lambda error: None)
        for index in range(turn):
            writer.offer(number(index))
        writer.close()
        assert path.exists() == (turn > 0)
        if turn:
            assert read_pose(path).stamp == NOW + turn - 1


def test_forget_leaves_no_file_whatever_was_on_its_way(tmp_path: Path) -> None:
    path = tmp_path / "pose.json"
    writer = PoseFile(path, 0.0, lambda error: None)
    for index in range(50):
        writer.offer(number(index))
        writer.forget()
        assert not path.exists()
    time.sleep(0.02)
    assert not path.exists()
    writer.offer(number(7))
    writer.close()
    assert read_pose(path).stamp == NOW + 7


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    path = saved(tmp_path)
    writer = PoseFile(path, 0.0, lambda error: None)
    done = threading.Event()

    def write() -> None:
        for index in range(300):
            writer.offer(number(index))
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not done.is_set():
        assert read_pose(path).site == "depot"
    thread.join()
    writer.close()


def test_a_disk_that_can_not_be_written_is_reported_and_survived(tmp_path: Path) -> None:
    errors: list[BaseException] = []
    (tmp_path / "file").write_text("")
    writer = PoseFile(tmp_path / "file" / "pose.json", 0.0, errors.append)
    writer.offer(number(0))
    wait_for(lambda: bool(errors))
    assert isinstance(errors[0], NmapError) and "can't write" in str(errors[0])
    (tmp_path / "file").unlink()
    writer.offer(number(1))
    writer.close()
    assert read_pose(tmp_path / "file" / "pose.json").stamp == NOW + 1


def test_close_says_when_the_last_one_could_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    writer = PoseFile(tmp_path / "file" / "pose.json", 3600.0, lambda error: None)
    writer.offer(number(0))
    before = threading.active_count()
    with pytest.raises(NmapError, match="can't write"):
        writer.close()
    assert threading.active_count() < before  # the thread has ended all the same
