"""A motion and its pictures -> the messages of a recording, in the order of their arrival.

/camera/image_raw/compressed (or /camera/image_raw), /camera/camera_info, /tf (odom -> base_link),
/tf_static (base_link -> camera_link -> camera_optical_frame), /odom, and /ground_truth/pose: of
base_link in the map's frame. The truth is not in /tf, where the localizer's own map -> odom goes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nmap_reloc.progress import track
from nmap_reloc.simulation import messages
from nmap_reloc.simulation.bag import BagWriter, qos
from nmap_reloc.simulation.motion import SECOND, Motion
from nmap_reloc.simulation.robot import BASE, LINK, LINK_FROM_OPTICAL, MAP, ODOM, OPTICAL
from nmap_reloc.types import Camera

RAW, COMPRESSED = "/camera/image_raw", "/camera/image_raw/compressed"
INFO, TF, TF_STATIC = "/camera/camera_info", "/tf", "/tf_static"
ODOMETRY, TRUTH = "/odom", "/ground_truth/pose"
LATENCY = 20_000_000  # ns from an image's stamp to its arrival
Event = tuple[int, int, str, Any]  # ns of arrival, rank among equals, topic, message


def start_ns(seed: int) -> int:
    """When the drives of this seed begin, ns since the epoch."""
    return (1_700_000_000 + 10_000 * (seed % 10_000)) * SECOND


def record(folder: Path, motion: Motion, cameras: Sequence[Camera], pictures: Iterable[bytes],
           start: int, compressed: bool, description: str) -> None:
    """Writes the bag ``folder``, which must not exist yet.

    cameras, pictures: of motion.images; pictures are files where compressed, else pixels.
    """
    image = COMPRESSED if compressed else RAW
    topics = {
        image: (messages.COMPRESSED if compressed else messages.IMAGE, qos(5)),
        INFO: (messages.CAMERA_INFO, qos(5)), TF: (messages.TF, qos(100)),
        TF_STATIC: (messages.TF, qos(1, latched=True)),
        ODOMETRY: (messages.ODOMETRY, qos(10)), TRUTH: (messages.POSE, qos(10)),
    }
    seen = track(pictures, description, len(motion.images))
    with BagWriter(folder, topics) as bag:
        for arrival, _, topic, message in heapq.merge(
                _static(motion, start), _odometry(motion, start), _truth(motion, start),
                _images(motion, cameras, seen, start, image), key=lambda event: event[:2]):
            bag.write(topic, arrival, message)


def _static(motion: Motion, start: int) -> Iterator[Event]:
    links = [(BASE, LINK, motion.robot.base_from_link), (LINK, OPTICAL, LINK_FROM_OPTICAL)]
    yield start, 0, TF_STATIC, messages.transforms(start, links)


def _odometry(motion: Motion, start: int) -> Iterator[Event]:
    poses, steps = motion.odometry.odom_from_base, motion.odometry.steps
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps[:, :3], axis=1))])
    free = np.array([1, 1, 0, 0, 0, 1.0]) if motion.robot.planar else np.ones(6)
    for k in motion.ticks.tolist():
        ns = start + int(motion.stamps[k])
        yield ns, 1, TF, messages.transforms(ns, [(ODOM, BASE, poses[k])])
        step = min(k, len(steps) - 1)
        took = float(motion.stamps[step + 1] - motion.stamps[step]) / SECOND
        spread = np.repeat([0.02 * way[k] + 0.005, 0.005 * way[k] + 0.002], 3)
        yield ns, 2, ODOMETRY, messages.odometry(
            ns, ODOM, BASE, poses[k], steps[step] / took, spread**2 * free + 1e-9,
            np.repeat([0.02, 0.01], 3) ** 2 * free + 1e-9)


def _truth(motion: Motion, start: int) -> Iterator[Event]:
    for k in motion.truths.tolist():
        ns = start + int(motion.stamps[k])
        yield ns, 3, TRUTH, messages.pose(ns, MAP, motion.map_from_base[k])


def _images(motion: Motion, cameras: Sequence[Camera], pictures: Iterable[bytes], start: int,
            topic: str) -> Iterator[Event]:
    for k, camera, picture in zip(motion.images.tolist(), cameras, pictures):
        ns = start + int(motion.stamps[k])
        yield ns + LATENCY, 4, INFO, messages.camera_info(ns, OPTICAL, camera)
        yield ns + LATENCY, 5, topic, (
            messages.compressed_image(ns, OPTICAL, picture) if topic == COMPRESSED else
            messages.raw_image(ns, OPTICAL, camera.width, camera.height, picture))
