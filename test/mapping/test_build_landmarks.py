"""From a source to landmarks, on a small textured room whose geometry is known."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mapping.textured_room import CAMERA, DEPTHS, broken, poses, render, room

from nmap_reloc.errors import NmapError
from nmap_reloc.features.sift import SiftExtractor
from nmap_reloc.geometry import Rigid, angle_degrees
from nmap_reloc.mapping import stage_file
from nmap_reloc.mapping.landmark_store import load_landmarks, save_landmarks
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.triangulate import build_landmarks
from nmap_reloc.types import Features, Image

KEYPOINTS = 300


class CountingExtractor(SiftExtractor):
    """SIFT that knows how often it was asked, and can fail as a kill would."""

    def __init__(self, dies_after: int | None = None) -> None:
        super().__init__(KEYPOINTS)
        self.calls, self.dies_after = 0, dies_after

    def __call__(self, image: Image) -> Features:
        if self.calls == self.dies_after:
            raise KeyboardInterrupt
        self.calls += 1
        return super().__call__(image)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def landmarks(work: Path) -> Landmarks:
    return build_landmarks(room(), SiftExtractor(KEYPOINTS), work)


def test_landmarks_lie_on_the_walls(landmarks: Landmarks) -> None:
    distance = np.abs(landmarks.positions[:, 2:] - np.array(DEPTHS)).min(1)
    assert len(landmarks) > 200
    assert np.median(distance) < 0.02
    assert np.mean(distance < 0.2) > 0.9
    assert landmarks.unit == "metre" and landmarks.features == "sift"


def test_tracks_are_consistent(landmarks: Landmarks) -> None:
    counts = np.zeros(len(landmarks), int)
    for view in landmarks.views:
        seen = view.landmarks[view.landmarks >= 0]
        assert len(np.unique(seen)) == len(seen), "one landmark, one keypoint in a view"
        counts[seen] += 1
    np.testing.assert_array_equal(counts, landmarks.track_lengths)
    assert counts.min() >= 2
    assert landmarks.errors.max() <= 2.0
    np.testing.assert_allclose(np.linalg.norm(landmarks.mean_descriptors(), axis=1), 1, atol=1e-4)


def test_held_out_views_took_no_part(landmarks: Landmarks, tmp_path: Path) -> None:
    assert len(landmarks.held_out) == 1 and len(landmarks.views) == 7
    view = landmarks.held_out[0]
    assert view.name not in {v.name for v in landmarks.views}
    assert (view.landmarks == -1).all() and len(view.descriptors) == len(view.keypoints) > 0
    assert not build_landmarks(room(), SiftExtractor(KEYPOINTS), tmp_path, held_out=0).held_out


def test_an_unchanged_rerun_does_nothing(work: Path, landmarks: Landmarks) -> None:
    extractor = CountingExtractor()
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*")}
    again = build_landmarks(room(), extractor, work)
    assert extractor.calls == 0
    assert before == {path: path.stat().st_mtime_ns for path in work.rglob("*")}
    np.testing.assert_array_equal(again.positions, landmarks.positions)


def test_an_interrupted_build_resumes(tmp_path: Path, landmarks: Landmarks) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_landmarks(room(), CountingExtractor(dies_after=5), tmp_path)
    extractor = CountingExtractor()
    resumed = build_landmarks(room(), extractor, tmp_path)
    assert extractor.calls == 3
    np.testing.assert_allclose(resumed.positions, landmarks.positions, atol=1e-6)


def test_a_damaged_stage_file_is_made_again(tmp_path: Path) -> None:
    first = build_landmarks(room(5), SiftExtractor(KEYPOINTS), tmp_path)
    for path in tmp_path.rglob("*.*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:100])
    again = build_landmarks(room(5), SiftExtractor(KEYPOINTS), tmp_path)
    np.testing.assert_allclose(again.positions, first.positions, atol=1e-6)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(stage_file.os, "fsync", full)
    with pytest.raises(NmapError, match=r"No space left.*free space"):
        build_landmarks(room(3), SiftExtractor(KEYPOINTS), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_no_room_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with pytest.raises(NmapError, match=r"temporary folder .*absent: No such file.*TMPDIR"):
        build_landmarks(room(4), SiftExtractor(KEYPOINTS), tmp_path / "work", held_out=0)


def test_one_unreadable_image_is_left_out(tmp_path: Path,
                                          caplog: pytest.LogCaptureFixture) -> None:
    source = room(6)
    images = (replace(source.images[0], read=broken), *source.images[1:])
    built = build_landmarks(replace(source, images=images), SiftExtractor(KEYPOINTS), tmp_path,
                            held_out=0)
    assert len(built.views) == 5
    assert "broken.png" in caplog.text and "1 of 6 images skipped" in caplog.text


def test_no_readable_image_is_an_error(tmp_path: Path) -> None:
    source = room(3)
    images = tuple(replace(image, read=broken) for image in source.images)
    with pytest.raises(NmapError, match=r"3 images: none can be used.*broken\.png"):
        build_landmarks(replace(source, images=images), SiftExtractor(KEYPOINTS), tmp_path)


def test_two_images_under_one_name(tmp_path: Path) -> None:
    source = room(3)
    images = (source.images[0], *source.images[:2])
    with pytest.raises(NmapError, match=r"two images under one name, 000\.png"):
        build_landmarks(replace(source, images=images), SiftExtractor(KEYPOINTS), tmp_path)


def test_images_without_pose_are_left_out(tmp_path: Path,
                                          caplog: pytest.LogCaptureFixture) -> None:
    source = room(6)
    images = (replace(source.images[2], map_from_camera=None), *source.images[3:])
    built = build_landmarks(replace(source, images=images), SiftExtractor(KEYPOINTS), tmp_path,
                            held_out=0)
    assert len(built.views) == 3 and "1 of 4 images have no pose" in caplog.text


def test_too_little_overlap(tmp_path: Path) -> None:
    source = room(3)
    blank = np.full((CAMERA.height, CAMERA.width), 128, np.uint8)
    images = tuple(replace(image, read=lambda: blank) for image in source.images)
    with pytest.raises(NmapError, match="3 images: too little overlap, 0 landmarks in 0 views"):
        build_landmarks(replace(source, images=images), SiftExtractor(KEYPOINTS), tmp_path)


def test_poses_that_are_off_are_refined(tmp_path: Path) -> None:
    given = room(8, shift=0.03)
    refined = build_landmarks(given, SiftExtractor(KEYPOINTS), tmp_path, refine_poses=True,
                              held_out=0)
    true = poses(8)
    span = np.linalg.norm(true[7].translation - true[0].translation)
    off = [_relative_error(true, [v.map_from_camera for v in refined.views], i)
           for i in range(1, 8)]
    assert len(refined) > 200
    assert np.median(off) < 0.005 * span


def test_structure_from_motion_without_poses(tmp_path: Path) -> None:
    built = build_landmarks(room(8, posed=False), SiftExtractor(KEYPOINTS), tmp_path, held_out=0)
    assert built.unit == "arbitrary" and len(built.views) >= 6
    true = dict(zip((f"{i:03d}.png" for i in range(8)), poses(8), strict=True))
    first, last = built.views[0], built.views[-1]
    turned = first.map_from_camera.inverse() @ last.map_from_camera
    expected = true[first.name].inverse() @ true[last.name]
    assert angle_degrees(turned, expected) < 1.0


def test_the_store_keeps_everything(landmarks: Landmarks, tmp_path: Path) -> None:
    save_landmarks(tmp_path / "x.nlm", landmarks)
    again = load_landmarks(tmp_path / "x.nlm")
    np.testing.assert_array_equal(again.positions, landmarks.positions)
    for a, b in zip(again.views + again.held_out, landmarks.views + landmarks.held_out,
                    strict=True):
        assert (a.name, a.camera) == (b.name, b.camera)
        np.testing.assert_array_equal(a.descriptors, b.descriptors)
        np.testing.assert_array_equal(a.landmarks, b.landmarks)
        np.testing.assert_array_equal(a.map_from_camera.rotation, b.map_from_camera.rotation)
    (tmp_path / "x.nlm").write_bytes(b"damaged")
    with pytest.raises(NmapError, match=r"x\.nlm: damaged"):
        load_landmarks(tmp_path / "x.nlm")
    with pytest.raises(NmapError, match=r"y\.nlm: no such file"):
        load_landmarks(tmp_path / "y.nlm")


def test_the_room_is_what_it_says() -> None:
    assert render(poses(2)[0]).shape == (CAMERA.height, CAMERA.width)


def _relative_error(true: list[Rigid], found: list[Rigid], i: int) -> float:
    """How far camera i is from where it should be, seen from the first, scale aside."""
    a = (true[0].inverse() @ true[i]).translation
    b = (found[0].inverse() @ found[i]).translation
    scale = np.linalg.norm((true[0].inverse() @ true[-1]).translation) / np.linalg.norm(
        (found[0].inverse() @ found[-1]).translation)
    return float(np.linalg.norm(a - scale * b))
