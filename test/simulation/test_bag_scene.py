"""Posed photographs played as a camera."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("embreex")
from rosbags.rosbag2 import Reader

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, angle_degrees, rotation_from_vector
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.simulation.messages import store
from nmap_reloc.simulation.scene_bag import bag_from_scene
from nmap_reloc.types import Camera

CAMERAS = [Camera("OPENCV", 64, 48, (60.0, 61.0, 31.0, 25.0, -0.1, 0.02, 0.001, -0.002)),
           Camera("SIMPLE_RADIAL", 64, 48, (60.0, 32.0, 24.0, -0.05)),
           Camera("OPENCV_FISHEYE", 64, 48, (40.0, 40.0, 32.0, 24.0, 0.01, 0.0, 0.0, 0.0)),
           Camera("PINHOLE", 64, 48, (60.0, 60.0, 32.0, 24.0))]
NAMES = ["b.jpg", "a.png", "c.bmp", "d.jpg"]  # the split's order is not the alphabet's


def pose(k: int) -> Rigid:
    return Rigid(rotation_from_vector((0.3, 0.4 * k, -0.1)), np.array([k, 2.0, 0.3 * k]))


def write_scene(folder: Path, camera: Camera, unit: str = "arbitrary", queries: int = 4) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "sparse").mkdir()
    rng = np.random.default_rng(0)
    names = [*NAMES, "m.jpg"]
    for name in names:
        picture = cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (64, 48))
        cv2.imwrite(str(folder / "images" / name), picture)
    numbers = " ".join(map(str, camera.params))
    (folder / "sparse" / "cameras.txt").write_text(f"1 {camera.model} 64 48 {numbers}\n")
    lines = []
    for k, name in enumerate(names):
        inverse = pose(k).inverse()
        values = " ".join(str(v) for v in (*inverse.quaternion(), *inverse.translation))
        lines += [f"{k + 1} {values} 1 {name}", ""]
    (folder / "sparse" / "images.txt").write_text("\n".join(lines) + "\n")
    (folder / "sparse" / "points3D.txt").write_text("")
    (folder / "split.json").write_text(json.dumps({"map": ["m.jpg"], "query": NAMES[:queries]}))
    (folder / "scene.json").write_text(json.dumps({"unit": unit}))
    return folder


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.model)
@pytest.mark.parametrize("compressed", [True, False])
def test_the_recording_has_the_scenes_cameras_and_poses(tmp_path: Path, camera: Camera,
                                                        compressed: bool) -> None:
    scene = write_scene(tmp_path / "scene", camera)
    bag = bag_from_scene(scene, tmp_path / "bag", rate=4.0, compressed=compressed)
    source = open_source(bag, poses="/ground_truth/pose", pose_frame="base_link", tolerance=0.001)
    photographs = {image.name: image for image in open_source(scene).images}
    assert len(source.images) == len(NAMES)
    stamps = [image.stamp for image in source.images]
    np.testing.assert_allclose(np.diff(np.array(stamps, float)), 0.25, atol=1e-6)
    for k, (image, name) in enumerate(zip(source.images, NAMES)):
        assert image.map_from_camera is not None
        np.testing.assert_allclose(image.map_from_camera.translation, pose(k).translation,
                                   atol=1e-5)
        assert angle_degrees(image.map_from_camera, pose(k)) < 1e-3
        difference = image.read().astype(int) - photographs[name].read()
        assert np.abs(difference).mean() < (4 if name.endswith("bmp") else 1e-9)
    seen = source.images[0].camera
    wanted = camera.params
    if camera.model == "SIMPLE_RADIAL":  # plumb_bob has two focal lengths
        wanted = (60.0, 60.0, 32.0, 24.0, -0.05, 0.0, 0.0, 0.0)
    assert seen.model == ("OPENCV" if camera.model == "SIMPLE_RADIAL" else camera.model)
    np.testing.assert_allclose(seen.params, wanted, atol=1e-9)


def test_units_stay_and_files_are_carried_as_they_are(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene", CAMERAS[0])
    bag = bag_from_scene(scene, tmp_path / "bag")
    about = json.loads((bag / "simulation.json").read_text())
    assert about["unit"] == "arbitrary" and about["images"] == 4
    assert about["simulation"]["scene"] == open_source(scene).fingerprint
    with Reader(bag) as reader:
        images = [store().deserialize_cdr(data, c.msgtype) for c, _, data in reader.messages()
                  if c.topic == "/camera/image_raw/compressed"]
        truths = [store().deserialize_cdr(data, c.msgtype) for c, _, data in reader.messages()
                  if c.topic == "/ground_truth/pose"]
    assert bytes(images[0].data) == (scene / "images" / NAMES[0]).read_bytes()
    assert images[1].format == "rgb8; png compressed bgr8"
    assert images[2].format == "rgb8; jpeg compressed bgr8"
    assert len(truths) == 4  # what lies between the photographs is not known
    assert truths[3].pose.position.x == pytest.approx(3.0, abs=1e-6)


def test_odometry_follows_the_photographs_and_drifts(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene", CAMERAS[3])
    found = {}
    for seed in (0, 1):
        bag = bag_from_scene(scene, tmp_path / f"bag{seed}", rate=1.0, seed=seed)
        with Reader(bag) as reader:
            found[seed] = [store().deserialize_cdr(data, c.msgtype).pose.pose.position
                           for c, _, data in reader.messages() if c.topic == "/odom"]
    assert len(found[0]) > 150  # 50 per second
    way = np.linalg.norm([found[0][-1].x, found[0][-1].y, found[0][-1].z])
    true = float(np.linalg.norm(pose(3).translation - pose(0).translation))
    assert 0.9 * true < way < 1.1 * true and abs(way - true) > 1e-6
    assert found[0][-1].x != found[1][-1].x


def test_photographs_go_forth_and_back_for_as_long_as_asked(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene", CAMERAS[3])
    bag = bag_from_scene(scene, tmp_path / "bag", rate=30.0, seconds=0.5)
    source = open_source(bag, poses="/ground_truth/pose", pose_frame="base_link", tolerance=0.001)
    order = [0, 1, 2, 3, 2, 1] * 3
    assert len(source.images) == 15
    for image, k in zip(source.images, order):
        assert image.map_from_camera is not None
        np.testing.assert_allclose(image.map_from_camera.translation, pose(k).translation,
                                   atol=1e-5)
    stamps: dict[str, set[int]] = {}
    with Reader(bag) as reader:
        for connection, _, data in reader.messages():
            if connection.topic in ("/odom", "/camera/image_raw/compressed"):
                stamp = store().deserialize_cdr(data, connection.msgtype).header.stamp
                stamps.setdefault(connection.topic, set()).add(stamp.nanosec)
    # Odometry knows the turns: it speaks at every photograph.
    assert stamps["/camera/image_raw/compressed"] <= stamps["/odom"]
    with pytest.raises(NmapError, match="seconds 0: out of range"):
        bag_from_scene(scene, tmp_path / "none", seconds=0.0)


def test_a_recording_is_made_once(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene", CAMERAS[3], unit="metre")
    bag = bag_from_scene(scene, tmp_path / "bag")
    before = {p: p.stat().st_mtime_ns for p in bag.iterdir()}
    assert bag_from_scene(scene, tmp_path / "bag") == bag
    assert {p: p.stat().st_mtime_ns for p in bag.iterdir()} == before
    bag_from_scene(scene, tmp_path / "bag", rate=2.0)
    assert {p: p.stat().st_mtime_ns for p in bag.iterdir()} != before


def test_what_cannot_be_played_is_refused(tmp_path: Path) -> None:
    odd = write_scene(tmp_path / "odd", Camera("FOV", 64, 48, (60.0, 60.0, 32.0, 24.0, 0.5)))
    with pytest.raises(NmapError, match="FOV: ROS has no such model"):
        bag_from_scene(odd, tmp_path / "bag")
    few = write_scene(tmp_path / "few", CAMERAS[3], queries=0)
    with pytest.raises(NmapError, match="no images; choose the other part"):
        bag_from_scene(few, tmp_path / "bag")
    assert len(open_source(bag_from_scene(few, tmp_path / "bag", part="map"),
                           poses="/ground_truth/pose", pose_frame="base_link").images) == 1
    with pytest.raises(NmapError, match="has map and query"):
        bag_from_scene(few, tmp_path / "other", part="all")
    (tmp_path / "scene").mkdir()
    with pytest.raises(NmapError):
        bag_from_scene(tmp_path / "scene", tmp_path / "bag2")
    damaged = write_scene(tmp_path / "damaged", CAMERAS[3])
    (damaged / "images" / "d.jpg").write_bytes(b"\xff\xd8 not a picture")
    with pytest.raises(NmapError, match=r"d\.jpg"):
        bag_from_scene(damaged, tmp_path / "bag3")
    assert not (tmp_path / "bag3").exists()
