"""Records real ROS 2 bags (mcap or sqlite3) for the tests of sources."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Image

from .image_folders import picture, pose

STORE = get_typestore(Stores.ROS2_JAZZY)
T = STORE.types
START = 1_700_000_000_000_000_000  # ns
PERIOD = 100_000_000
COUNT = 5  # images in a recording
MAP_FROM_ODOM = Rigid.from_quaternion((0.9, 0, 0, 0.1), (1, 2, 3))
BASE_FROM_CAMERA = Rigid.from_quaternion((0.5, -0.5, 0.5, -0.5), (0.2, 0.05, 0.4))

Message = tuple[str, int, str, Any]  # topic, stamp in ns, type, message


def stamp(ns: int) -> Any:
    return T["builtin_interfaces/msg/Time"](sec=ns // 10**9, nanosec=ns % 10**9)


def header(ns: int, frame: str) -> Any:
    return T["std_msgs/msg/Header"](stamp=stamp(ns), frame_id=frame)


def raw_image(pixels: np.ndarray, encoding: str, ns: int, topic: str = "/cam/image_raw",
              padding: int = 0, frame: str = "cam_optical", recorded: int | None = None
              ) -> Message:
    """sensor_msgs/Image with `padding` bytes behind each row."""
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(len(pixels), -1)
    data = np.pad(rows, ((0, 0), (0, padding)))
    message = T["sensor_msgs/msg/Image"](
        header=header(ns, frame), height=pixels.shape[0], width=pixels.shape[1],
        encoding=encoding, is_bigendian=0, step=data.shape[1], data=data.reshape(-1))
    return topic, recorded or ns, "sensor_msgs/msg/Image", message


def compressed_image(pixels: Image, ns: int, topic: str = "/cam/image_raw/compressed") -> Message:
    data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].reshape(-1)
    message = T["sensor_msgs/msg/CompressedImage"](
        header=header(ns, "cam_optical"), format="rgb8; png compressed bgr8", data=data)
    return topic, ns, "sensor_msgs/msg/CompressedImage", message


def camera_info(ns: int = START, topic: str = "/cam/camera_info", width: int = 64,
                height: int = 48) -> Message:
    """A pinhole of 60 px; P has 50 px."""
    numbers = np.array([60, 0, 31.5, 0, 60, 23.5, 0, 0, 1], np.float64)
    projection = np.array([50, 0, 31.5, 0, 0, 50, 23.5, 0, 0, 0, 1, 0], np.float64)
    roi = T["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0,
                                                do_rectify=False)
    message = T["sensor_msgs/msg/CameraInfo"](
        header=header(ns, "cam_optical"), height=height, width=width,
        distortion_model="plumb_bob", d=np.array([-0.1, 0.01, 0, 0, 0]), k=numbers,
        r=np.eye(3).reshape(-1), p=projection, binning_x=0, binning_y=0, roi=roi)
    return topic, ns, "sensor_msgs/msg/CameraInfo", message


def _parts(rigid: Rigid, position: str) -> tuple[Any, Any]:
    x, y, z = map(float, rigid.translation)
    w, qx, qy, qz = map(float, rigid.quaternion())
    return (T[f"geometry_msgs/msg/{position}"](x=x, y=y, z=z),
            T["geometry_msgs/msg/Quaternion"](x=qx, y=qy, z=qz, w=w))


def transform(parent: str, child: str, ns: int, rigid: Rigid, static: bool = False) -> Message:
    """One transform on /tf or /tf_static."""
    translation, rotation = _parts(rigid, "Vector3")
    link = T["geometry_msgs/msg/TransformStamped"](
        header=header(ns, parent), child_frame_id=child,
        transform=T["geometry_msgs/msg/Transform"](translation=translation, rotation=rotation))
    return ("/tf_static" if static else "/tf", ns, "tf2_msgs/msg/TFMessage",
            T["tf2_msgs/msg/TFMessage"](transforms=[link]))


def base_to_camera() -> list[Message]:
    """Two static links with a frame between them."""
    half = Rigid(np.eye(3), np.array([0.2, 0.0, 0.0]))
    return [transform("base_link", "mast", START, half, static=True),
            transform("mast", "cam_optical", START, half.inverse() @ BASE_FROM_CAMERA,
                      static=True)]


def _pose(rigid: Rigid) -> Any:
    position, orientation = _parts(rigid, "Point")
    return T["geometry_msgs/msg/Pose"](position=position, orientation=orientation)


def odometry(ns: int, rigid: Rigid, body: str = "base_link", topic: str = "/odom") -> Message:
    zero = T["geometry_msgs/msg/Vector3"](x=0.0, y=0.0, z=0.0)
    message = T["nav_msgs/msg/Odometry"](
        header=header(ns, "odom"), child_frame_id=body,
        pose=T["geometry_msgs/msg/PoseWithCovariance"](pose=_pose(rigid),
                                                       covariance=np.zeros(36)),
        twist=T["geometry_msgs/msg/TwistWithCovariance"](
            twist=T["geometry_msgs/msg/Twist"](linear=zero, angular=zero),
            covariance=np.zeros(36)))
    return topic, ns, "nav_msgs/msg/Odometry", message


def pose_stamped(ns: int, rigid: Rigid, topic: str = "/pose") -> Message:
    return topic, ns, "geometry_msgs/msg/PoseStamped", T["geometry_msgs/msg/PoseStamped"](
        header=header(ns, "map"), pose=_pose(rigid))


def pose_with_covariance(ns: int, rigid: Rigid) -> Message:
    message = T["geometry_msgs/msg/PoseWithCovarianceStamped"](
        header=header(ns, "map"), pose=T["geometry_msgs/msg/PoseWithCovariance"](
            pose=_pose(rigid), covariance=np.zeros(36)))
    return "/amcl_pose", ns, "geometry_msgs/msg/PoseWithCovarianceStamped", message


def record(path: Path, messages: Iterable[Message], storage: str = "mcap",
           compressed: str = "none") -> Path:
    """Writes a bag folder. compressed: none, file or message."""
    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    writer = Writer(path, version=9, storage_plugin=plugin)
    writer.set_compression(CompressionMode[compressed.upper()], CompressionFormat.ZSTD)
    with writer:
        connections: dict[str, Any] = {}
        for topic, ns, kind, message in sorted(messages, key=lambda m: m[1]):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], ns, STORE.serialize_cdr(message, kind))
    return path


def images(count: int = COUNT) -> list[Message]:
    return [raw_image(picture(i), "rgb8", START + i * PERIOD) for i in range(count)]


def moving_tf(skip: tuple[int, ...] = ()) -> list[Message]:
    """map -> odom -> base_link at 20 Hz, between the images' stamps but never at them."""
    made = []
    for k in range(-1, 2 * COUNT + 1):
        if k in skip:
            continue
        ns = START + k * PERIOD // 2 + PERIOD // 4
        made += [transform("/map", "odom", ns, MAP_FROM_ODOM),
                 transform("odom", "base_link", ns, pose(k / 2 + 0.25))]
    return made
