"""What TF says of the robot at an image's stamp: its odometry, and where its camera is mounted."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

import numpy as np
from rclpy.time import Time
from tf2_ros import Buffer, ExtrapolationException, TransformException

from nmap_reloc.errors import NmapError, one_line
from nmap_reloc.geometry import Rigid, angle_degrees
from nmap_reloc.nodes.convert import NANOSECONDS, nanoseconds, rigid_from_transform

MOST_CAMERAS = 8          # frames of cameras remembered; a stream names one
MOUNT_PERIOD = 1.0        # seconds between looks whether the mount has changed
SAME_PLACE, SAME_ANGLE = 1e-6, 1e-4  # map units, degrees: less is rounding


class Odometry:
    """Of one buffer, for one thread; another fills the buffer. timeout: seconds of wall time.

    odom_frame "": there is no odometry. mount_changes: how often a camera was seen to be mounted
    differently from before.
    """

    def __init__(self, buffer: Buffer, odom_frame: str, base_frame: str, timeout: float) -> None:
        self.buffer, self.timeout = buffer, timeout
        self.odom_frame, self.base_frame = odom_frame, base_frame
        self.mount_changes = 0
        self._unknown = False  # when last asked, TF did not connect the two frames
        self._mounts: OrderedDict[str, tuple[Rigid, float]] = OrderedDict()

    def odom_from_base(self, stamp: int) -> tuple[Rigid | None, str]:
        """(odom_from_base, "") at a stamp in nanoseconds, else (None, why in one line).

        Waits for what is still to come, at most the timeout; not for frames that no one sends,
        nor for a time that odometry has already passed.
        """
        if not self.odom_frame:
            return None, "no odometry: odom_frame is empty"
        found, error = self._look_up(self.odom_frame, self.base_frame, stamp)
        if found is None and self._may_come(error, stamp):
            self._wait(stamp)
            found, error = self._look_up(self.odom_frame, self.base_frame, stamp)
        self._unknown = found is None and not isinstance(error, ExtrapolationException)
        if found is None:
            return None, self._why(error, stamp)
        return found, ""

    def latest(self) -> tuple[Rigid | None, int]:
        """(odom_from_base, its stamp in nanoseconds) as new as there is, (None, 0) where none."""
        if not self.odom_frame:
            return None, 0
        found, _ = self._look_up(self.odom_frame, self.base_frame, 0)
        return (None, 0) if found is None else (found, self._newest())

    def base_from_camera(self, frame_id: str) -> Rigid:
        """Where the camera of an image with this header.frame_id is mounted, by the newest TF.

        Looked up again now and then: a mount that was calibrated anew is noticed. What is
        forgotten by TF, after a jump in time, still holds. NmapError: no such frame below
        base_frame.
        """
        if not frame_id:
            raise NmapError("image header.frame_id '': not set; set camera_frame, or have the "
                            "camera driver name its optical frame")
        if frame_id == self.base_frame:
            return Rigid.identity()
        known, looked = self._mounts.get(frame_id, (None, 0.0))
        if known is not None and time.monotonic() < looked + MOUNT_PERIOD:
            return known
        found, error = self._look_up(self.base_frame, frame_id, 0)
        if found is None and known is None:
            raise NmapError(f"image header.frame_id {frame_id[:60]!r}: TF has no transform from "
                            f"{self.base_frame!r} to it ({_line(error)}); publish it (static), or "
                            "set camera_frame and base_frame to the frames that there are")
        mount = found or known
        assert mount is not None
        if known is not None and not _same(known, mount):
            self.mount_changes += 1
        self._mounts[frame_id] = mount, time.monotonic()
        while len(self._mounts) > MOST_CAMERAS:
            self._mounts.popitem(last=False)
        return mount

    def _look_up(self, target: str, source: str, stamp: int
                 ) -> tuple[Rigid | None, Exception | None]:
        """target_from_source without waiting; stamp 0: the newest."""
        try:
            message = self.buffer.lookup_transform(target, source, Time(nanoseconds=stamp))
            return rigid_from_transform(message.transform, f"TF {target} -> {source}"), None
        except (TransformException, NmapError, ValueError) as error:  # a name with a NUL in it
            return None, error

    def _newest(self) -> int:
        """Nanoseconds of the newest odom_from_base, 0 where there is none."""
        try:
            message = self.buffer.lookup_transform(self.odom_frame, self.base_frame, Time())
            return nanoseconds(message.header.stamp)
        except (TransformException, NmapError):
            return 0

    def _may_come(self, error: Exception | None, stamp: int) -> bool:
        if isinstance(error, (NmapError, ValueError)):
            return False
        if isinstance(error, ExtrapolationException):
            return self._newest() < stamp
        return not self._unknown  # a robot without odometry must not wait at every image

    def _wait(self, stamp: int) -> None:
        # tf2's own wait looks every 20 ms, of a clock that may be simulated and stand still
        arrived = threading.Event()
        future = self.buffer.wait_for_transform_async(self.odom_frame, self.base_frame,
                                                      Time(nanoseconds=stamp))
        future.add_done_callback(lambda _: arrived.set())
        if not arrived.wait(self.timeout):
            future.cancel()  # the buffer forgets it

    def _why(self, error: Exception | None, stamp: int) -> str:
        pair = f"TF {self.odom_frame} -> {self.base_frame}"
        if isinstance(error, NmapError):
            return str(error)
        newest = self._newest()
        if isinstance(error, ExtrapolationException) and newest:
            behind = (stamp - newest) / NANOSECONDS
            if behind > 0:
                return (f"{pair} ends {behind:.3f} s before the image, after {self.timeout:g} s "
                        "of waiting; compare the clocks of camera and odometry, or raise "
                        "odom_timeout")
            return (f"{pair} does not reach back to the image, {-behind:.3f} s before its newest; "
                    "compare the clocks of camera and odometry")
        return (f"{pair} is not to be had ({_line(error)}); start odometry, or correct odom_frame "
                "and base_frame")


def _same(a: Rigid, b: Rigid) -> bool:
    apart = float(np.linalg.norm(a.translation - b.translation))
    return apart <= SAME_PLACE and angle_degrees(a, b) <= SAME_ANGLE


def _line(error: Exception | None) -> str:
    return one_line(error).rstrip(". ")
