"""What a robot could have known of odometry at each image of a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from known_drive import (
    ODOM_FROM_START,
    PERIOD,
    at,
    drive,
    image,
    odometry_tf,
    opened,
    straight,
    true_odometry,
)
from sources.recorded_bags import (
    BASE_FROM_CAMERA,
    START,
    base_to_camera,
    camera_info,
    record,
    transform,
)

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.transforms import TransformBuffer
from nmap_reloc.geometry import Rigid, rotation_from_vector

ROW = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


def close(ours: Rigid | None, expected: Rigid, atol: float = 1e-6) -> bool:
    return ours is not None and np.allclose(ours.rotation, expected.rotation, atol=atol) \
        and np.allclose(ours.translation, expected.translation, atol=atol)


def test_a_buffer_interpolates_and_never_extrapolates() -> None:
    tree = TransformBuffer()
    half = rotation_from_vector([0, 0, np.pi / 4])
    quarter = Rigid(half, np.zeros(3)).quaternion()
    tree.add("odom", "base", 200, (2.0, 0, 0, *quarter), False)
    assert tree.lookup("odom", "base", 150) is None
    tree.add("odom", "base", 100, ROW, False)
    middle = Rigid(rotation_from_vector([0, 0, np.pi / 8]), np.array([1.0, 0, 0]))
    assert close(tree.lookup("odom", "base", 150), middle)
    assert close(tree.lookup("base", "odom", 150), middle.inverse())
    assert close(tree.lookup("odom", "base", 100), Rigid.identity())
    assert tree.lookup("odom", "base", 99) is None
    assert tree.lookup("odom", "base", 201) is None
    assert tree.lookup("odom", "base", 150, max_gap=99) is None
    assert tree.lookup("odom", "elsewhere", 150) is None
    assert tree.moving_stamps("odom", "base") == [100, 200]


def test_a_buffer_goes_up_and_down_the_tree_and_keeps_static_links_for_ever() -> None:
    tree = TransformBuffer()
    for child, x in (("left", 1.0), ("right", -1.0)):
        tree.add("base", child, 7, (x, *ROW[1:]), True)
    tree.add("map", "base", 100, ROW, False)
    assert close(tree.lookup("left", "right", 10**18), Rigid(np.eye(3), np.array([-2.0, 0, 0])))
    assert tree.moving_stamps("left", "right") == []
    assert tree.lookup("map", "left", 101) is None
    tree.add("map", "base", 100, (np.nan, *ROW[1:]), False)
    tree.add("map", "base", 100, (*ROW[:3], 0.0, 0, 0, 0), False)
    assert tree.invalid == 2 and tree.frames == ["base", "left", "map", "right"]


def test_odometry_is_interpolated_at_the_images_stamps(tmp_path: Path) -> None:
    found = opened(drive(tmp_path / "bag", count=5, tf=odometry_tf(0.5, rate=33.0)))
    assert [frame.stamp for frame in found.frames] == [START + i * PERIOD for i in range(5)]
    for i, frame in enumerate(found.frames):
        assert close(frame.odom_from_base, ODOM_FROM_START @ straight(0.1 * i), 1e-4)
        assert close(frame.base_from_camera, BASE_FROM_CAMERA)
        assert frame.read()[0, 0, 0] == i
    assert found.notes == () and found.camera_frame == "cam_optical"


@pytest.mark.parametrize(("late", "known"), [(0.05, True), (0.099, True), (0.15, False)])
def test_only_what_came_within_the_timeout_is_known(tmp_path: Path, late: float, known: bool
                                                    ) -> None:
    # At 10 Hz, at the images' own stamps: the one that is needed arrives `late` after the image.
    bag = drive(tmp_path / "bag", count=4, tf=odometry_tf(0.4, rate=10.0, late=late))
    found = opened(bag)
    assert [frame.odom_from_base is not None for frame in found.frames] == [known] * 4
    patient = opened(bag, odom_timeout=0.2)
    assert all(frame.odom_from_base is not None for frame in patient.frames)


def test_later_knowledge_does_not_change_what_was_known(tmp_path: Path) -> None:
    before = [transform("odom", "base_link", at(s), straight(s)) for s in (-0.1, 0.1)]
    # A transform between those two that arrives a second later would change the answer.
    topic, _, kind, message = transform("odom", "base_link", at(0.01), straight(3.0))
    bag = record(tmp_path / "bag", [image(0), camera_info(), *base_to_camera(), *before,
                                    (topic, at(1.0), kind, message)])
    assert close(opened(bag).frames[0].odom_from_base, straight(0.0), 1e-4)


def test_images_out_of_order_twice_and_without_a_stamp(tmp_path: Path) -> None:
    again = image(1, recorded=START + 5 * PERIOD)
    late = image(2, recorded=START + 6 * PERIOD)
    bare = image(3)
    bare[3].header.stamp.sec = bare[3].header.stamp.nanosec = 0
    bag = record(tmp_path / "bag", [image(0), image(1), again, late, bare, camera_info(),
                                    *base_to_camera()])
    found = opened(bag)
    assert [frame.stamp - START for frame in found.frames] == [0, PERIOD, 2 * PERIOD, 3 * PERIOD]
    assert [frame.read()[0, 0, 0] for frame in found.frames] == [0, 1, 2, 3]
    text = " | ".join(found.notes)
    assert "1 images of /cam/image_raw repeat a stamp" in text
    assert "1 images of /cam/image_raw have no stamp" in text


def test_what_is_missing_is_a_note_where_it_is_a_default(tmp_path: Path) -> None:
    found = opened(record(tmp_path / "bare", [image(0), image(1), camera_info()]))
    assert [frame.odom_from_base for frame in found.frames] == [None, None]
    assert close(found.frames[0].base_from_camera, Rigid.identity())
    assert "no TF from 'odom' to 'base_link'" in found.notes[0]
    assert "the camera is taken as the base" in found.notes[1]
    without = opened(drive(tmp_path / "bag", count=3), odom_frame="")
    assert without.notes == ()
    assert all(frame.odom_from_base is None for frame in without.frames)
    gap = opened(drive(tmp_path / "gap", count=5, tf=odometry_tf(0.2)))
    assert "2 of 5 images: TF did not know odometry" in gap.notes[0]


@pytest.mark.parametrize(("options", "words"), [
    ({"image_topic": "/left"}, "image_topic /left: no messages of Image.*/cam/image_raw"),
    ({"camera_info_topic": "/left"}, "camera_info_topic /left: no messages of CameraInfo"),
    ({"odom_frame": "wheels"}, "odom_frame wheels: not in the TF .*base_link, cam_optical"),
    ({"base_frame": "torso"}, "base_frame torso: not in the TF"),
    ({"camera_frame": "eye"}, "camera_frame eye: not in the TF"),
])
def test_what_was_named_and_is_missing_is_one_line(tmp_path: Path, options: dict[str, str],
                                                   words: str) -> None:
    bag = drive(tmp_path / "bag", count=2)
    with pytest.raises(NmapError, match=words) as error:
        opened(bag, **options)
    assert "\n" not in str(error.value)


def test_frames_that_are_not_connected_are_one_line(tmp_path: Path) -> None:
    island = transform("ship", "crane", START, straight(0), static=True)
    bag = drive(tmp_path / "bag", count=2, extra=[island])
    with pytest.raises(NmapError, match=r"odom_frame ship: TF .* does not lead from it to base"):
        opened(bag, odom_frame="ship")
    with pytest.raises(NmapError, match=r"base_frame crane: TF .* the camera 'cam_optical'"):
        opened(bag, base_frame="crane", odom_frame="ship")


def test_a_bag_without_images_or_intrinsics_is_one_line(tmp_path: Path) -> None:
    truth = true_odometry(straight, 0.1)
    with pytest.raises(NmapError, match=r"no images .*/ground_truth nav_msgs/msg/Odometry"):
        opened(record(tmp_path / "blind", [camera_info(), *truth]))
    with pytest.raises(NmapError, match="no sensor_msgs/CameraInfo for /cam/image_raw"):
        opened(record(tmp_path / "raw", [image(0), *truth]))
