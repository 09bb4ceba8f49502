"""The robot that the node is shown: a camera, odometry, and requests for tiles."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from nmap_reloc.camera import to_camera_info
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.base import PosedImage
from nmap_reloc.maps.manifest import Manifest
from nmap_reloc.nodes.convert import nanoseconds, transform_stamped

BASE_FROM_CAMERA = Rigid(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.array([0.2, 0, 0.9]))
ODOM_FROM_MAP = Rigid(np.eye(3), np.array([3.0, -2.0, 0.0]))
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
ODOMETRY_PERIOD = 0.02  # s


class Robot(Node):
    """Stands at one view after another; its odometry is true. sent: stamp of each image in ns ->
    time.monotonic() when it was handed to DDS."""

    def __init__(self, views: Sequence[PosedImage], manifest: Manifest):
        super().__init__("bench_robot")
        self.manifest, self.sent = manifest, dict[int, float]()
        self._truth = [_base(view) for view in views]
        self._images = [image_message(view.read()) for view in views]
        self._infos = [_info_message(view) for view in views]
        self._image = self.create_publisher(Image, "image", 1)
        self._info = self.create_publisher(CameraInfo, "camera_info", 1)
        self._tiles = self.create_publisher(String, "active_tiles", LATCHED)
        self._tf = TransformBroadcaster(self)
        self._fixed = StaticTransformBroadcaster(self)
        self._fixed.sendTransform(transform_stamped(
            BASE_FROM_CAMERA, "base_link", "camera", self.get_clock().now().to_msg()))
        self._at, self._lock = 0, threading.Lock()
        self.create_timer(ODOMETRY_PERIOD, self._move)

    def connected(self) -> bool:
        """Whether the node hears image and camera_info."""
        return bool(self._image.get_subscription_count() and self._info.get_subscription_count())

    def _move(self) -> Any:
        with self._lock:  # stamps rise with the poses
            stamp = self.get_clock().now().to_msg()
            self._tf.sendTransform(transform_stamped(
                ODOM_FROM_MAP @ self._truth[self._at], "odom", "base_link", stamp))
        return stamp

    def look(self, view: int) -> int:
        """One image, with odometry and camera_info of its stamp; the stamp in ns."""
        self._at = view
        message, info = self._images[view], self._infos[view]
        message.header.stamp = info.header.stamp = stamp = self._move()
        self._info.publish(info)
        known = nanoseconds(stamp)
        self.sent[known] = time.monotonic()
        self._image.publish(message)
        return known

    def ask(self, generation: int, tiles: Sequence[str]) -> None:
        """On active_tiles, as a tile manager does."""
        entries = [entry for entry in self.manifest.tiles if entry.id in set(tiles)]
        self._tiles.publish(String(data=json.dumps({
            "generation": generation, "map_version": self.manifest.map_version,
            "site": self.manifest.site_id,
            "tiles": [{"id": e.id, "sha256": e.sha256, "path": e.file} for e in entries]})))


class Spinning:
    """A node spun by a thread of its own, for the block; destroyed at its end."""

    def __init__(self, node: Node):
        self.node, self._executor = node, SingleThreadedExecutor()
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, name=node.get_name(), daemon=True)

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return  # the measurement ends

    def __enter__(self) -> Node:
        self._thread.start()
        return self.node

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self._thread.join()
        self.node.destroy_node()


def image_message(pixels: Any) -> Image:
    """[H x W] or [H x W x 3] RGB -> mono8 or rgb8."""
    height, width = pixels.shape[:2]
    message = Image(height=height, width=width, step=pixels.nbytes // height,
                    encoding="rgb8" if pixels.ndim == 3 else "mono8",
                    data=np.ascontiguousarray(pixels).tobytes())
    message.header.frame_id = "camera"
    return message


def _info_message(view: PosedImage) -> CameraInfo:
    camera = view.camera
    model, d, k = to_camera_info(camera)
    return CameraInfo(width=camera.width, height=camera.height, distortion_model=model, d=list(d),
                      k=np.array(k))


def _base(view: PosedImage) -> Rigid:
    assert view.map_from_camera is not None
    return view.map_from_camera @ BASE_FROM_CAMERA.inverse()
