"""1,000 hostile messages as they come off the wire: each is refused by name, none is believed,
and the good frame after each is read as if nothing had been."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from hostile_messages import (
    HEIGHT,
    KINDS,
    WIDTH,
    good_compressed,
    good_image,
    good_info,
    hostile_frames,
    picture,
)
from rclpy.serialization import deserialize_message, serialize_message
from tf2_ros import Buffer

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.images import decode_message
from nmap_reloc.nodes.camera_info import Intrinsics
from nmap_reloc.nodes.convert import stated_nanoseconds, transform_stamped
from nmap_reloc.nodes.odometry import Odometry
from nmap_reloc.types import Camera, Image


def wire(message: Any) -> Any:
    return deserialize_message(serialize_message(message), type(message))


def mounted() -> Odometry:
    buffer = Buffer()
    static: TransformStamped = transform_stamped(Rigid.identity(), "base_link", "camera", Time())
    buffer.set_transform_static(static, "test")
    return Odometry(buffer, "odom", "base_link", 0.0)


def read(message: Any, info: Any, intrinsics: Intrinsics, odometry: Odometry
         ) -> tuple[Image, Camera]:
    """All that a frame passes before the localizer sees it."""
    stated_nanoseconds(message.header.stamp, "image header.stamp")
    odometry.base_from_camera(message.header.frame_id)
    image = decode_message(message, "image")
    return image, intrinsics.camera(info, image.shape)


def test_a_thousand_hostile_messages() -> None:
    intrinsics, odometry = Intrinsics(), mounted()
    expected = picture()
    refused: Counter[str] = Counter()
    for name, (message, info) in hostile_frames(1000):
        with pytest.raises(NmapError) as refusal:
            read(wire(message), wire(info), intrinsics, odometry)
        text = str(refusal.value)
        assert text.startswith(("image", "camera_info")), (name, text)
        assert "\n" not in text and len(text) < 600 and ";" in text, (name, text)
        refused[name] += 1
        image, camera = read(wire(good_image()), wire(good_info()), intrinsics, odometry)
        np.testing.assert_array_equal(image, expected)
        assert camera == Camera("PINHOLE", WIDTH, HEIGHT, (60, 60, 32, 24))
    assert refused.keys() == KINDS.keys() and sum(refused.values()) == 1000


def test_good_ones_off_the_wire() -> None:
    intrinsics, odometry = Intrinsics(), mounted()
    for message in (good_image(), good_compressed(".jpg"), good_compressed(".png")):
        image, camera = read(wire(message), wire(good_info()), intrinsics, odometry)
        assert image.shape == (HEIGHT, WIDTH, 3) and camera.width == WIDTH
        np.testing.assert_allclose(image.astype(int), picture().astype(int), atol=40)


def test_an_image_off_the_wire_is_not_copied() -> None:
    message = wire(good_image())
    image = decode_message(message, "image")
    assert np.shares_memory(image, np.frombuffer(message.data, np.uint8))
