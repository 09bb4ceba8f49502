"""A simulated drive's recording: complete, consistent, playable and made once."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("embreex")
pytest.importorskip("trimesh")

from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader
from typer.testing import CliRunner

from nmap_reloc.camera import from_message
from nmap_reloc.cli.main import app
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, angle_degrees
from nmap_reloc.images import decode_message
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.simulation import crew, drives
from nmap_reloc.simulation.drives import simulate_drives
from nmap_reloc.simulation.messages import store
from nmap_reloc.simulation.optics import pinhole
from nmap_reloc.simulation.recording import LATENCY

SMALL: dict[str, Any] = {"drives": ("query",), "seed": 1, "rate": 0.4, "size": (96, 72),
                         "detail": 0.02, "extent": 2, "workers": 1}
IMAGES, INFO = "/camera/image_raw/compressed", "/camera/camera_info"
Messages = dict[str, list[tuple[int, Any]]]


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("drives") / "site"
    return simulate_drives(output, kidnap=8.0, **SMALL)["query"]


@pytest.fixture(scope="module")
def messages(bag: Path) -> Messages:
    return read(bag)


def read(folder: Path) -> Messages:
    found: Messages = {}
    with Reader(folder) as reader:
        for connection, ns, data in reader.messages():
            message = store().deserialize_cdr(data, connection.msgtype)
            found.setdefault(connection.topic, []).append((ns, message))
    return found


def stamp(header: Any) -> int:
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)


def rigid(position: Any, rotation: Any) -> Rigid:
    return Rigid.from_quaternion((rotation.w, rotation.x, rotation.y, rotation.z),
                                 (position.x, position.y, position.z))


def test_topics_types_and_quality_of_service(bag: Path) -> None:
    with Reader(bag) as reader:
        found = {c.topic: c for c in reader.connections}
        kinds = {topic: c.msgtype for topic, c in found.items()}
    assert kinds == {
        IMAGES: "sensor_msgs/msg/CompressedImage", INFO: "sensor_msgs/msg/CameraInfo",
        "/tf": "tf2_msgs/msg/TFMessage", "/tf_static": "tf2_msgs/msg/TFMessage",
        "/odom": "nav_msgs/msg/Odometry", "/ground_truth/pose": "geometry_msgs/msg/PoseStamped"}
    for topic, connection in found.items():
        assert connection.msgcount > 0
        assert connection.digest == store().hash_rihs01(connection.msgtype)
        assert "stamp" in connection.msgdef.data or topic == "/tf"  # definitions are embedded
        offered = connection.ext.offered_qos_profiles[0]  # type: ignore[union-attr]
        latched = offered.durability == QosDurability.TRANSIENT_LOCAL
        assert latched == (topic == "/tf_static")
        assert offered.reliability == QosReliability.RELIABLE


def test_metadata_is_what_rosbag2_expects(bag: Path) -> None:
    about = yaml.safe_load((bag / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert about["version"] == 8 and about["storage_identifier"] == "mcap"
    assert about["relative_file_paths"] == ["query.mcap"] == [f["path"] for f in about["files"]]
    assert (bag / "query.mcap").read_bytes().startswith(b"\x89MCAP0\r\n")
    counts = {t["topic_metadata"]["name"]: t["message_count"]
              for t in about["topics_with_message_count"]}
    assert sum(counts.values()) == about["message_count"]
    for topic in about["topics_with_message_count"]:
        # Humble wants this as text, with numbers for policies.
        profiles = yaml.safe_load(topic["topic_metadata"]["offered_qos_profiles"])
        assert profiles[0]["durability"] in (1, 2) and profiles[0]["reliability"] == 1
    assert sorted(p.name for p in bag.iterdir()) == ["metadata.yaml", "query.mcap",
                                                     "simulation.json"]


def test_times_are_in_order_and_consistent(bag: Path, messages: Messages) -> None:
    with Reader(bag) as reader:
        arrivals = [ns for _, ns, _ in reader.messages()]
        start, end = reader.start_time, reader.end_time
    assert arrivals == sorted(arrivals)
    about = json.loads((bag / "simulation.json").read_text())
    assert start == about["start_ns"] and about["images"] == len(messages[IMAGES])
    assert (end - start) * 1e-9 == pytest.approx(about["duration_s"], abs=0.1)
    for (ns, image), (_, info) in zip(messages[IMAGES], messages[INFO], strict=True):
        assert stamp(image.header) == stamp(info.header) == ns - LATENCY
        assert image.header.frame_id == info.header.frame_id == "camera_optical_frame"
    for (_, tf), (_, odom) in zip(messages["/tf"], messages["/odom"], strict=True):
        assert stamp(tf.transforms[0].header) == stamp(odom.header)
    ticks = np.diff([stamp(m.header) for _, m in messages["/odom"]])
    assert (ticks == 20_000_000).all()  # 50 Hz
    truth = [stamp(m.header) for _, m in messages["/ground_truth/pose"]]
    assert {stamp(m.header) for _, m in messages[IMAGES]} <= set(truth)


def test_transforms_and_odometry_say_the_same(messages: Messages) -> None:
    for (_, tf), (_, odom) in zip(messages["/tf"], messages["/odom"]):
        (link,) = tf.transforms
        assert (link.header.frame_id, link.child_frame_id) == ("odom", "base_link")
        assert (odom.header.frame_id, odom.child_frame_id) == ("odom", "base_link")
        a = rigid(link.transform.translation, link.transform.rotation)
        b = rigid(odom.pose.pose.position, odom.pose.pose.orientation)
        np.testing.assert_array_equal(a.translation, b.translation)
    # The twist is the motion in the base's own frame.
    (_, first), (_, second) = messages["/odom"][200], messages["/odom"][201]
    moved = np.hypot(second.pose.pose.position.x - first.pose.pose.position.x,
                     second.pose.pose.position.y - first.pose.pose.position.y)
    assert first.twist.twist.linear.x == pytest.approx(moved / 0.02, abs=0.25)
    assert all(link.header.frame_id != "map" for _, tf in messages["/tf"]
               for link in tf.transforms)
    (_, static), = messages["/tf_static"]
    chain = [(link.header.frame_id, link.child_frame_id) for link in static.transforms]
    assert chain == [("base_link", "camera_link"), ("camera_link", "camera_optical_frame")]
    optical = static.transforms[1].transform.rotation
    assert np.abs([optical.x, optical.y, optical.z, optical.w]) == pytest.approx([0.5] * 4)


def test_the_truth_jumps_and_odometry_does_not(bag: Path, messages: Messages) -> None:
    at = json.loads((bag / "simulation.json").read_text())["kidnapped_ns"]
    truth = [(stamp(m.header), m.pose.position) for _, m in messages["/ground_truth/pose"]]
    leaps = [np.hypot(b.x - a.x, b.y - a.y) for (_, a), (_, b) in pairwise(truth)]
    assert truth[int(np.argmax(leaps)) + 1][0] == at and sorted(leaps)[-2] < 0.1 < 5 < max(leaps)
    odom = [m.pose.pose.position for _, m in messages["/odom"]]
    assert max(np.hypot(b.x - a.x, b.y - a.y) for a, b in pairwise(odom)) < 0.1


def test_it_is_a_source_of_posed_images(bag: Path, messages: Messages) -> None:
    source = open_source(bag, poses="/ground_truth/pose", pose_frame="base_link")
    assert source.unit == "metre" and len(source.images) == len(messages[IMAGES])
    assert source.images[0].camera == pinhole((96, 72))
    (_, static), = messages["/tf_static"]
    camera = Rigid.identity()
    for link in static.transforms:
        camera = camera @ rigid(link.transform.translation, link.transform.rotation)
    truth = {stamp(m.header): m.pose for _, m in messages["/ground_truth/pose"]}
    for image in source.images:
        pose = truth[int(image.name)]
        wanted = rigid(pose.position, pose.orientation) @ camera
        assert image.map_from_camera is not None and image.read().shape == (72, 96, 3)
        np.testing.assert_allclose(image.map_from_camera.translation, wanted.translation,
                                   atol=1e-6)
        assert angle_degrees(image.map_from_camera, wanted) < 1e-4
        assert image.map_from_camera.translation[2] == pytest.approx(1.0)


def test_pictures_show_what_the_truth_says(bag: Path, messages: Messages) -> None:
    """The recorded pictures are those that a camera at the true poses takes."""
    options = drives.DriveOptions("site", 1, "query", 0.4, (96, 72), True, 8.0, 0.02, 2)
    world = drives.build_world("site", 1, 0.02, 2)
    motion = drives._motion(world, options)
    light = drives.lighting(world, 1)
    assert light.sun is not None
    baked = drives.bake(world, [light.sun], drives.Caster(world))
    stage = crew.Stage(world, baked, pinhole((96, 72)), None)
    pixels = list(crew.render_all(stage, drives._shots(motion, options, light), 1))
    assert len(pixels) == len(messages[IMAGES])
    for raw, (_, message) in zip(pixels, messages[IMAGES]):
        wanted = np.frombuffer(raw, np.uint8).reshape(72, 96, 3).astype(int)
        assert np.abs(decode_message(message, "image") - wanted).mean() < 6


def test_calibration_is_that_of_the_camera(messages: Messages) -> None:
    for _, info in messages[INFO]:
        assert from_message(info) == from_message(info, rectified=True) == pinhole((96, 72))


def test_a_rerun_does_nothing(bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {p: p.stat().st_mtime_ns for p in bag.rglob("*")}
    monkeypatch.setattr(drives, "build_world", None)  # would fail if it were called
    assert simulate_drives(bag.parent, kidnap=8.0, **SMALL) == {"query": bag}
    assert {p: p.stat().st_mtime_ns for p in bag.rglob("*")} == before


def test_the_seed_decides_every_byte_however_many_render(bag: Path, tmp_path: Path) -> None:
    again = simulate_drives(tmp_path, kidnap=8.0, **{**SMALL, "workers": 2})["query"]
    for file in bag.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


def test_other_parameters_replace_a_drive_and_raw_images_are_raw(bag: Path, tmp_path: Path
                                                                 ) -> None:
    shutil.copytree(bag, tmp_path / "query")
    few = {**SMALL, "rate": 0.05, "size": (32, 24), "kidnap": 8.0}
    found = read(simulate_drives(tmp_path, **few, compressed=False)["query"])
    assert IMAGES not in found and len(found["/camera/image_raw"]) == 2
    for _, image in found["/camera/image_raw"]:
        assert (image.encoding, image.step, image.height) == ("rgb8", 96, 24)
        assert decode_message(image, "image").std() > 5
    assert [p.name for p in tmp_path.iterdir()] == ["query"]


def test_an_interruption_leaves_what_was_there(bag: Path, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(bag, tmp_path / "query")
    before = {p: p.read_bytes() for p in (tmp_path / "query").iterdir()}

    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(crew, "jpeg", interrupt)
    with pytest.raises(KeyboardInterrupt):
        simulate_drives(tmp_path, **{**SMALL, "seed": 2})
    assert {p: p.read_bytes() for p in (tmp_path / "query").iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["query"]


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "query").mkdir()
    (tmp_path / "query" / "metadata.yaml").write_text("precious")
    with pytest.raises(NmapError, match="not a simulated drive; choose another folder"):
        simulate_drives(tmp_path, **SMALL)
    assert (tmp_path / "query" / "metadata.yaml").read_text() == "precious"


@pytest.mark.parametrize(("words", "said"), [
    (["--drives", "left"], "there is no such drive"), (["--size", "640"], "write WIDTHxHEIGHT"),
    (["--size", "8x8"], "too small"), (["--detail", "9"], "out of range"),
    (["--world", "cave"], "there is no such world"), (["--extent", "1"], "too small"),
    (["--world", "lane", "--extent", "6"], "cannot drive through it"),
    (["--rate", "0"], "out of range"), (["--kidnap", "900"], "the drive takes"),
    (["--drives", "query", "--raw", "--size", "0x0"], "too small")])
def test_impossible_wishes_are_refused_in_one_line(tmp_path: Path, words: list[str], said: str
                                                   ) -> None:
    quick = [] if "--detail" in words else ["--detail", "0.02"]
    quick += [] if "--extent" in words else ["--extent", "2"]
    done = CliRunner().invoke(app, ["simulate", str(tmp_path / "out"), *quick, *words])
    assert done.exit_code == 1 and said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
