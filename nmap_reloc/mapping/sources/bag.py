"""A ROS 2 recording as a source: its images, CameraInfo, and poses at the images' stamps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmap_reloc.camera import check_camera, from_message
from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources.bag_file import (
    SUFFIXES,
    BagFile,
    listing,
    locate,
    recordings,
)
from nmap_reloc.mapping.sources.bag_poses import PoseOptions, PoseTopic, Recorded, camera_poses
from nmap_reloc.mapping.sources.bag_topics import (
    ODOMETRY,
    POSE_COVARIANCE,
    POSES,
    TF,
    Topics,
    choose_images,
    choose_info,
    of_type,
)
from nmap_reloc.mapping.sources.base import PosedImage, Source, fingerprint, finish
from nmap_reloc.mapping.sources.calibration import GivenCamera, given_camera
from nmap_reloc.mapping.sources.decode import decode_message
from nmap_reloc.mapping.sources.trajectory import Trajectory, keyframes
from nmap_reloc.mapping.sources.transform_tree import Row, TransformTree
from nmap_reloc.progress import track
from nmap_reloc.types import Camera, Image

MANY = 2000  # images above which a person is told about keyframes


@dataclass(frozen=True)
class BagImage:
    """Reads one image of a recording by its topic and recording time, ns; stamp_ns tells apart
    messages that were recorded at the same time."""

    bag: BagFile
    topic: str
    recorded: int
    stamp_ns: int
    camera: Camera

    def __call__(self) -> Image:
        name = f"{self.bag.path} {self.topic} {self.stamp_ns}"
        for _, _, message in self.bag.messages([self.topic], self.recorded, self.recorded + 1):
            if _nanoseconds(message.header) in (self.stamp_ns, 0):
                image = decode_message(message, name)
                check_camera(self.camera, image.shape, name)
                return image
        raise NmapError(f"{name}: no longer in the recording; build from the same file again")


def detect(path: Path) -> bool:
    """Whether the path is a recording or a folder of one."""
    if path.is_dir():
        return (path / "metadata.yaml").is_file() or bool(recordings(path))
    return path.suffix in SUFFIXES


def open_bag(path: Path, *, image_topic: str | None = None,
             camera_info_topic: str | None = None, camera: GivenCamera = None,
             rectified: bool | None = None, poses: str | Path = "auto",
             map_frame: str | None = None, camera_frame: str | None = None,
             pose_frame: str | None = None, extrinsic: str | None = None, max_gap: float = 0.5,
             tolerance: float = 0.02, every: int = 1, min_translation: float = 0.0,
             min_rotation_deg: float = 0.0) -> Source:
    """A bag folder or one .mcap or .db3 file; every option has a default where one is clear.

    camera: instead of CameraInfo. rectified: the images are (else: the topic's last part begins
    with image_rect). poses to tolerance: see PoseOptions. every to min_rotation_deg: see
    keyframes. Unit metre; names are stamps in ns. NmapError lists the topics or frames there are
    where one is missing.
    """
    options = PoseOptions(str(poses), map_frame, camera_frame, pose_frame, extrinsic, max_gap,
                          tolerance)
    index = _Index(BagFile(locate(path)), image_topic, camera_info_topic, given_camera(camera),
                   rectified)
    notes = index.notes
    frame = camera_frame or index.frame
    if frame.endswith("_link"):
        notes.append(f"frame {frame!r}: not an optical frame by its name; where its x looks "
                     "ahead, name the optical one (z ahead) with the option camera_frame")
    pose_at = camera_poses(index.recorded, frame, options, notes)
    images = keyframes([
        PosedImage(str(stamp), index.camera, pose_at(stamp * 1e-9),
                   BagImage(index.bag, index.topic, recorded, stamp, index.camera), stamp * 1e-9)
        for stamp, recorded in sorted(index.stamps.items())
    ], every, min_translation, min_rotation_deg)
    if images and not any(image.map_from_camera is not None for image in images):
        raise NmapError(f"{path}: none of {len(images)} images has a pose at its stamp (the first "
                        f"at {images[0].stamp:.3f} s); give poses of the same time or a larger "
                        f"max_gap than {max_gap} s")
    if len(images) > MANY and every == 1 and not (min_translation or min_rotation_deg):
        notes.append(f"{len(images)} images: mapping all takes long; choose keyframes with "
                     "min_translation, min_rotation_deg or every")
    said = {**asdict(options), "image_topic": index.topic, "camera": index.camera, "every": every,
            "min_translation": min_translation, "min_rotation_deg": min_rotation_deg}
    texts = [Path(poses)] if Path(poses).is_file() else []
    return finish(path, "bag", images, unit="metre", warnings=notes,
                  fingerprint=fingerprint("bag", said, texts, recordings(path), path))


class _Index:
    """One pass over a recording: stamps of the images, intrinsics, and everything about poses."""

    def __init__(self, bag: BagFile, images: str | None, infos: str | None,
                 camera: Camera | None, rectified: bool | None) -> None:
        self.bag = bag
        self.notes: list[str] = []
        self.stamps: dict[int, int] = {}  # stamp -> recording time, both in ns
        self.frame = ""
        topics = bag.topics()
        self.topic = choose_images(topics, images, bag.path)
        self._infos = "" if camera else choose_info(topics, infos, self.topic, bag.path)
        self._rectified = rectified if rectified is not None else _says_rectified(self.topic)
        self._camera = camera
        self._tree = TransformTree()
        self._rows: dict[str, list[Row]] = {}
        self._frames: dict[str, tuple[str, str]] = {}
        self._scan(topics)
        self._tree.close()
        if self._tree.invalid:
            self.notes.append(f"TF: {self._tree.invalid} transforms are not finite: left out")
        self.recorded = Recorded(bag.path, topics, self._tree, {
            topic: _trajectory(rows, *self._frames[topic]) for topic, rows in self._rows.items()})
        if not self.stamps:
            raise NmapError(f"{bag.path}: no image on {self.topic}; {listing(topics)}; record the "
                            "camera's topic")
        self.camera = self._known_camera(topics)

    def _scan(self, topics: Topics) -> None:
        tf, poses = of_type(topics, TF), of_type(topics, *POSES)
        wanted = {self.topic, *tf, *poses, *([self._infos] if self._infos else [])}
        total = sum(topics[name][1] for name in wanted)
        again = unstamped = 0
        for topic, recorded, message in track(self.bag.messages(wanted), "reading the bag", total):
            if topic == self.topic:
                stamp = _nanoseconds(message.header)
                unstamped += stamp == 0
                stamp = stamp or recorded
                again += stamp in self.stamps
                self.stamps.setdefault(stamp, recorded)
                self.frame = self.frame or _frame(message.header.frame_id)
            elif topic == self._infos:
                if self._camera is None:
                    self._camera = from_message(message, self._rectified,
                                                f"{self.bag.path} {topic}")
            elif topic in tf:
                self._transforms(message.transforms, topic)
            else:
                self._pose(topic, topics[topic][0], message)
        if again:
            self.notes.append(f"{again} images of {self.topic} repeat a stamp: left out")
        if unstamped:
            self.notes.append(f"{unstamped} images of {self.topic} have no stamp: the time of "
                              "recording is used")

    def _transforms(self, transforms: Iterable[Any], topic: str) -> None:
        static = topic.rpartition("/")[2] == "tf_static"
        for link in transforms:
            self._tree.add(_frame(link.header.frame_id), _frame(link.child_frame_id),
                           _row(link.header, link.transform.translation, link.transform.rotation),
                           static)

    def _pose(self, topic: str, kind: str, message: Any) -> None:
        pose = message.pose.pose if kind in (ODOMETRY, POSE_COVARIANCE) else message.pose
        body = _frame(message.child_frame_id) if kind == ODOMETRY else ""
        self._frames.setdefault(topic, (_frame(message.header.frame_id), body))
        self._rows.setdefault(topic, []).append(
            _row(message.header, pose.position, pose.orientation))

    def _known_camera(self, topics: Topics) -> Camera:
        if self._camera is None:
            raise NmapError(f"{self.bag.path}: no message on {self._infos}; {listing(topics)}; "
                            "give the intrinsics with the option camera")
        return self._camera


def _nanoseconds(header: Any) -> int:
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def _frame(name: str) -> str:
    return str(name).lstrip("/")


def _row(header: Any, position: Any, rotation: Any) -> Row:
    return (_nanoseconds(header) * 1e-9, position.x, position.y, position.z,
            rotation.w, rotation.x, rotation.y, rotation.z)


def _trajectory(rows: list[Row], frame: str, body: str) -> PoseTopic:
    table = np.asarray(rows, np.float64)
    return PoseTopic(frame, body, Trajectory(table[:, 0], table[:, 1:4], table[:, 4:8]))


def _says_rectified(topic: str) -> bool:
    """image_transport's name for rectified images, or its compressed twin."""
    return any(part.startswith("image_rect") for part in topic.split("/")[-2:])
