"""One image message from arrival to answer, in the worker's thread."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import String

from nmap_reloc.errors import NmapError
from nmap_reloc.gate import largest_sigma
from nmap_reloc.geometry import Rigid
from nmap_reloc.images import decode_message
from nmap_reloc.localizer import Localizer
from nmap_reloc.maps.manifest import Manifest
from nmap_reloc.maps.site_index import SiteIndex
from nmap_reloc.nodes.camera_info import Intrinsics
from nmap_reloc.nodes.convert import NANOSECONDS, stated_nanoseconds
from nmap_reloc.nodes.figures import RelocFigures
from nmap_reloc.nodes.image_report import ImageReport, raw_nanoseconds, refused_by, report_of
from nmap_reloc.nodes.memory import PoseMemory
from nmap_reloc.nodes.odometry import Odometry
from nmap_reloc.nodes.outputs import LATCHED, Outputs
from nmap_reloc.nodes.reloc_parameters import RelocParameters
from nmap_reloc.tracking import State, Step, Tracker, locate
from nmap_reloc.types import Camera, Image

MOST_CANDIDATES = 16  # tiles that retrieval may propose while lost
DOUBTFUL = 2  # images without a fix: carried elsewhere, perhaps, to tiles that are not loaded


@dataclass(frozen=True)
class Frame:
    """message: sensor_msgs Image or CompressedImage; arrived: monotonic seconds."""

    message: Any
    arrived: float


class Pipeline:
    """Owned by the worker, but for `info` and `values`, which callbacks replace whole."""

    def __init__(self, node: Node, localizer: Localizer, index: SiteIndex | None,
                 odometry: Odometry, outputs: Outputs, memory: PoseMemory,
                 figures: RelocFigures, values: RelocParameters):
        self._clock, self._log = node.get_clock(), node.get_logger()
        self.localizer, self.index = localizer, index
        self.manifest: Manifest = localizer.manifest
        self.odometry, self.outputs, self.figures = odometry, outputs, figures
        self.memory, self.values = memory, values
        self.tracker = Tracker(values.tracker_options())
        self.info: CameraInfo | None = None
        self._intrinsics = Intrinsics(values.rectified, node.resolve_topic_name("camera_info"))
        self._candidates = node.create_publisher(String, "~/tile_candidates", LATCHED)
        self._proposed: list[str] | None = None
        self._doing = ""  # what an image is refused for, if it is
        self._free = -math.inf  # when the image before was answered, monotonic seconds

    def process(self, frame: Frame) -> None:
        """Never raises what a message can cause: it is counted, said and named."""
        try:
            self._locate(frame)
        except NmapError as error:
            self.figures.image_dropped(self._doing)
            self.figures.failed(error)
            self._log.warning(str(error), throttle_duration_sec=5.0)
            self.outputs.report(ImageReport(raw_nanoseconds(frame.message.header),
                                            self.tracker.state.value, self._doing, str(error)))
        finally:
            self._free = time.monotonic()

    def _locate(self, frame: Frame) -> None:
        message = frame.message
        stamp = self._stamp(message.header)
        self._doing = "image"
        image = decode_message(message, "image")
        self._doing = "camera"
        camera = self._camera(image)
        self._doing = "frame"
        self.tracker.base_from_camera = self.odometry.base_from_camera(
            self.values.camera_frame or message.header.frame_id.removeprefix("/"))
        odom_from_base, self.figures.odometry = self.odometry.odom_from_base(stamp)
        seconds = stamp / NANOSECONDS
        if self.tracker.state is State.LOST:
            self._recall(seconds, odom_from_base)
        self._doing = "localizer"
        step = locate(self.localizer, self.tracker, image, camera, seconds, odom_from_base)
        self.outputs.publish(step, self.tracker, message.header)
        self._account(step, frame, time.monotonic(), odom_from_base)
        self._propose(step)
        self.outputs.report(report_of(step, stamp))
        self.outputs.show(step, self.localizer, self.manifest, image, message.header)

    def _stamp(self, header: Any) -> int:
        """Nanoseconds of a stamp that is set, not old and not of another clock."""
        self._doing = "stamp"
        stamp = stated_nanoseconds(header.stamp, "image header.stamp")
        self._doing = "stale"
        age = (self._clock.now().nanoseconds - stamp) / NANOSECONDS
        if abs(age) > self.values.max_image_age:
            raise NmapError(
                f"image header.stamp: {abs(age):.3g} s {'old' if age > 0 else 'ahead of now'}, at "
                f"most {self.values.max_image_age:g} s (max_image_age); where a bag or a "
                "simulation runs, set use_sim_time; else compare the clocks")
        return stamp

    def _camera(self, image: Image) -> Camera:
        info = self.info
        if info is None:
            raise NmapError(f"{self._intrinsics.name}: no message yet; start the camera's driver "
                            "or remap camera_info to its topic")
        try:
            camera = self._intrinsics.camera(info, image.shape)
        except NmapError as error:
            self.figures.camera = str(error)
            raise
        self.figures.camera, self.figures.camera_model = "", camera.model
        return camera

    def _recall(self, seconds: float, odom_from_base: Rigid | None) -> None:
        """The pose of the last run, as a guess that the next image confirms or denies."""
        guess, why = self.memory.restore(odom_from_base)
        if why:
            self._log.info(f"last pose {'restored' if guess else 'not restored'}: {why}")
        if guess is not None:
            self.tracker.set_pose(seconds, *guess, odom_from_base)

    def _account(self, step: Step, frame: Frame, published: float, odom_from_base: Rigid | None
                 ) -> None:
        """published: monotonic seconds."""
        verdict, estimate, figures = step.verdict, step.estimate, self.figures
        waited = max(0.0, self._free - frame.arrived) * 1e3  # while the image before was answered
        figures.image_answered({"wait": waited, **estimate.milliseconds},
                               (published - frame.arrived) * 1e3,
                               "" if verdict.accepted else refused_by(step))
        self.figures.state_is(verdict.state.value, verdict.reason)
        if not verdict.accepted:
            return
        assert verdict.map_from_base is not None and verdict.covariance is not None
        figures.pose_published(estimate.inlier_count, verdict.jumped)
        figures.position_sigma = largest_sigma(verdict.covariance[:3, :3])
        figures.rotation_sigma = math.degrees(largest_sigma(verdict.covariance[3:, 3:]))
        self.memory.keep(verdict.map_from_base, verdict.covariance, odom_from_base)

    def _propose(self, step: Step) -> None:
        """While LOST, or about to be: the tiles that this image may show, for who loads tiles."""
        names: list[str] = []
        lost = step.verdict.state is State.LOST or self.tracker.misses >= DOUBTFUL
        if lost and self.index is not None:
            names = self.index.candidates(step.features.global_descriptor, MOST_CANDIDATES)
        if names != self._proposed:
            self._proposed = names
            self._candidates.publish(String(data=json.dumps(
                {"stamp": step.stamp, "tiles": names})))
