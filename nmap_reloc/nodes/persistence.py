"""The last pose in a file, so that a restarted node need not search the whole map.

Believed only where it must still hold: same map, same frames, fresh, and odometry that has run on
and says that the robot has hardly moved.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, angle_degrees, covariance_of_attached
from nmap_reloc.maps.atomic import Writer, writing
from nmap_reloc.nodes.pose_file import SavedPose, encode_pose, read_pose
from nmap_reloc.nodes.worker import Worker
from nmap_reloc.types import Doubles

CLOCKS_DIFFER = 5.0  # seconds that a file may be from the future


@dataclass(frozen=True)
class RestoreOptions:
    """When a saved pose is believed, and how its covariance grows with age."""

    max_age: float = 3600.0       # seconds
    max_distance: float = 0.5     # map units by odometry since the pose was saved
    max_angle: float = 15.0       # degrees, likewise
    position_drift: float = 0.01  # map units per square root of a second: 0.6 in an hour
    rotation_drift: float = 0.1   # degrees per square root of a second: 6 in an hour


class PoseFile:
    """Writes the newest pose at most once a period (seconds), in a thread of its own.

    A disk may take long to confirm; frames don't wait for it. on_error: gets an NmapError when
    the file can't be written, in that thread.
    """

    def __init__(self, path: Path, period: float, on_error: Callable[[BaseException], None]
                 ) -> None:
        self.path, self.period = Path(path), period
        self._lock = threading.Lock()
        self._newest: SavedPose | None = None  # what the file should hold
        self._written: SavedPose | None = None
        self._next = -math.inf  # monotonic time of the next write
        self._closed = False
        self._writer: Worker[SavedPose] = Worker(lambda _: self._write(), "pose file", on_error)

    def offer(self, pose: SavedPose) -> None:
        """Returns at once. A pose that comes too early is left to a later call or to close()."""
        with self._lock:
            self._newest, now = pose, time.monotonic()
            if now >= self._next:
                self._next = now + self.period
                self._writer.offer(pose)

    def forget(self) -> None:
        """Removes the file, for the robot is known to be elsewhere. NmapError: it can't be."""
        with self._lock:
            self._newest, self._next = None, -math.inf
        if self._closed:
            return
        self._writer.call(self._remove).result()

    def close(self) -> None:
        """Writes what was not written yet and ends the thread. NmapError: it can't be written.

        What is called afterwards does nothing.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._writer.call(self._write).result()
        finally:
            self._writer.close()

    def _write(self) -> None:
        with self._lock:
            pose = self._newest
        if pose is None or pose is self._written:
            return
        data = encode_pose(pose)
        with writing(self.path, len(data)):
            Writer().write(self.path, data)
        self._written = pose

    def _remove(self) -> None:
        with writing(self.path, 0):
            self.path.unlink(missing_ok=True)
        self._written = None


def restore(path: Path, site: str, map_version: int, frames: tuple[str, str, str],
            odom_from_base: Rigid | None, now: float, options: RestoreOptions | None = None
            ) -> tuple[tuple[Rigid, Doubles] | None, str]:
    """((map_from_base now, its covariance [6 x 6]), why) or (None, why not).

    frames: the node's, see SavedPose. odom_from_base: newest; now: wall clock, seconds.
    """
    options = options or RestoreOptions()
    try:
        saved = read_pose(path)
    except NmapError as error:
        return None, str(error)
    age = now - saved.stamp
    against = (_other_map(saved, site, map_version, frames) or _stale(age, options))
    if against is not None:
        return None, f"{path}: {against}"
    if saved.odom_from_base is None or odom_from_base is None:
        when = "when it was saved" if saved.odom_from_base is None else "yet"
        return None, f"{path}: no odometry {when}, so that the robot may have been moved since"
    saved_from_now = saved.odom_from_base.inverse() @ odom_from_base
    distance = float(np.linalg.norm(saved_from_now.translation))
    angle = angle_degrees(saved_from_now, Rigid.identity())
    if not (distance <= options.max_distance and angle <= options.max_angle):
        return None, (f"{path}: odometry has moved by {distance:.3g} and {angle:.3g} deg since "
                      f"(at most {options.max_distance:g} and {options.max_angle:g} deg), or was "
                      "restarted")
    covariance = covariance_of_attached(saved.covariance, saved.map_from_base, saved_from_now)
    return ((saved.map_from_base @ saved_from_now,
             covariance + _growth(max(age, 0.0), distance, angle, options)),
            f"{path}: saved {max(age, 0.0):.0f} s ago, odometry has moved by {distance:.3g} and "
            f"{angle:.3g} deg since")


def _growth(age: float, distance: float, angle: float, options: RestoreOptions) -> Doubles:
    # what odometry says it moved may as well be how far it is wrong
    position = options.position_drift ** 2 * age + distance ** 2
    rotation = math.radians(options.rotation_drift) ** 2 * age + math.radians(angle) ** 2
    return np.diag([position] * 3 + [rotation] * 3)


def _other_map(saved: SavedPose, site: str, map_version: int, frames: tuple[str, str, str]
               ) -> str | None:
    if (saved.site, saved.map_version) != (site, map_version):
        return (f"of map {saved.site} version {saved.map_version}, this one is {site} version "
                f"{map_version}")
    if saved.frames != frames:
        return f"of frames {', '.join(saved.frames)}, these are {', '.join(frames)}"
    return None


def _stale(age: float, options: RestoreOptions) -> str | None:
    if age > options.max_age:
        return f"{age:.0f} s old, at most {options.max_age:g} s are believed (pose_file_max_age)"
    if age < -CLOCKS_DIFFER:
        return f"from {-age:.0f} s in the future, so that its age is not known"
    return None
