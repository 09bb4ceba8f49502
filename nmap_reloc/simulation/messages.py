"""ROS 2 messages from the package's own types. Only here and in bag.py is rosbags known."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from nmap_reloc.camera import to_camera_info
from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Camera, Doubles

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
CAMERA_INFO, TF = "sensor_msgs/msg/CameraInfo", "tf2_msgs/msg/TFMessage"
ODOMETRY, POSE = "nav_msgs/msg/Odometry", "geometry_msgs/msg/PoseStamped"


@cache
def store() -> Any:
    """Definitions of Humble; those of later releases are the same for what is used here."""
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS2_HUMBLE)


def _new(name: str, **fields: Any) -> Any:
    return store().types[name](**fields)


def header(ns: int, frame: str) -> Any:
    """std_msgs/Header; ns since the epoch."""
    stamp = _new("builtin_interfaces/msg/Time", sec=ns // 10**9, nanosec=ns % 10**9)
    return _new("std_msgs/msg/Header", stamp=stamp, frame_id=frame)


def raw_image(ns: int, frame: str, width: int, height: int, pixels: bytes) -> Any:
    """rgb8, or mono8 where there is one byte per pixel."""
    encoding = "rgb8" if len(pixels) == 3 * width * height else "mono8"
    return _new(IMAGE, header=header(ns, frame), height=height, width=width, encoding=encoding,
                is_bigendian=0, step=len(pixels) // height,
                data=np.frombuffer(pixels, np.uint8))


def compressed_image(ns: int, frame: str, file: bytes) -> Any:
    """A JPEG or PNG file, named as image_transport's plugin does."""
    kind = "png" if file[:4] == b"\x89PNG" else "jpeg"
    return _new(COMPRESSED, header=header(ns, frame), format=f"rgb8; {kind} compressed bgr8",
                data=np.frombuffer(file, np.uint8))


def camera_info(ns: int, frame: str, camera: Camera) -> Any:
    """NmapError: a camera model that ROS does not have."""
    model, d, k = to_camera_info(camera)
    region = _new("sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0,
                  do_rectify=False)
    projection = np.zeros((3, 4))
    projection[:, :3] = np.array(k).reshape(3, 3)
    return _new(CAMERA_INFO, header=header(ns, frame), height=camera.height, width=camera.width,
                distortion_model=model, d=np.array(d, np.float64), k=np.array(k, np.float64),
                r=np.eye(3).reshape(-1), p=projection.reshape(-1), binning_x=0, binning_y=0,
                roi=region)


def transforms(ns: int, links: list[tuple[str, str, Rigid]]) -> Any:
    """tf2_msgs/TFMessage of (parent, child, parent_from_child)."""
    made = [_new("geometry_msgs/msg/TransformStamped", header=header(ns, parent),
                 child_frame_id=child,
                 transform=_new("geometry_msgs/msg/Transform", translation=_vector(
                     link.translation), rotation=_rotation(link)))
            for parent, child, link in links]
    return _new(TF, transforms=made)


def pose(ns: int, frame: str, rigid: Rigid) -> Any:
    """geometry_msgs/PoseStamped."""
    return _new(POSE, header=header(ns, frame), pose=_pose(rigid))


def odometry(ns: int, frame: str, child: str, rigid: Rigid, twist: Doubles, pose_variance: Doubles,
             twist_variance: Doubles) -> Any:
    """nav_msgs/Odometry; twist [6] linear and angular in the child's frame; variances [6]."""
    linear, angular = _vector(twist[:3]), _vector(twist[3:])
    return _new(ODOMETRY, header=header(ns, frame), child_frame_id=child,
                pose=_new("geometry_msgs/msg/PoseWithCovariance", pose=_pose(rigid),
                          covariance=np.diag(pose_variance).reshape(-1)),
                twist=_new("geometry_msgs/msg/TwistWithCovariance",
                           twist=_new("geometry_msgs/msg/Twist", linear=linear, angular=angular),
                           covariance=np.diag(twist_variance).reshape(-1)))


def _vector(values: Doubles, kind: str = "Vector3") -> Any:
    x, y, z = (float(value) for value in values)
    return _new(f"geometry_msgs/msg/{kind}", x=x, y=y, z=z)


def _rotation(rigid: Rigid) -> Any:
    w, x, y, z = (float(value) for value in rigid.quaternion())
    return _new("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)


def _pose(rigid: Rigid) -> Any:
    return _new("geometry_msgs/msg/Pose", position=_vector(rigid.translation, "Point"),
                orientation=_rotation(rigid))
