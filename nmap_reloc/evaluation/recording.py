"""A recorded drive as the robot lived it: its images, and what TF had told by the time of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.bag_scan import SECOND, BagScan, RecordingOptions
from nmap_reloc.evaluation.transforms import TransformBuffer
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.bag import BagImage
from nmap_reloc.mapping.sources.bag_file import BagFile, listing, locate
from nmap_reloc.mapping.sources.bag_poses import PoseTopic
from nmap_reloc.mapping.sources.bag_topics import Topics
from nmap_reloc.types import Camera


@dataclass(frozen=True)
class Frame:
    """One image of the drive. stamp: ns. odom_from_base, base_from_camera: at the stamp, as known
    within the timeout after the image's arrival; None where TF did not say."""

    stamp: int
    read: BagImage
    odom_from_base: Rigid | None
    base_from_camera: Rigid | None

    @property
    def name(self) -> str:
        return str(self.stamp)

    @property
    def seconds(self) -> float:
        return self.stamp / SECOND


@dataclass(frozen=True)
class Recording:
    """frames in order of their stamps; odom_frame "": no odometry; poses: what pose topics state;
    notes: one line each."""

    path: Path
    topics: Topics
    image_topic: str
    camera: Camera
    odom_frame: str
    base_frame: str
    camera_frame: str
    frames: tuple[Frame, ...]
    tree: TransformBuffer
    poses: dict[str, PoseTopic]
    notes: tuple[str, ...]


def open_recording(path: Path, options: RecordingOptions | None = None) -> Recording:
    """Reads a bag once, images excepted. NmapError lists the topics or frames that there are
    where one is missing."""
    options = options or RecordingOptions()
    scan = BagScan(BagFile(locate(path)), options)
    if not scan.images:
        raise NmapError(f"{path}: no image on {scan.topic}; {listing(scan.topics)}; record the "
                        "camera's topic")
    camera = scan.camera
    if camera is None:
        raise NmapError(f"{path}: no message on {scan.infos}; {listing(scan.topics)}; record the "
                        "camera's CameraInfo")
    camera_from = _frames_checked(scan, options)
    frames = tuple(Frame(image.stamp, BagImage(scan.bag, scan.topic, image.arrival, image.stamp,
                                               camera),
                         image.odom_from_base, camera_from or image.base_from_camera)
                   for image in sorted(scan.images.values(), key=lambda image: image.stamp))
    missing = sum(frame.odom_from_base is None for frame in frames)
    if 0 < missing < len(frames):
        scan.notes.append(f"{missing} of {len(frames)} images: TF did not know odometry at their "
                          f"stamps within {options.odom_timeout:g} s of their arrival")
    return Recording(path, scan.topics, scan.topic, camera, scan.odom, scan.base,
                     scan.camera_frame, frames, scan.tree, scan.poses(), tuple(scan.notes))


def _frames_checked(scan: BagScan, options: RecordingOptions) -> Rigid | None:
    """base_from_camera where TF does not know it; notes and errors about frames."""
    tree, frames = scan.tree, ", ".join(scan.tree.frames) or "none"
    if tree.invalid:
        scan.notes.append(f"TF: {tree.invalid} transforms are not finite: left out")
    for name in ("odom_frame", "base_frame", "camera_frame"):
        given = getattr(options, name)
        if given and given not in tree.frames:
            raise NmapError(f"{name} {given}: not in the TF of {scan.bag.path}, whose frames are: "
                            f"{frames}; choose one of them")
    if scan.odom and not tree.connected(scan.odom, scan.base):
        if options.odom_frame:
            raise NmapError(f"odom_frame {scan.odom}: TF of {scan.bag.path} does not lead from it "
                            f"to {scan.base} (frames: {frames}); name another")
        scan.notes.append(f"no TF from {scan.odom!r} to {scan.base!r} (frames: {frames}): "
                          "localized without odometry")
    if tree.connected(scan.base, scan.camera_frame):
        return None
    if options.base_frame:
        raise NmapError(f"base_frame {scan.base}: TF of {scan.bag.path} does not lead from it to "
                        f"the camera {scan.camera_frame!r} (frames: {frames}); name another, or "
                        "the camera's with --camera-frame")
    scan.notes.append(f"no TF from {scan.base!r} to the camera {scan.camera_frame!r} (frames: "
                      f"{frames}): the camera is taken as the base")
    return Rigid.identity()
