"""Where the robot truly was, from all that may say so, and where it was carried away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from known_drive import at, drive, image, kidnapped, opened, straight, true_odometry
from sources.image_folders import tum_line
from sources.recorded_bags import (
    BASE_FROM_CAMERA,
    START,
    base_to_camera,
    camera_info,
    pose_stamped,
    record,
    transform,
)

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.truth import Truth
from nmap_reloc.evaluation.truth_source import find_truth
from nmap_reloc.geometry import Rigid, angle_degrees
from nmap_reloc.mapping.sources.trajectory import Trajectory

S = START * 1e-9


def near(truth: Truth, seconds: float, expected: Rigid, metres: float = 1e-4) -> bool:
    found = truth.at(S + seconds)
    return found is not None and angle_degrees(found, expected) < 0.01 \
        and np.linalg.norm(found.translation - expected.translation) < metres


def trajectory(stamps: list[float], x: list[float], yaw_deg: list[float] | None = None
               ) -> Trajectory:
    half = np.radians(yaw_deg or [0.0] * len(x)) / 2
    zero = np.zeros(len(x))
    return Trajectory(stamps, np.stack([x, zero, zero], 1),
                      np.stack([np.cos(half), zero, zero, np.sin(half)], 1))


def test_odometry_that_claims_the_map_is_found_alone(tmp_path: Path) -> None:
    drifting = true_odometry(straight, 1.0, frame="odom", topic="/odom")
    found, notes = find_truth(opened(drive(tmp_path / "bag", count=10, extra=drifting)))
    assert notes == ["true poses are taken from /ground_truth"]
    assert near(found, 0.333, straight(0.333)) and found.jumps == ()
    named, notes = find_truth(opened(tmp_path / "bag"), "/odom")
    assert near(named, 0.5, straight(0.5))
    assert "its poses are in frame 'odom', not in the map's 'map'" in notes[0]


def test_tf_of_two_moving_links(tmp_path: Path) -> None:
    offset = Rigid(np.eye(3), np.array([1.0, 2.0, 0.0]))
    links = [transform("map", "odom", at(k / 10), offset) for k in range(12)]
    links += [transform("odom", "base_link", at(k / 50), offset.inverse() @ straight(k / 50))
              for k in range(60)]
    found, notes = find_truth(opened(drive(tmp_path / "bag", count=10, tf=links, truth=[])))
    assert near(found, 0.45, straight(0.45)) and notes == []


def test_a_file_and_a_pose_topic(tmp_path: Path) -> None:
    file = tmp_path / "truth.tum"
    file.write_text("".join(tum_line(S + k / 10, straight(k / 10)) for k in range(12)))
    topic = [pose_stamped(at(k / 10), straight(k / 10)) for k in range(12)]
    recording = opened(drive(tmp_path / "bag", count=10, truth=topic))
    for poses in (str(file), "/pose", "auto"):
        assert near(find_truth(recording, poses)[0], 0.25, straight(0.25))
    # the same numbers, taken as poses of the camera
    camera = find_truth(recording, "/pose", pose_frame="cam_optical")[0]
    assert near(camera, 0.2, straight(0.2) @ BASE_FROM_CAMERA.inverse())


def test_jumps_are_found_and_not_interpolated(tmp_path: Path) -> None:
    path = kidnapped(0.5)
    truth = find_truth(opened(drive(tmp_path / "bag", path, 10)))[0]
    (jump,) = truth.jumps
    assert jump.stamp == pytest.approx(S + 0.5) and jump.distance == pytest.approx(6.0, abs=0.1)
    assert near(truth, 0.5, path(0.5)) and near(truth, 0.48, path(0.48))
    assert truth.at(S + 0.49) is None  # between the last pose before and the first after
    assert truth.piece(S + 0.48) == 0 and truth.piece(S + 0.5) == 1


def test_what_is_a_jump() -> None:
    times = [0.1 * i for i in range(8)]
    steady = [0.1 * i for i in range(8)]
    assert Truth(trajectory(times, steady), "metre", "t").jumps == ()
    fast = [2.0 * i for i in range(8)]  # a car at 20 m/s
    assert Truth(trajectory(times, fast), "metre", "t").jumps == ()
    noisy = [0.02 * (i % 2) for i in range(8)]  # a robot that stands still
    assert Truth(trajectory(times, noisy), "metre", "t").jumps == ()
    moved = [*steady[:4], *(x + 2 for x in steady[4:])]
    assert [j.stamp for j in Truth(trajectory(times, moved), "metre", "t").jumps] == [times[4]]
    turned = Truth(trajectory(times, steady, [0.0] * 4 + [170.0] * 4), "metre", "t")
    assert [round(jump.degrees) for jump in turned.jumps] == [170]
    tiny = Truth(trajectory(times, [x / 100 for x in moved]), "arbitrary", "t")
    assert len(tiny.jumps) == 1
    twice = [*steady[:3], 1.5, 3.0, *(x + 4 for x in steady[5:])]  # one, spread over three poses
    (spread,) = Truth(trajectory(times, twice), "metre", "t").jumps
    assert spread.distance == pytest.approx(4.3)


def test_what_odometry_knows_of_is_no_jump() -> None:
    times = [0.2 * i for i in range(8)]
    path = trajectory(times, [0, 0.1, 0.2, 4.0, 4.1, 4.2, 4.3, 4.4], [0] * 5 + [90] * 3)
    assert len(Truth(path, "metre", "t").jumps) == 1  # two, soon after each other

    def wheels(stamp: float) -> Rigid | None:  # in a frame of its own
        moved = path.at(stamp, 1.0, 0.0)
        return None if moved is None else straight(7.0) @ moved

    assert Truth(path, "metre", "t", wheels).jumps == ()
    assert len(Truth(path, "metre", "t", lambda stamp: straight(0.0)).jumps) == 1


def test_far_between_and_beyond_the_ends_nothing_is_known() -> None:
    truth = Truth(trajectory([0.0, 0.4, 2.0], [0.0, 0.4, 2.0]), "metre", "t")
    assert truth.at(0.2) is not None
    assert truth.at(1.0) is None and truth.at(1.99) is not None
    assert truth.at(-0.1) is None and truth.at(2.1) is None
    assert truth.interval == (0.0, 2.0)


@pytest.mark.parametrize(("poses", "words"), [
    ("tf", r"poses tf: TF of .* does not say where 'base_link' is in 'map' \(frames: base_link"),
    ("/nowhere", "poses /nowhere: neither auto, tf, a topic nor a file; .*/ground_truth"),
    ("/cam/camera_info", "poses /cam/camera_info: no messages of PoseStamped"),
])
def test_poses_that_are_not_there_are_one_line(tmp_path: Path, poses: str, words: str) -> None:
    with pytest.raises(NmapError, match=words) as error:
        find_truth(opened(drive(tmp_path / "bag", count=2)), poses)
    assert "\n" not in str(error.value)


def test_no_truth_two_truths_and_other_times_are_one_line(tmp_path: Path) -> None:
    nothing = record(tmp_path / "none", [image(0), camera_info(), *base_to_camera()])
    with pytest.raises(NmapError, match="no true poses: neither TF map -> base_link nor a topic"):
        find_truth(opened(nothing))
    two = drive(tmp_path / "two", count=2, extra=[pose_stamped(START, straight(0))])
    with pytest.raises(NmapError, match=r"2 topics of poses in 'map' \(/ground_truth, /pose\)"):
        find_truth(opened(two))
    file = tmp_path / "other.tum"
    file.write_text(tum_line(5.0, straight(0)))
    with pytest.raises(NmapError, match=r"none at the stamp of any of 2 images \(170000"):
        find_truth(opened(two), str(file))
    with pytest.raises(NmapError, match="of 'hat', from which TF does not lead to the base"):
        find_truth(opened(two), "/pose", pose_frame="hat")
