"""A textured floor, photographed by a camera that looks down at it: real images in no time."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from sources.recorded_bags import (
    START,
    Message,
    T,
    header,
    pose_stamped,
    raw_image,
    record,
    transform,
)

from nmap_reloc.camera import HALF_PIXEL
from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.types import Camera, Image

CAMERA = Camera("PINHOLE", 240, 180, (190.0, 190.0, 120.0, 90.0))
PER_METRE = 100.0
LENGTH, WIDTH = 7.5, 5.0  # metres
DOWN = np.diag([1.0, -1.0, -1.0])
# 2 m above the floor, tilted by 12 degrees
BASE_FROM_CAMERA = Rigid(DOWN @ rotation_from_vector([0.2, 0, 0]), np.array([0.1, 0.0, 2.0]))
PERIOD = 100_000_000


def floor() -> Image:
    """Grey picture of the floor: blobs and corners of several sizes, nowhere alike."""
    random = np.random.default_rng(4)
    size = (int(WIDTH * PER_METRE), int(LENGTH * PER_METRE))
    image = np.zeros(size, np.float32)
    for cells in (5, 13, 31):
        coarse = random.normal(size=(size[0] // cells, size[1] // cells)).astype(np.float32)
        image += cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(image * 32 + 128, 0, 255).astype(np.uint8)


def photograph(picture: Image, map_from_camera: Rigid) -> Image:
    """What the camera sees of the floor z = 0, grey [180 x 240]."""
    fx, fy, cx, cy = CAMERA.params
    K = np.array([[fx, 0, cx - HALF_PIXEL], [0, fy, cy - HALF_PIXEL], [0, 0, 1]])
    inverse = map_from_camera.inverse()
    plane = np.stack([inverse.rotation[:, 0], inverse.rotation[:, 1], inverse.translation], 1)
    metres = np.array([[1 / PER_METRE, 0, 0], [0, 1 / PER_METRE, 0], [0, 0, 1]])
    return cv2.warpPerspective(picture, K @ plane @ metres, (240, 180), flags=cv2.INTER_AREA,
                               borderValue=128).astype(np.uint8)


def base(x: float, y: float, yaw: float = 0.0) -> Rigid:
    return Rigid(rotation_from_vector([0, 0, yaw]), np.array([x, y, 0.0]))


def write_map_scene(folder: Path) -> Path:
    """A scene folder of views from above the whole floor, for `map build`."""
    picture, (images, sparse) = floor(), (folder / "images", folder / "sparse")
    images.mkdir(parents=True)
    sparse.mkdir()
    lines = []
    for x in np.arange(1.3, LENGTH - 1.2, 0.6):
        for y in (1.9, 2.9):
            pose = base(float(x), y, 0.05 * len(lines) % 0.3) @ BASE_FROM_CAMERA
            name = f"{len(lines) // 2:03d}.png"
            assert cv2.imwrite(str(images / name), photograph(picture, pose))
            inverse = pose.inverse()
            numbers = " ".join(map(repr, map(float, [*inverse.quaternion(),
                                                     *inverse.translation])))
            lines += [f"{len(lines) // 2 + 1} {numbers} 1 {name}", ""]
    params = " ".join(map(str, CAMERA.params))
    (sparse / "cameras.txt").write_text(f"1 {CAMERA.model} 240 180 {params}\n")
    (sparse / "images.txt").write_text("\n".join(lines) + "\n")
    (sparse / "points3D.txt").write_text("")
    (folder / "scene.json").write_text(json.dumps({"unit": "metre"}))
    return folder


def robot(seconds: float, kidnap: float = 0.7) -> Rigid:
    """map_from_base: 1 m/s along x; carried away at ``kidnap``."""
    if seconds < kidnap - 1e-9:
        return base(1.6 + seconds, 2.0, 0.1 * seconds)
    return base(3.9 + seconds, 2.9, 0.1 * seconds)


def record_drive(folder: Path, count: int = 14) -> Path:
    """A bag: images at 10 Hz, odometry that drifts by 2 % and knows nothing of the kidnap, the
    mount of the camera, and the truth on /truth."""
    picture = floor()
    messages: list[Message] = [camera_info(),
                               transform("base_link", "camera", START, BASE_FROM_CAMERA, True)]
    for i in range(count):
        ns = START + i * PERIOD
        seen = photograph(picture, robot(i / 10) @ BASE_FROM_CAMERA)
        messages.append(raw_image(seen, "mono8", ns, frame="camera"))
    for k in range(-1, 5 * count + 2):
        ns, seconds = START + k * PERIOD // 5, k / 50
        messages.append(transform("odom", "base_link", ns, base(1.02 * seconds, 0.0,
                                                                0.1 * seconds)))
        messages.append(pose_stamped(ns, robot(seconds), topic="/truth"))
    return record(folder, messages)


def camera_info() -> Message:
    fx, fy, cx, cy = CAMERA.params
    K = np.array([fx, 0, cx - HALF_PIXEL, 0, fy, cy - HALF_PIXEL, 0, 0, 1])
    roi = T["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0,
                                                do_rectify=False)
    message = T["sensor_msgs/msg/CameraInfo"](
        header=header(START, "camera"), height=180, width=240, distortion_model="plumb_bob",
        d=np.zeros(5), k=K, r=np.eye(3).reshape(-1),
        p=np.hstack([K.reshape(3, 3), np.zeros((3, 1))]).reshape(-1), binning_x=0, binning_y=0,
        roi=roi)
    return "/cam/camera_info", START, "sensor_msgs/msg/CameraInfo", message
