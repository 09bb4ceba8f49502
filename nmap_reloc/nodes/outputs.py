"""What reloc_node publishes of one image: pose, TF, path, state, and pictures for who looks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import Path as PathMessage
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import Header, String
from visualization_msgs.msg import MarkerArray

from nmap_reloc.geometry import Rigid
from nmap_reloc.localizer import Localizer
from nmap_reloc.maps.manifest import Manifest
from nmap_reloc.nodes.convert import pose_from_rigid, pose_with_covariance
from nmap_reloc.nodes.debug_image import debug_message, draw
from nmap_reloc.nodes.image_report import ImageReport
from nmap_reloc.nodes.map_transform import Correction, MapTransform
from nmap_reloc.nodes.markers import Box, Markers
from nmap_reloc.nodes.reloc_parameters import RelocParameters
from nmap_reloc.tracking import State, Step, Tracker
from nmap_reloc.types import Image

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass(frozen=True)
class Frames:
    """Names of TF frames; odom "" where there is no odometry."""

    map: str
    odom: str
    base: str


class Outputs:
    """Called by the worker alone. `transform` is re-sent by a timer of the node."""

    def __init__(self, node: Node, frames: Frames, values: RelocParameters):
        self.frames, self.values = frames, values
        self.transform = MapTransform(node, values.tf_rate, values.transform_tolerance)
        self._pose = node.create_publisher(PoseWithCovarianceStamped, "~/pose", 10)
        self._path = node.create_publisher(PathMessage, "~/path", LATCHED)
        self._state = node.create_publisher(String, "~/state", LATCHED)
        self._report = node.create_publisher(String, "~/report", 100)
        self._marker = node.create_publisher(MarkerArray, "~/markers", 10)
        self._debug = node.create_publisher(ImageMessage, "~/debug_image", 1)
        self._markers = Markers(frames.map)
        self._poses: deque[PoseStamped] = deque(maxlen=values.path_length or None)
        self._said: State | None = None

    def publish(self, step: Step, tracker: Tracker, header: Header) -> None:
        """header: the image's. Nothing that is not believed leaves as a pose."""
        verdict = step.verdict
        if verdict.accepted:
            assert verdict.map_from_base is not None and verdict.covariance is not None
            self._pose.publish(pose_with_covariance(verdict.map_from_base, verdict.covariance,
                                                    self.frames.map, header.stamp))
        self.correct(tracker, header.stamp if verdict.accepted else None)
        self.say(verdict.state)

    def correct(self, tracker: Tracker, stamp: object | None) -> None:
        """TF as the tracker has it; stamp: of the fix that was just believed, None without."""
        correction = self._correction(tracker)
        if correction is None or not self.values.publish_tf:
            self.transform.correction = None
        elif stamp is not None:
            self.transform.fixed(correction, stamp)

    def _correction(self, tracker: Tracker) -> Correction | None:
        if self.frames.odom:
            map_from_odom = tracker.map_from_odom
            return None if map_from_odom is None else Correction(
                map_from_odom, self.frames.map, self.frames.odom)
        # Nothing carries the base on between fixes: in doubt, its last place is not the present.
        last = tracker.last_pose if tracker.state is State.TRACKING else None
        return None if last is None else Correction(last, self.frames.map, self.frames.base)

    def say(self, state: State) -> None:
        """On `~/state`, when it has changed."""
        if state is not self._said:
            self._said = state
            self._state.publish(String(data=state.value))

    def report(self, report: ImageReport) -> None:
        """On `~/report`, while someone subscribes."""
        if self._report.get_subscription_count():
            self._report.publish(String(data=report.to_json()))

    def _extend_path(self, map_from_base: Rigid, stamp: Time) -> None:
        if not self.values.path_length:
            return
        pose = PoseStamped(header=Header(frame_id=self.frames.map, stamp=stamp),
                           pose=pose_from_rigid(map_from_base))
        if self._poses and _time(self._poses[-1].header) > _time(pose.header):
            self._poses.clear()  # a bag began again
        if self._poses.maxlen != self.values.path_length:
            self._poses = deque(self._poses, maxlen=self.values.path_length)
        self._poses.append(pose)
        if self._path.get_subscription_count():
            self._path.publish(PathMessage(header=pose.header, poses=list(self._poses)))

    def show(self, step: Step, localizer: Localizer, manifest: Manifest, image: Image,
             header: Header) -> None:
        """Path, markers and the debug image, each sent only while someone subscribes."""
        if step.verdict.accepted:
            assert step.verdict.map_from_base is not None
            self._extend_path(step.verdict.map_from_base, header.stamp)
        if self._marker.get_subscription_count():
            self._marker.publish(self._drawn(step, localizer, manifest, header))
        if self._debug.get_subscription_count():
            found = step.estimate.correspondences
            picture = draw(image, step.features.keypoints, None if found is None else
                           found.points2D, step.estimate.inliers, step.verdict.state.value,
                           step.verdict.reason, self.values.debug_image_width)
            self._debug.publish(debug_message(picture, header))

    def _drawn(self, step: Step, localizer: Localizer, manifest: Manifest, header: Header
               ) -> MarkerArray:
        markers, stamp, active = self._markers, header.stamp, localizer.active
        names = set() if active is None else set(active.tiles)
        boxes = [Box(entry.id, entry.low, entry.high) for entry in manifest.tiles
                 if entry.id in names]
        parts = [markers.tiles(boxes, stamp)]
        found, estimate = step.estimate.correspondences, step.estimate
        if active is not None:
            parts.append(markers.voxels(active.loaded.centres, active.loaded.side,
                                        None if found is None else found.voxels, stamp))
        if found is not None and estimate.accepted:
            parts.append(markers.fix(found.points3D, estimate.inliers, estimate.map_from_camera,
                                     stamp))
        verdict = step.verdict
        parts.append(markers.covariance(verdict.map_from_base, verdict.covariance, stamp)
                     if verdict.state is not State.LOST else markers.clear(stamp))
        return MarkerArray(markers=[marker for part in parts for marker in part.markers])


def _time(header: Header) -> tuple[int, int]:
    return header.stamp.sec, header.stamp.nanosec
