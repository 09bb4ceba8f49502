"""What it costs to publish an image, and how long it travels to another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
from image_listener import NEWEST, START, TOPIC
from node_robot import image_message
from node_witness import wait
from rclpy.node import Node
from sensor_msgs.msg import Image

from nmap_reloc.errors import NmapError
from nmap_reloc.progress import track

WARM_UP = 10
PERIOD = 1 / 30  # s


@dataclass(frozen=True)
class ImageCost:
    """sent: how many. Milliseconds of each image: publish: serialise and write; travel: of those
    that arrived, from before that to the callback of the subscriber, deserialised."""

    sent: int
    publish: list[float]
    travel: list[float]


def image_cost(count: int, width: int = 640, height: int = 480) -> ImageCost:
    """`count` rgb8 images at 30 Hz to one subscriber. NmapError: it does not hear them."""
    message = image_message(np.random.default_rng(0).integers(
        0, 256, (height, width, 3), np.uint8))
    node = Node("bench_camera")
    publisher = node.create_publisher(Image, TOPIC, NEWEST)
    listener = subprocess.Popen(
        [sys.executable, "-c", START], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert listener.stdout is not None
    try:
        if listener.stdout.readline().strip() != "ready":
            raise NmapError("the process that is to hear images did not start")
        wait(lambda: publisher.get_subscription_count(), "nobody subscribed to images")
        publish = []
        begin = time.monotonic()
        for k in track(range(WARM_UP + count), "images to another process"):
            time.sleep(max(0.0, begin + k * PERIOD - time.monotonic()))
            message.header.stamp = node.get_clock().now().to_msg()
            start = time.perf_counter()
            publisher.publish(message)
            publish.append((time.perf_counter() - start) * 1e3)
        time.sleep(0.5)  # the last ones arrive
        travel = json.loads(listener.communicate("", timeout=20)[0])
    finally:
        if listener.poll() is None:
            listener.kill()
            listener.wait()
        node.destroy_node()
    return ImageCost(WARM_UP + count, publish, travel)
