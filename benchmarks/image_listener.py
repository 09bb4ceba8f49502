"""The other end of node_images: hears images in a process of its own.

Says "ready", listens until stdin ends, then prints the milliseconds from each image's stamp to its
callback as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import rclpy
from node_robot import Spinning
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

TOPIC = "bench/image"
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
START = ("from nmap_reloc import standalone; standalone.enable(); "
         "from image_listener import main; main()")


def main() -> None:
    """Until stdin ends."""
    rclpy.init()
    delays: list[float] = []

    def heard(message: Image) -> None:
        stamp = message.header.stamp
        delays.append(time.time_ns() / 1e6 - stamp.sec * 1e3 - stamp.nanosec / 1e6)

    node = Node("bench_listener")
    node.create_subscription(Image, TOPIC, heard, NEWEST)
    with Spinning(node):
        print("ready", flush=True)
        sys.stdin.read()
    rclpy.try_shutdown()
    print(json.dumps(delays))
