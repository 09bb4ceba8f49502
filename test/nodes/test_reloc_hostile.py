"""Messages that no robot should send: each is counted, and the next good image is localized."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from hostile_messages import STAMP_SEC, hostile_frames
from reloc_scene import Scene, begin
from robot import until
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String

from nmap_reloc.mapping.sources.base import Source

HOSTILE_TILES = ("", "{", "[]", "null", '{"tiles": 1}', "\x00", "[" * 5000, '{"generation": 1}',
                 '{"generation": 1, "site": "other", "map_version": 1, "tiles": []}')


def answered(scene: Scene) -> int:
    """Images that were counted as unusable or got an answer."""
    figures = scene.node.figures
    return sum(figures.dropped.values()) + sum(figures.refusals.values())


@pytest.mark.parametrize("compressed", [False, True])
def test_a_thousand_hostile_messages(place: Source, place_map: Path, compressed: bool) -> None:
    scene = begin(place, place_map, tiles="managed", compressed=compressed)
    robot, node = scene.robot, scene.node
    sender = robot.create_publisher(CompressedImage, "image", 1) if compressed else robot.images
    assert until(lambda: robot.count_subscribers("image") and sender.get_subscription_count())
    try:
        sent = 0
        for number, (_, (image, info)) in enumerate(hostile_frames(1100, seed=4)):
            if isinstance(image, CompressedImage) is not compressed:
                continue
            stamp = robot.move(0)
            info.header.stamp = stamp
            if image.header.stamp.sec == STAMP_SEC and image.header.stamp.nanosec == 0:
                image.header.stamp = stamp
            robot.infos.publish(info)
            assert until(lambda stamp=stamp: scene.calibrated(stamp))
            sender.publish(image)
            sent += 1
            assert until(lambda sent=sent: answered(scene) >= sent), "neither counted nor answered"
            if number % 50 == 0:
                robot.active_tiles.publish(String(data=HOSTILE_TILES[number // 50 % 9]))
        assert sent > (50 if compressed else 1000)
        assert answered(scene) == sent and node.worker.failed == 0
        assert node.worker._thread.is_alive() and node.loader._thread.is_alive()
        errors = node.figures.errors
        assert errors >= sum(node.figures.dropped.values())
    finally:
        scene.close()


def test_a_good_image_after_hostile_ones_is_localized(place: Source, place_map: Path) -> None:
    scene = begin(place, place_map)
    try:
        scene.start()
        for _, (image, info) in hostile_frames(120, seed=1):
            if isinstance(image, CompressedImage):
                continue
            before = scene.node.worker.processed
            scene.robot.look(0, scene.calibrated, image, info)
            assert until(lambda before=before: scene.node.worker.processed > before)
        refused = dict(scene.node.figures.refusals)
        scene.look(3)  # LOST by now, if enough of them showed noise: then it is the first of three
        tracker = scene.node.pipeline.tracker
        assert tracker.state.value == "tracking" or tracker.reason == "1 of 3 fixes agree", refused
        scene.look(4, 5)
        assert tracker.state.value == "tracking"
        seen = scene.node.pipeline.info
        assert until(lambda: scene.robot.poses[-1].header.stamp == seen.header.stamp)
        assert scene.error(5)[0] < 0.15
    finally:
        scene.close()
