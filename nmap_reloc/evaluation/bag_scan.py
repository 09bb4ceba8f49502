"""One pass over a recording in the order of arrival, as a subscriber would have heard it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmap_reloc.camera import from_message
from nmap_reloc.evaluation.transforms import TransformBuffer
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.bag_file import BagFile
from nmap_reloc.mapping.sources.bag_poses import PoseTopic
from nmap_reloc.mapping.sources.bag_topics import (
    ODOMETRY,
    POSE_COVARIANCE,
    POSES,
    TF,
    choose_images,
    choose_info,
    of_type,
)
from nmap_reloc.mapping.sources.trajectory import Trajectory
from nmap_reloc.progress import track
from nmap_reloc.types import Camera

SECOND = 1_000_000_000


@dataclass(frozen=True)
class RecordingOptions:
    """Topics and frames; None: found out, said in a note where something had to be assumed.

    odom_frame "": odometry is not used. camera_frame: else the images' frame_id. odom_timeout:
    seconds after an image's arrival in which its odometry may still come. rectified: whether the
    images are (None: by the topic's name).
    """

    image_topic: str | None = None
    camera_info_topic: str | None = None
    odom_frame: str | None = None
    base_frame: str | None = None
    camera_frame: str | None = None
    rectified: bool | None = None
    odom_timeout: float = 0.1


@dataclass
class Seen:
    """An image. stamp, arrival: when it was taken and recorded, ns; transforms: see Frame."""

    stamp: int
    arrival: int
    odom_from_base: Rigid | None = None
    base_from_camera: Rigid | None = None


class BagScan:
    """What the pass found, complete once constructed. NmapError lists the topics there are."""

    def __init__(self, bag: BagFile, options: RecordingOptions) -> None:
        self.bag, self.options = bag, options
        self.topics = bag.topics()
        self.topic = choose_images(self.topics, options.image_topic, bag.path)
        self.infos = choose_info(self.topics, options.camera_info_topic, self.topic, bag.path)
        self.odom = "odom" if options.odom_frame is None else options.odom_frame
        self.base = options.base_frame or "base_link"
        self.camera_frame = options.camera_frame or ""
        self.camera: Camera | None = None
        self.images: dict[int, Seen] = {}
        self.tree = TransformBuffer()
        self.notes: list[str] = []
        self._waiting: deque[Seen] = deque()
        self._rows: dict[str, list[tuple[float, ...]]] = {}
        self._said: dict[str, tuple[str, str]] = {}
        self._again = self._unstamped = 0
        self._changed = False

        self._run()

    def _run(self) -> None:
        tf = of_type(self.topics, TF)
        fixed = [topic for topic in tf if topic.rpartition("/")[2] == "tf_static"]
        for _, _, message in self.bag.messages(fixed):  # latched: a robot has them at its start
            self._transforms(message.transforms, static=True)
        poses = of_type(self.topics, *POSES)
        wanted = {self.topic, self.infos, *poses, *tf} - set(fixed)
        total = sum(self.topics[name][1] for name in wanted)
        for topic, arrival, message in track(self.bag.messages(wanted), "reading the bag", total):
            self._expire(arrival)
            if topic == self.topic:
                self._image(arrival, message)
            elif topic == self.infos:
                self._info(message)
            elif topic in tf:
                self._transforms(message.transforms, static=False)
                self._waiting = deque(image for image in self._waiting if not self._ask(image))
            else:
                self._pose(topic, message)
        self._count()

    def _image(self, arrival: int, message: Any) -> None:
        stamp = _nanoseconds(message.header)
        self._unstamped += stamp == 0
        stamp = stamp or arrival
        if stamp in self.images:
            self._again += 1
            return
        self.camera_frame = self.camera_frame or _frame(message.header.frame_id)
        image = self.images[stamp] = Seen(stamp, arrival)
        if not self._ask(image):
            self._waiting.append(image)

    def _ask(self, image: Seen) -> bool:
        """True when TF has answered all that it can be asked about the image."""
        if image.odom_from_base is None and self.odom:
            image.odom_from_base = self.tree.lookup(self.odom, self.base, image.stamp)
        if image.base_from_camera is None:
            image.base_from_camera = self.tree.lookup(self.base, self.camera_frame, image.stamp)
        return (image.odom_from_base is not None or not self.odom) \
            and image.base_from_camera is not None

    def _expire(self, now: int) -> None:
        """Images whose time to wait is over go without."""
        limit = now - round(self.options.odom_timeout * SECOND)
        while self._waiting and self._waiting[0].arrival < limit:
            self._waiting.popleft()

    def _info(self, message: Any) -> None:
        rectified = self.options.rectified
        if rectified is None:  # image_transport's name for them, or its compressed twin
            rectified = any(part.startswith("image_rect") for part in self.topic.split("/")[-2:])
        camera = from_message(message, rectified, f"{self.bag.path} {self.infos}")
        self._changed |= camera != (self.camera or camera)
        self.camera = self.camera or camera

    def _transforms(self, transforms: Iterable[Any], static: bool) -> None:
        for link in transforms:
            move, turn = link.transform.translation, link.transform.rotation
            self.tree.add(_frame(link.header.frame_id), _frame(link.child_frame_id),
                          _nanoseconds(link.header),
                          (move.x, move.y, move.z, turn.w, turn.x, turn.y, turn.z), static)

    def _pose(self, topic: str, message: Any) -> None:
        kind = self.topics[topic][0]
        pose = message.pose.pose if kind in (ODOMETRY, POSE_COVARIANCE) else message.pose
        body = _frame(message.child_frame_id) if kind == ODOMETRY else ""
        self._said.setdefault(topic, (_frame(message.header.frame_id), body))
        at, turn = pose.position, pose.orientation
        self._rows.setdefault(topic, []).append(
            (_nanoseconds(message.header) / SECOND, at.x, at.y, at.z,
             turn.w, turn.x, turn.y, turn.z))

    def _count(self) -> None:
        if self._again:
            self.notes.append(f"{self._again} images of {self.topic} repeat a stamp: left out")
        if self._unstamped:
            self.notes.append(f"{self._unstamped} images of {self.topic} have no stamp: the time "
                              "of recording is used")
        if self._changed:
            self.notes.append(f"{self.infos}: the intrinsics change; the first ones are used")

    def poses(self) -> dict[str, PoseTopic]:
        """Topic -> its poses and the frames that its first message names."""
        found = {}
        for topic, rows in self._rows.items():
            table = np.asarray(rows, np.float64)
            found[topic] = PoseTopic(*self._said[topic],
                                     Trajectory(table[:, 0], table[:, 1:4], table[:, 4:8]))
        return found


def _nanoseconds(header: Any) -> int:
    return int(header.stamp.sec) * SECOND + int(header.stamp.nanosec)


def _frame(name: str) -> str:
    return str(name).lstrip("/")
