"""tf2_ros: interpolation, the way between frames, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time
from standalone.transforms import at, stamp, transform
from tf2_ros import (
    Buffer,
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)

from nmap_reloc.geometry import Rigid


def rigid(message: TransformStamped) -> Rigid:
    t, r = message.transform.translation, message.transform.rotation
    return Rigid.from_quaternion((r.w, r.x, r.y, r.z), (t.x, t.y, t.z))


def yaw_of(message: TransformStamped) -> float:
    return 2 * math.atan2(message.transform.rotation.z, message.transform.rotation.w)


@pytest.fixture
def buffer() -> Buffer:
    """map -> odom at 10 and 11 s, odom -> base at 10.0, 10.2 .. 11.4 s, base -> camera static."""
    buffer = Buffer()
    buffer.set_transform(transform("map", "odom", 10, x=1.0, yaw=0.1), "test")
    buffer.set_transform(transform("map", "odom", 11, x=2.0, yaw=0.3), "test")
    for index in range(8):
        buffer.set_transform(transform("odom", "base", 10 + index / 5, y=index / 5, yaw=index / 9),
                             "test")
    buffer.set_transform_static(transform("base", "camera", 0, x=0.3, yaw=-1.0), "test")
    return buffer


def test_between_two_stamps_it_interpolates(buffer: Buffer) -> None:
    found = buffer.lookup_transform("map", "odom", at(10.25))
    assert found.transform.translation.x == pytest.approx(1.25)
    assert yaw_of(found) == pytest.approx(0.15)
    assert (found.header.frame_id, found.child_frame_id) == ("map", "odom")
    assert stamp(found) == pytest.approx(10.25)


def test_rotation_takes_the_shorter_way_at_a_constant_rate() -> None:
    buffer = Buffer()
    buffer.set_transform(transform("a", "b", 1, yaw=3.0), "test")
    buffer.set_transform(transform("a", "b", 2, yaw=-3.0), "test")
    step = (2 * math.pi - 6.0) / 4
    for quarter in range(5):
        angle = yaw_of(buffer.lookup_transform("a", "b", at(1 + quarter / 4)))
        assert math.cos(angle - (3.0 + quarter * step)) == pytest.approx(1.0, abs=1e-12)


def test_the_way_is_composed_and_inverted(buffer: Buffer) -> None:
    map_from_camera = rigid(buffer.lookup_transform("map", "camera", at(10.4)))
    composed = (rigid(buffer.lookup_transform("map", "odom", at(10.4)))
                @ rigid(transform("odom", "base", 10.4, y=0.4, yaw=2 / 9))
                @ rigid(transform("base", "camera", 0, x=0.3, yaw=-1.0)))
    np.testing.assert_allclose(map_from_camera.rotation, composed.rotation, atol=1e-12)
    np.testing.assert_allclose(map_from_camera.translation, composed.translation, atol=1e-12)
    back = rigid(buffer.lookup_transform("camera", "map", at(10.4))) @ composed
    np.testing.assert_allclose(back.rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(back.translation, 0, atol=1e-12)


def test_two_branches_meet_at_their_common_parent(buffer: Buffer) -> None:
    buffer.set_transform_static(transform("base", "laser", 0, x=1.0), "test")
    found = rigid(buffer.lookup_transform("laser", "camera", at(99)))  # static all the way
    np.testing.assert_allclose(found.translation, [-0.7, 0, 0], atol=1e-12)


def test_time_zero_is_the_latest_time_common_to_all_links(buffer: Buffer) -> None:
    assert stamp(buffer.lookup_transform("map", "camera", Time())) == pytest.approx(11.0)
    assert stamp(buffer.lookup_transform("odom", "camera", Time())) == pytest.approx(11.4)
    assert stamp(buffer.lookup_transform("camera", "odom", Time())) == pytest.approx(11.4)
    assert stamp(buffer.lookup_transform("base", "camera", Time())) == 0.0


def test_a_frame_seen_from_itself_is_the_identity(buffer: Buffer) -> None:
    found = buffer.lookup_transform("nobody", "nobody", at(5))
    assert found.transform.rotation.w == 1.0 and stamp(found) == 5.0


@pytest.mark.parametrize(("seconds", "words"), [
    (11.2, "extrapolation into the future.  Requested time 11.200000 but the latest data is at "
           "time 11.000000, when looking up transform from frame [camera] to frame [map]"),
    (9.5, "extrapolation into the past.  Requested time 9.500000 but the earliest data is at time "
          "10.000000, when looking up transform from frame [camera] to frame [map]")])
def test_it_never_extrapolates(buffer: Buffer, seconds: float, words: str) -> None:
    with pytest.raises(ExtrapolationException) as refused:
        buffer.lookup_transform("map", "camera", at(seconds))
    assert words in str(refused.value)
    assert not buffer.can_transform("map", "camera", at(seconds))
    possible, why = buffer.can_transform("map", "camera", at(seconds), return_debug_tuple=True)
    assert not possible and words in why


def test_a_single_stamp_answers_only_for_itself() -> None:
    buffer = Buffer()
    buffer.set_transform(transform("a", "b", 3, x=4.0), "test")
    assert buffer.lookup_transform("a", "b", at(3)).transform.translation.x == 4.0
    with pytest.raises(ExtrapolationException, match="is in the buffer"):
        buffer.lookup_transform("a", "b", at(3.1))


def test_unknown_unconnected_and_invalid_frames(buffer: Buffer) -> None:
    with pytest.raises(LookupException, match='"nix" passed to lookupTransform argument '
                                              "target_frame does not exist"):
        buffer.lookup_transform("nix", "map", at(10))
    with pytest.raises(InvalidArgumentException, match="cannot be empty"):
        buffer.lookup_transform("", "map", at(10))
    with pytest.raises(InvalidArgumentException, match="cannot start with a '/'"):
        buffer.lookup_transform("map", "/base", at(10))
    buffer.set_transform_static(transform("moon", "rover", 0), "test")
    for when in (at(10), Time()):
        with pytest.raises(ConnectivityException, match="not part of the same tree"):
            buffer.lookup_transform("map", "rover", when)
    assert not buffer.can_transform("nix", "map", at(10))
    assert issubclass(LookupException, TransformException)


@pytest.mark.parametrize("broken", [
    transform("base", "wheel", 1, x=math.nan), transform("base", "base", 1),
    transform("base", "", 1), transform("", "wheel", 1)])
def test_a_broken_transform_is_ignored(buffer: Buffer, broken: TransformStamped) -> None:
    buffer.set_transform(broken, "test")
    assert not buffer.can_transform("base", "wheel", Time())
    assert buffer.can_transform("map", "camera", at(10.5))


def test_a_quaternion_must_be_of_unit_length(buffer: Buffer) -> None:
    broken = transform("base", "wheel", 1)
    broken.transform.rotation.w = 0.0
    buffer.set_transform(broken, "test")
    assert not buffer.can_transform("base", "wheel", Time())


def test_out_of_order_stamps_are_sorted_and_old_ones_forgotten() -> None:
    buffer = Buffer(cache_time=Duration(seconds=2))
    for seconds in (5.0, 4.0, 4.5, 2.9):  # the last one is too old to be kept
        buffer.set_transform(transform("a", "b", seconds, x=seconds), "test")
    assert buffer.lookup_transform("a", "b", at(4.25)).transform.translation.x == 4.25
    assert not buffer.can_transform("a", "b", at(3.5))
    buffer.set_transform(transform("a", "b", 8.0, x=8.0), "test")
    buffer.set_transform(transform("a", "b", 8.5, x=8.5), "test")
    assert not buffer.can_transform("a", "b", at(4.25))
    assert buffer.lookup_transform("a", "b", at(8.25)).transform.translation.x == 8.25


def test_the_full_lookup_bridges_two_times(buffer: Buffer) -> None:
    found = rigid(buffer.lookup_transform_full("base", at(11.0), "base", at(10.0), "odom"))
    then, now = transform("odom", "base", 0), transform("odom", "base", 0, y=1.0, yaw=5 / 9)
    expected = rigid(now).inverse() @ rigid(then)
    np.testing.assert_allclose(found.translation, expected.translation, atol=1e-12)
    np.testing.assert_allclose(found.rotation, expected.rotation, atol=1e-12)
    assert not buffer.can_transform_full("base", at(11.0), "base", at(1.0), "odom")


def test_clear_keeps_static_transforms(buffer: Buffer) -> None:
    buffer.clear()
    assert not buffer.can_transform("map", "base", Time())
    assert buffer.can_transform("base", "camera", at(50))


def test_all_frames_are_listed(buffer: Buffer) -> None:
    lines = buffer.all_frames_as_string().splitlines()
    assert {"Frame odom exists with parent map.", "Frame base exists with parent odom.",
            "Frame camera exists with parent base."} <= set(lines)
