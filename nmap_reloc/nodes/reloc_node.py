"""reloc_node: images in, the robot's pose in the map out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tf2_ros import Buffer, TransformListener

from nmap_reloc.errors import NmapError
from nmap_reloc.localizer import Localizer
from nmap_reloc.maps.site_index import SiteIndex
from nmap_reloc.maps.store import Site
from nmap_reloc.nodes.convert import NANOSECONDS, read_initial_pose
from nmap_reloc.nodes.described import expanded
from nmap_reloc.nodes.diagnostics import start_diagnostics
from nmap_reloc.nodes.figures import RelocFigures
from nmap_reloc.nodes.memory import PoseMemory
from nmap_reloc.nodes.odometry import Odometry
from nmap_reloc.nodes.outputs import LATCHED, Frames, Outputs
from nmap_reloc.nodes.parameters import ParameterSet
from nmap_reloc.nodes.pipeline import Frame, Pipeline
from nmap_reloc.nodes.reloc_keys import RELOC_KEYS
from nmap_reloc.nodes.reloc_parameters import RelocParameters
from nmap_reloc.nodes.running import run_node
from nmap_reloc.nodes.tile_loader import Loaded, TileLoader
from nmap_reloc.nodes.worker import Worker

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class RelocNode(Node):
    """Callbacks only enqueue: the worker owns localizer, tracker and engines, the tile loader
    builds tile sets beside it. NmapError where it can't start: no map, wrong parameters."""

    def __init__(self, **options: Any) -> None:
        super().__init__("reloc_node", **options)
        self.figures = RelocFigures()
        self.settings = ParameterSet(self, RelocParameters, self._changed)
        values = self.settings.values
        self.figures.resize(values.diagnostics_window)
        self.worker: Worker[Frame] = Worker(self._process, "localizer", self._failed)
        try:
            self.pipeline = self.worker.call(lambda: self._open(values)).result()
        except BaseException:
            self.worker.close()
            raise
        self._loaded = self.create_publisher(String, "~/loaded_tiles", LATCHED)
        self._managed = values.tiles == "managed"
        self.loader = TileLoader(expanded(values.map), self.pipeline.localizer, self._tiles_loaded)
        self._tell_tiles(self.loader.loaded)
        self._subscribe(values)
        self.create_service(Trigger, "~/relocalize", self._relocalize)
        self.create_timer(1.0, self._expire)
        self._updater = start_diagnostics(self, RELOC_KEYS, lambda: self.figures,
                                          self.settings)
        self.pipeline.outputs.say(self.pipeline.tracker.state)
        self._greet()

    def _greet(self) -> None:
        manifest = self.pipeline.manifest
        self.get_logger().info(
            f"map {manifest.site_id} version {manifest.map_version}, {len(manifest.tiles)} tiles; "
            f"{self.figures.engine}; images on {self.resolve_topic_name('image')}")

    def _open(self, values: RelocParameters) -> Pipeline:
        """In the worker: what is opened here belongs to it."""
        path = expanded(values.map)
        managed = values.tiles == "managed"
        localizer = Localizer.open(path, values.backend, values.localizer_options(),
                                   values.weights(), tiles=() if managed else None)
        manifest, figures = localizer.manifest, self.figures
        frames = Frames(values.map_frame or manifest.frame, values.odom_frame, values.base_frame)
        self.buffer = Buffer()
        self._listener = TransformListener(self.buffer, self)
        odometry = Odometry(self.buffer, frames.odom, frames.base, values.odom_timeout)
        memory = PoseMemory(values, manifest, (frames.map, frames.odom, frames.base), self._failed)
        figures.site, figures.map_version = manifest.site_id, manifest.map_version
        figures.frame, figures.tiles_total = frames.map, len(manifest.tiles)
        extractor = localizer.extractor
        assert extractor is not None
        figures.engine = ": ".join(part for part in (
            f"{extractor.name} features on {extractor.backend}", extractor.reason) if part)
        index = SiteIndex.read(Site.open(path)) if managed else None
        return Pipeline(self, localizer, index, odometry, Outputs(self, frames, values), memory,
                        figures, values)

    def _subscribe(self, values: RelocParameters) -> None:
        kind = CompressedImage if values.compressed else Image
        self.create_subscription(kind, "image", self._image, NEWEST)
        self.create_subscription(CameraInfo, "camera_info", self._camera_info, NEWEST)
        self.create_subscription(PoseWithCovarianceStamped, "initialpose", self._initial_pose, 10)
        if self._managed:
            self.create_subscription(String, "active_tiles", self._active_tiles, LATCHED)
        # A bag that begins again must not meet the odometry of its last round.
        self._jumps = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1),
                          on_clock_change=True), post_callback=lambda _: self.buffer.clear())

    def _image(self, message: Any) -> None:
        self.figures.image_arrived()
        if self.worker.offer(Frame(message, time.monotonic())) is not None:
            self.figures.image_dropped("newer")

    def _camera_info(self, message: CameraInfo) -> None:
        self.pipeline.info = message

    def _process(self, frame: Frame) -> None:
        try:
            self.pipeline.process(frame)
        except Exception:
            if self.context.ok():
                raise
            # Asked to stop meanwhile: what this image said can't be published any more.

    def _failed(self, error: BaseException) -> None:
        """A defect in one image must not stop the robot: the next one is looked at."""
        self.figures.failed(f"{type(error).__name__}: {error}")
        self.get_logger().error(f"an image could not be used, {type(error).__name__}: {error}",
                                throttle_duration_sec=5.0)

    def _initial_pose(self, message: PoseWithCovarianceStamped) -> None:
        frame = self.pipeline.outputs.frames.map

        def take() -> None:
            map_from_base, covariance = read_initial_pose(message, frame)
            # As of now, whatever clock the sender stamped it by.
            odom, stamp = self.pipeline.odometry.latest()
            seconds = (stamp or self.get_clock().now().nanoseconds) / NANOSECONDS
            self.pipeline.tracker.set_pose(seconds, map_from_base, covariance, odom)
            self._tell_tracker()
            self.get_logger().info("initial pose taken; the next image confirms or denies it")
        self._job(take)

    def _relocalize(self, request: Trigger.Request, response: Trigger.Response
                    ) -> Trigger.Response:
        def forget() -> None:
            self.pipeline.tracker.lose("~/relocalize was called")
            self._tell_tracker()
        self._job(forget)
        response.success, response.message = True, "pose forgotten; the whole map is searched"
        return response

    def _expire(self) -> None:
        def expire() -> None:
            if self.pipeline.tracker.expire(self.get_clock().now().nanoseconds / NANOSECONDS):
                self._tell_tracker()
        self._job(expire)

    def _tell_tracker(self) -> None:
        tracker, outputs = self.pipeline.tracker, self.pipeline.outputs
        outputs.correct(tracker, None)
        outputs.say(tracker.state)
        self.figures.state_is(tracker.state.value, tracker.reason)

    def _job(self, function: Callable[[], None]) -> None:
        """In the worker, before the next image; what is wrong with it is said."""
        def run() -> None:
            try:
                function()
            except NmapError as error:
                self.figures.failed(error)
                self.get_logger().warning(str(error))
        self.worker.call(run)

    def _active_tiles(self, message: String) -> None:
        try:
            self.loader.request(message.data)
        except NmapError as error:
            self.figures.failed(error)
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)

    def _tiles_loaded(self, loaded: Loaded) -> None:
        """In the loader's thread."""
        for _, reason in loaded.refused:
            self.get_logger().error(f"tiles stay as they were: {reason}")
            self.figures.failed(reason)
        if self.loader.site.manifest.map_version != self.pipeline.manifest.map_version:
            self._map_updated(self.loader.site)
        try:
            self._tell_tiles(loaded)
        except Exception:
            if self.context.ok():
                raise
            # Asked to stop meanwhile: nobody waits for the confirmation any more.

    def _map_updated(self, site: Site) -> None:
        self.pipeline.manifest = site.manifest
        self.figures.tiles_total = len(site.manifest.tiles)
        try:
            self.pipeline.index = SiteIndex.read(site)
        except NmapError as error:  # of a tile that nobody asked for, perhaps
            self.pipeline.index = None
            self.figures.failed(error)
            self.get_logger().error(f"no tiles are proposed while lost: {error}")

    def _tell_tiles(self, loaded: Loaded) -> None:
        figures = self.figures
        figures.tiles_loaded, figures.tile_bytes = len(loaded.tiles), loaded.bytes
        figures.swaps += loaded.generation != figures.generation
        figures.generation, figures.map_version = loaded.generation, loaded.map_version
        figures.swap_milliseconds = loaded.milliseconds
        figures.handover_milliseconds = loaded.handover
        figures.refused_tiles = dict(loaded.refused)
        self._loaded.publish(String(data=loaded.to_json()))

    def _changed(self, old: RelocParameters, new: RelocParameters) -> None:
        """`ros2 param set`: between two images."""
        def apply() -> None:
            pipeline = self.pipeline
            pipeline.values = pipeline.outputs.values = new
            pipeline.tracker.options = new.tracker_options()
            pipeline.localizer.options = new.localizer_options()
            pipeline.odometry.timeout = new.odom_timeout
            pipeline.outputs.transform.tolerance = new.transform_tolerance
            self.figures.resize(new.diagnostics_window)
        self.worker.call(apply)
        if new.tf_rate != old.tf_rate:
            self.pipeline.outputs.transform.set_rate(new.tf_rate)

    def destroy_node(self) -> None:
        """Ends the threads, keeps the last pose."""
        self.worker.close()
        self.loader.close()
        try:
            self.pipeline.memory.close()
        except NmapError as error:
            self.get_logger().error(str(error))
        super().destroy_node()


def main(args: list[str] | None = None) -> int:
    """The executable; 1 where the node could not start."""
    return run_node(RelocNode, args)


if __name__ == "__main__":
    sys.exit(main())
