"""A robot for tests: publishes what its camera and odometry say, hears what the node answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from nmap_reloc.camera import to_camera_info
from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.mapping.sources.base import PosedImage
from nmap_reloc.nodes.convert import transform_stamped
from nmap_reloc.types import Camera

BASE_FROM_CAMERA = Rigid(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.array([0.2, 0, 0.9]))
ODOM_FROM_MAP = Rigid(rotation_from_vector([0, 0, 0.7]), np.array([3.0, -2, 0]))
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def image_message(pixels: Any, encoding: str = "rgb8", frame: str = "camera") -> Image:
    height, width = pixels.shape[:2]
    message = Image(height=height, width=width, encoding=encoding, step=pixels.nbytes // height,
                    data=np.ascontiguousarray(pixels).tobytes())
    message.header.frame_id = frame
    return message


def info_message(camera: Camera) -> CameraInfo:
    model, d, k = to_camera_info(camera)
    return CameraInfo(width=camera.width, height=camera.height, distortion_model=model, d=list(d),
                      k=np.array(k))


class Robot(Node):
    """Stands at one view after another. slip: what odometry does not notice (a kidnapping)."""

    def __init__(self, views: list[PosedImage], odometry: bool = True):
        super().__init__("robot")
        self.views, self.odometry, self.slip = views, odometry, Rigid.identity()
        self.images = self.create_publisher(Image, "image", 1)
        self.infos = self.create_publisher(CameraInfo, "camera_info", 1)
        self.initial = self.create_publisher(PoseWithCovarianceStamped, "initialpose", 1)
        self.active_tiles = self.create_publisher(String, "active_tiles", LATCHED)
        self._moving, self._fixed = TransformBroadcaster(self), StaticTransformBroadcaster(self)
        self._fixed.sendTransform(transform_stamped(
            BASE_FROM_CAMERA, "base_link", "camera", self.get_clock().now().to_msg()))
        self.poses: list[PoseWithCovarianceStamped] = []
        self.states: list[str] = []
        self.tiles: list[str] = []
        self.candidates: list[str] = []
        self.reports: list[str] = []
        self.transforms: list[Any] = []
        for kind, topic, kept, qos in (
                (PoseWithCovarianceStamped, "reloc_node/pose", self.poses, 10),
                (String, "reloc_node/state", self.states, LATCHED),
                (String, "reloc_node/loaded_tiles", self.tiles, LATCHED),
                (String, "reloc_node/report", self.reports, 100),
                (String, "reloc_node/tile_candidates", self.candidates, LATCHED)):
            self.create_subscription(kind, topic, lambda m, kept=kept: kept.append(
                m.data if hasattr(m, "data") else m), qos)
        self.create_subscription(TFMessage, "/tf", lambda m: self.transforms.extend(
            t for t in m.transforms if t.header.frame_id == "map"), 100)

    def truth(self, k: int) -> Rigid:
        """map_from_base at view k."""
        pose = self.views[k].map_from_camera
        assert pose is not None
        return pose @ BASE_FROM_CAMERA.inverse()

    def move(self, k: int) -> Any:
        """Odometry at view k, now; returns the stamp."""
        stamp = self.get_clock().now().to_msg()
        if self.odometry:
            self._moving.sendTransform(transform_stamped(
                ODOM_FROM_MAP @ self.slip @ self.truth(k), "odom", "base_link", stamp))
        return stamp

    def look(self, k: int, calibrated: Callable[[Any], bool], message: Image | None = None,
             info: CameraInfo | None = None) -> None:
        """What is published at view k. calibrated: whether the camera_info of this stamp is there;
        DDS keeps no order between topics."""
        stamp = self.move(k)
        message = message or image_message(self.views[k].read())
        info = info or info_message(self.views[k].camera)
        message.header.stamp = info.header.stamp = stamp
        self.infos.publish(info)
        assert until(lambda: calibrated(stamp)), "no camera_info"
        self.images.publish(message)


@contextmanager
def running(*nodes: Node) -> Iterator[None]:
    """Each node spun by a thread of its own until the end."""
    executors = [SingleThreadedExecutor() for _ in nodes]
    threads = []
    for executor, node in zip(executors, nodes, strict=True):
        executor.add_node(node)
        threads.append(threading.Thread(target=_spin, args=(executor,)))
        threads[-1].start()
    try:
        yield
    finally:
        for executor, thread in zip(executors, threads, strict=True):
            executor.shutdown()
            thread.join()


def _spin(executor: SingleThreadedExecutor) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        return  # the test ends


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Waits for it; its value, false when it did not come."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def parameters(site: Path, **values: Any) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in {
        "map": str(site), "max_image_age": 10.0, **values}.items()]


def initialised() -> None:
    if not rclpy.ok():
        rclpy.init()
