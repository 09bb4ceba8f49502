"""The tree of frames behind a lock, in terms of messages and rclpy's times."""

from __future__ import annotations

import math
import threading
from typing import Any

from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.time import Time
from tf2_ros._exceptions import TransformException
from tf2_ros._frame_tree import FrameTree
from tf2_ros._poses import Pose
from tf2_ros._time_cache import Link, seconds

DEFAULT_CACHE_TIME = Duration(seconds=10)
NORMALIZATION_TOLERANCE = 10e-3  # of a quaternion's squared length


class BufferCore:
    """Keeps transforms for a while and answers how two frames lie at a time.

    time, here and below: an rclpy Time or a builtin_interfaces Time; 0 asks for the latest time
    at which both frames are known.
    """

    def __init__(self, cache_time: Duration | None = None) -> None:
        self._tree = FrameTree((cache_time or DEFAULT_CACHE_TIME).nanoseconds)
        # Threads wait here for news; everything that touches the tree holds it.
        self._changed = threading.Condition(threading.RLock())

    def clear(self) -> None:
        """Forgets all but static transforms."""
        with self._changed:
            self._tree.clear()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Adds one; a broken one is logged and ignored."""
        self._set(transform, authority, static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Adds one that holds at all times."""
        self._set(transform, authority, static=True)

    def _set(self, transform: TransformStamped, authority: str, static: bool) -> None:
        parent = transform.header.frame_id.removeprefix("/")
        child = transform.child_frame_id.removeprefix("/")
        pose = _pose(transform.transform)
        flaw = _flaw(parent, child, pose, authority)
        if flaw:
            get_logger("tf2").error(flaw)
            return
        stamp = nanoseconds(transform.header.stamp)
        with self._changed:
            if self._tree.insert(child, stamp, Link(parent, pose), static, authority):
                self._changed.notify_all()
                return
        get_logger("tf2").warning(
            f"TF_OLD_DATA ignoring data from the past for frame {child} at time {seconds(stamp)} "
            f"according to authority {authority}")

    def lookup_transform_core(self, target_frame: str, source_frame: str,
                              time: Time) -> TransformStamped:
        """``target_from_source`` now, without waiting; raises a TransformException."""
        pose, stamp = self._find(target_frame, source_frame, nanoseconds(time))
        return _message(target_frame, source_frame, pose, stamp)

    def lookup_transform_full_core(self, target_frame: str, target_time: Time, source_frame: str,
                                   source_time: Time, fixed_frame: str) -> TransformStamped:
        """The source at its time, seen from the target at its own; fixed_frame stands still."""
        with self._changed:
            for name, frame in (("target_frame", target_frame), ("source_frame", source_frame),
                                ("fixed_frame", fixed_frame)):
                self._tree.check(frame, f"lookupTransform argument {name}")
            fixed_from_source, _ = self._find(fixed_frame, source_frame, nanoseconds(source_time))
            target_from_fixed, stamp = self._find(target_frame, fixed_frame,
                                                  nanoseconds(target_time))
        return _message(target_frame, source_frame, target_from_fixed @ fixed_from_source, stamp)

    def _find(self, target: str, source: str, stamp: int) -> tuple[Pose, int]:
        with self._changed:
            if target == source:  # holds even for a frame that nobody knows
                return Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)), \
                    stamp or self._tree.latest_of(target)
            self._tree.check(target, "lookupTransform argument target_frame")
            self._tree.check(source, "lookupTransform argument source_frame")
            return self._tree.find(target, source, stamp)

    def can_transform_core(self, target_frame: str, source_frame: str,
                           time: Time) -> tuple[bool, str]:
        """Whether lookup_transform_core would answer; if not, why."""
        if target_frame == source_frame:
            return True, ""
        with self._changed:
            for name, frame in (("target_frame", target_frame), ("source_frame", source_frame)):
                flaw = self._tree.flaw(frame)
                if flaw:
                    return False, (f'Invalid frame ID "{frame}" passed to canTransform argument '
                                   f"{name} - {flaw}")
            try:
                self._tree.find(target_frame, source_frame, nanoseconds(time))
            except TransformException as failure:
                return False, str(failure)
        return True, ""

    def can_transform_full_core(self, target_frame: str, target_time: Time, source_frame: str,
                                source_time: Time, fixed_frame: str) -> tuple[bool, str]:
        """Whether lookup_transform_full_core would answer; if not, why."""
        with self._changed:
            for name, frame in (("target_frame", target_frame), ("source_frame", source_frame),
                                ("fixed_frame", fixed_frame)):
                flaw = self._tree.flaw(frame)
                if flaw:
                    return False, (f'Invalid frame ID "{frame}" passed to canTransform argument '
                                   f"{name} - {flaw}")
            possible, why = self.can_transform_core(target_frame, fixed_frame, target_time)
            if not possible:
                return possible, why
            return self.can_transform_core(fixed_frame, source_frame, source_time)

    def get_latest_common_time(self, target_frame: str, source_frame: str) -> Time:
        """The newest time at which both frames are known; raises a TransformException."""
        with self._changed:
            self._tree.check(target_frame, "get_latest_common_time")
            self._tree.check(source_frame, "get_latest_common_time")
            return Time(nanoseconds=self._tree.latest_common_time(target_frame, source_frame))

    def all_frames_as_string(self) -> str:
        """A line for every frame with a parent."""
        with self._changed:
            return self._tree.as_string()

    def all_frames_as_yaml(self) -> str:
        """For every frame its parent, who sends it, how often and over what time."""
        with self._changed:
            return self._tree.as_yaml()


def nanoseconds(time: Any) -> int:
    """An rclpy Time or a builtin_interfaces Time -> nanoseconds."""
    if hasattr(time, "nanoseconds"):
        return int(time.nanoseconds)
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def _flaw(parent: str, child: str, pose: Pose, authority: str) -> str:
    """Why a transform must be ignored; empty where it is good."""
    who = f'from authority "{authority}"'
    if not child:
        return f"TF_NO_CHILD_FRAME_ID: Ignoring transform {who} because child_frame_id not set"
    which = f'Ignoring transform for child_frame_id "{child}" {who} because'
    if not parent:
        return f"TF_NO_FRAME_ID: {which} frame_id not set"
    if parent == child:
        return f"TF_SELF_TRANSFORM: {which} frame_id and child_frame_id are the same"
    if any(map(math.isnan, (*pose.translation, *pose.rotation))):
        return (f"TF_NAN_INPUT: {which} of a nan value in the transform {pose.translation} "
                f"{pose.rotation}")
    if not abs(sum(v * v for v in pose.rotation) - 1) < NORMALIZATION_TOLERANCE:
        return (f"TF_DENORMALIZED_QUATERNION: {which} of an invalid quaternion in the transform "
                f"{pose.rotation}")
    return ""


def _pose(transform: Transform) -> Pose:
    t, r = transform.translation, transform.rotation
    return Pose((t.x, t.y, t.z), (r.x, r.y, r.z, r.w))


def _message(target: str, source: str, pose: Pose, stamp: int) -> TransformStamped:
    x, y, z, w = pose.rotation
    message = TransformStamped(child_frame_id=source)
    message.header.frame_id = target
    message.header.stamp = Time(nanoseconds=stamp).to_msg()
    tx, ty, tz = pose.translation
    message.transform = Transform(translation=Vector3(x=tx, y=ty, z=tz),
                                  rotation=Quaternion(x=x, y=y, z=z, w=w))
    return message
