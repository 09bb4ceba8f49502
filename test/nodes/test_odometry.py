"""Odometry and mounts from a real TF buffer, with transforms that come late, never or broken."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from tf2_ros import Buffer

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, angle_degrees, rotation_from_vector
from nmap_reloc.nodes import odometry as module
from nmap_reloc.nodes.convert import stamp_from_nanoseconds, transform_stamped
from nmap_reloc.nodes.odometry import Odometry

START = 1_700_000_000_000_000_000
MS = 1_000_000


def at(seconds: float) -> Rigid:
    """Where the robot is."""
    return Rigid(rotation_from_vector([0, 0, 0.3 * seconds]), np.array([seconds, 0.0, 0.0]))


def link(parent: str, child: str, rigid: Rigid, stamp: int) -> TransformStamped:
    return transform_stamped(rigid, parent, child, stamp_from_nanoseconds(stamp))


def move(buffer: Buffer, first: float, last: float, step: float = 0.1) -> None:
    for seconds in np.arange(first, last + 1e-9, step):
        buffer.set_transform(link("odom", "base_link", at(seconds), START + round(seconds * 1e9)),
                             "test")


def assert_same(a: Rigid | None, b: Rigid) -> None:
    assert a is not None
    np.testing.assert_allclose(a.translation, b.translation, atol=1e-6)
    assert angle_degrees(a, b) < 1e-4


@pytest.fixture
def buffer() -> Iterator[Buffer]:
    yield Buffer(cache_time=Duration(seconds=10))


def the_odometry(buffer: Buffer, timeout: float = 0.1) -> Odometry:
    return Odometry(buffer, "odom", "base_link", timeout)


def test_interpolated_at_the_images_stamp(buffer: Buffer) -> None:
    move(buffer, 0, 2)
    odometry = the_odometry(buffer)
    for seconds in (0.5, 1.0, 1.234567891):
        pose, why = odometry.odom_from_base(START + round(seconds * 1e9))
        assert_same(pose, at(seconds))
        assert why == ""
    pose, stamp = odometry.latest()
    assert_same(pose, at(2))
    assert stamp == START + 2_000_000_000


def test_what_comes_a_little_late_is_waited_for(buffer: Buffer) -> None:
    move(buffer, 0, 1)
    timer = threading.Timer(0.05, move, (buffer, 1.1, 1.3))
    timer.start()
    pose, why = the_odometry(buffer, 20.0).odom_from_base(START + 1250 * MS)
    timer.join()
    assert_same(pose, at(1.25))
    assert why == ""


def test_the_first_transform_of_all_is_waited_for_too(buffer: Buffer) -> None:
    timer = threading.Timer(0.05, move, (buffer, 0, 1))
    timer.start()
    assert_same(the_odometry(buffer, 20.0).odom_from_base(START + 500 * MS)[0], at(0.5))
    timer.join()


def waits(odometry: Odometry, stamp: int) -> tuple[bool, str]:
    """(whether it waited for its timeout, why there is no pose)"""
    start = time.monotonic()
    pose, why = odometry.odom_from_base(stamp)
    assert pose is None and why and "\n" not in why and len(why) < 400
    return time.monotonic() - start >= odometry.timeout, why


def test_what_never_comes_is_waited_for_no_longer_than_the_timeout(buffer: Buffer) -> None:
    move(buffer, 0, 1)
    odometry = the_odometry(buffer)
    for _ in range(2):
        waited, why = waits(odometry, START + 1500 * MS)
        assert waited and "TF odom -> base_link ends 0.500 s before the image" in why
    move(buffer, 1.1, 1.1)
    assert not buffer._new_data_callbacks  # who waited in vain is forgotten
    assert_same(odometry.odom_from_base(START + 1050 * MS)[0], at(1.05))


def test_the_past_is_not_waited_for(buffer: Buffer) -> None:
    move(buffer, 5, 6)
    waited, why = waits(the_odometry(buffer, 5.0), START)
    assert not waited
    assert "does not reach back to the image, 6.000 s before its newest" in why


def test_a_robot_without_odometry_waits_once_only(buffer: Buffer) -> None:
    odometry = the_odometry(buffer)
    assert waits(odometry, START)[0]
    for _ in range(5):
        waited, why = waits(odometry, START)
        assert not waited and "odom" in why and "start odometry" in why
    buffer.set_transform(link("odom", "other", at(0), START), "test")
    buffer.set_transform(link("map", "base_link", at(0), START), "test")
    waited, why = waits(odometry, START)
    assert not waited and "start odometry" in why
    move(buffer, 0, 1)
    assert_same(odometry.odom_from_base(START + 300 * MS)[0], at(0.3))
    assert waits(odometry, START + 1300 * MS)[0]  # known again: what comes next is waited for


def test_no_odometry_by_choice(buffer: Buffer) -> None:
    move(buffer, 0, 1)
    odometry = Odometry(buffer, "", "base_link", 5.0)
    assert odometry.odom_from_base(START) == (None, "no odometry: odom_frame is empty")
    assert odometry.latest() == (None, 0)
    assert the_odometry(Buffer()).latest() == (None, 0)


def test_a_jump_back_in_time(buffer: Buffer) -> None:
    move(buffer, 5, 6)
    odometry = the_odometry(buffer)
    assert_same(odometry.odom_from_base(START + 5500 * MS)[0], at(5.5))
    buffer.clear()
    move(buffer, 0, 1)
    assert_same(odometry.odom_from_base(START + 500 * MS)[0], at(0.5))


def test_transforms_that_are_none_are_named(buffer: Buffer) -> None:
    far = Rigid(np.eye(3), np.array([1e200, 0, 0]))
    buffer.set_transform(link("odom", "base_link", far, START), "test")
    waited, why = waits(the_odometry(buffer), START)
    assert not waited and "TF odom -> base_link position" in why
    assert waits(Odometry(buffer, "/odom", "base_link", 0.05), START)[1]  # tf2 has no slashes


MOUNT = Rigid(rotation_from_vector([-1.2, 1.2, -1.2]), np.array([0.2, 0.0, 0.5]))


def test_the_mount_by_the_images_frame(buffer: Buffer) -> None:
    buffer.set_transform_static(link("base_link", "mast", Rigid(np.eye(3), np.array([0, 0, 1.0])),
                                     0), "test")
    buffer.set_transform_static(link("mast", "camera", MOUNT, 0), "test")
    odometry = the_odometry(buffer)
    expected = Rigid(MOUNT.rotation, np.array([0.2, 0, 1.5]))
    mount = odometry.base_from_camera("camera")
    assert_same(mount, expected)
    assert odometry.base_from_camera("camera") is mount
    assert_same(odometry.base_from_camera("base_link"), Rigid.identity())
    assert_same(Odometry(buffer, "odom", "camera", 0.1).base_from_camera("mast"),
                MOUNT.inverse())


def test_a_mount_that_changes_is_noticed(buffer: Buffer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOUNT_PERIOD", 0.0)
    odometry = the_odometry(buffer)
    buffer.set_transform(link("base_link", "camera", MOUNT, START), "test")
    for _ in range(3):
        assert_same(odometry.base_from_camera("camera"), MOUNT)
    buffer.set_transform(link("base_link", "camera", MOUNT, START + MS), "test")  # only repeated
    assert_same(odometry.base_from_camera("camera"), MOUNT)
    assert odometry.mount_changes == 0
    moved = Rigid(MOUNT.rotation, np.array([0.2, 0.0, 0.51]))
    buffer.set_transform(link("base_link", "camera", moved, START + 2 * MS), "test")
    assert_same(odometry.base_from_camera("camera"), moved)
    assert odometry.mount_changes == 1
    buffer.clear()
    assert_same(odometry.base_from_camera("camera"), moved)


@pytest.mark.parametrize("frame", ["", "nobody", "/camera", "x" * 100_000, "a\nb", "\0", "ä b"])
def test_frames_that_are_not_there(buffer: Buffer, frame: str) -> None:
    buffer.set_transform_static(link("base_link", "camera", MOUNT, 0), "test")
    odometry = the_odometry(buffer, 5.0)
    start = time.monotonic()
    with pytest.raises(NmapError, match=r"image header\.frame_id ") as refusal:
        odometry.base_from_camera(frame)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 600
    assert time.monotonic() - start < 5.0  # never waits
    assert_same(odometry.base_from_camera("camera"), MOUNT)


def test_cameras_without_end_are_not_all_remembered(buffer: Buffer) -> None:
    odometry = the_odometry(buffer)
    for index in range(50):
        buffer.set_transform_static(link("base_link", f"camera{index}", at(index), 0), "test")
        assert_same(odometry.base_from_camera(f"camera{index}"), at(index))
    assert len(odometry._mounts) == module.MOST_CAMERAS
    assert_same(odometry.base_from_camera("camera3"), at(3))
