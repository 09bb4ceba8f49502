"""Poses of the camera from TF, odometry, pose topics and files of real recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.types import Camera

from .image_folders import assert_close, picture, pose, tum_line
from .recorded_bags import (
    BASE_FROM_CAMERA,
    COUNT,
    MAP_FROM_ODOM,
    PERIOD,
    START,
    Message,
    base_to_camera,
    camera_info,
    images,
    moving_tf,
    odometry,
    pose_stamped,
    pose_with_covariance,
    record,
    transform,
)

NAN = Rigid(np.eye(3), np.full(3, np.nan))


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("compressed", ["none", "file", "message"])
def test_poses_from_tf(tmp_path: Path, storage: str, compressed: str) -> None:
    bag = record(tmp_path / "bag", [*images(), camera_info(), *base_to_camera(), *moving_tf()],
                 storage, compressed)
    source = open_source(bag)
    assert (source.kind, source.unit, source.split, source.warnings) == ("bag", "metre", None, ())
    assert [image.name for image in source.images] == [str(START + i * PERIOD)
                                                       for i in range(COUNT)]
    for index, image in enumerate(source.images):
        assert image.camera == Camera("OPENCV", 64, 48, (60, 60, 32, 24, -0.1, 0.01, 0, 0))
        assert image.stamp == pytest.approx(START * 1e-9 + 0.1 * index)
        assert_close(image.map_from_camera, MAP_FROM_ODOM @ pose(index) @ BASE_FROM_CAMERA,
                     1e-5)
        np.testing.assert_array_equal(image.read(), picture(index))
    assert open_source(bag).fingerprint == source.fingerprint


@pytest.mark.parametrize("poses", ["auto", "/odom"])
def test_odometry_of_the_base(tmp_path: Path, poses: str) -> None:
    states = [odometry(START + i * PERIOD, pose(i)) for i in range(COUNT)]
    bag = record(tmp_path / "bag", [*images(), camera_info(), *base_to_camera(), *states])
    source = open_source(bag, poses=poses)
    for index, image in enumerate(source.images):
        assert_close(image.map_from_camera, pose(index) @ BASE_FROM_CAMERA)
    assert any("from /odom" in line for line in source.warnings) == (poses == "auto")


def test_odometry_without_a_way_to_the_camera(tmp_path: Path) -> None:
    states = [odometry(START + i * PERIOD, pose(i)) for i in range(COUNT)]
    bag = record(tmp_path / "bag", [*images(), camera_info(), *states])
    with pytest.raises(NmapError, match="no way from it to 'cam_optical'"):
        open_source(bag)
    x, y, z = BASE_FROM_CAMERA.translation
    source = open_source(bag, extrinsic=f"{x},{y},{z},-0.5,0.5,-0.5,0.5")
    assert_close(source.images[2].map_from_camera, pose(2) @ BASE_FROM_CAMERA)
    for wrong in ("1,2,3", "a", "0,0,0,0,0,0,0"):
        with pytest.raises(NmapError, match="extrinsic"):
            open_source(bag, extrinsic=wrong)


@pytest.mark.parametrize("kind", [pose_stamped, pose_with_covariance])
def test_pose_topics(tmp_path: Path, kind: Callable[[int, Rigid], Message]) -> None:
    states = [kind(START + i * PERIOD, pose(i)) for i in range(COUNT)]
    bag = record(tmp_path / "bag", [*images(), camera_info(), *base_to_camera(), *states])
    source = open_source(bag)
    assert_close(source.images[1].map_from_camera, pose(1))
    assert any("pose of the camera 'cam_optical' itself" in line for line in source.warnings)
    of_base = open_source(bag, pose_frame="base_link")
    assert_close(of_base.images[1].map_from_camera, pose(1) @ BASE_FROM_CAMERA)
    assert of_base.fingerprint != source.fingerprint


def test_trajectory_file(tmp_path: Path) -> None:
    bag = record(tmp_path / "bag", [*images(), camera_info(), *base_to_camera(), *moving_tf()])
    file = tmp_path / "poses.txt"
    file.write_text("".join(tum_line((START + i * PERIOD) * 1e-9, pose(i))
                            for i in range(COUNT)))
    source = open_source(bag, poses=str(file), pose_frame="base_link")
    for index, image in enumerate(source.images):
        assert_close(image.map_from_camera, pose(index) @ BASE_FROM_CAMERA, 1e-5)
    file.write_text(tum_line(5.0, pose(0)))
    with pytest.raises(NmapError, match="none of 5 images has a pose at its stamp"):
        open_source(bag, poses=file)
    with pytest.raises(NmapError, match=r"gone.txt: neither auto, tf, a topic nor a file"):
        open_source(bag, poses="gone.txt")


def test_keyframes_and_gaps(tmp_path: Path) -> None:
    bag = record(tmp_path / "bag", [*images(), camera_info(), *base_to_camera(),
                                    *moving_tf(skip=(3, 4))])
    source = open_source(bag, max_gap=0.06)
    assert [image.name[-10:] for image in source.images] == [
        f"{i}00000000".rjust(10, "0") for i in (0, 1, 3, 4)]
    assert "1 of 5 images" in source.warnings[0]
    assert len(open_source(bag).images) == 5
    assert len(open_source(bag, every=2).images) == 3
    assert len(open_source(bag, min_translation=0.25).images) == 2


def test_odom_alone_is_said_to_drift(tmp_path: Path) -> None:
    links = [transform("odom", "base_link", START + k * PERIOD, pose(k)) for k in range(3)]
    source = open_source(record(tmp_path / "bag", [*images(3), camera_info(), *base_to_camera(),
                                                   *links]))
    assert_close(source.images[1].map_from_camera, pose(1) @ BASE_FROM_CAMERA)
    assert "which drifts" in source.warnings[0]


def test_nan_poses(tmp_path: Path) -> None:
    states = [pose_stamped(START + i * PERIOD, NAN if i == 4 else pose(i))
              for i in range(COUNT)]
    source = open_source(record(tmp_path / "bag", [*images(), camera_info(), *states]))
    assert len(source.images) == 4
    text = " | ".join(source.warnings)
    assert "1 poses are not finite" in text and "1 of 5 images" in text
    links = [*moving_tf(), transform("map", "odom", START, NAN)]
    tf = open_source(record(tmp_path / "tf", [*images(), camera_info(), *base_to_camera(),
                                              *links]))
    assert "TF: 1 transforms are not finite" in tf.warnings[0] and len(tf.images) == 5
    every = [pose_stamped(START, NAN)]
    with pytest.raises(NmapError, match="none of its 1 poses is finite"):
        open_source(record(tmp_path / "all", [*images(1), camera_info(), *every]))
