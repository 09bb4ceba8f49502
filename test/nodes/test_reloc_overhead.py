"""What reloc_node says of its own time, and that it stops without a word."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Path as PathMessage
from rclpy.context import Context
from reloc_scene import Scene, begin
from robot import LATCHED, image_message, info_message, parameters, until

from nmap_reloc.mapping.sources.base import Source
from nmap_reloc.nodes.figures import RelocFigures
from nmap_reloc.nodes.pipeline import Frame
from nmap_reloc.nodes.reloc_node import RelocNode

STAGES = ("wait", "features", "activate", "decode", "solve", "confirm", "judge")


@pytest.fixture
def scene(place: Source, place_map: Path) -> Iterator[Scene]:
    made = begin(place, place_map)
    yield made
    made.close()


def test_overhead_is_what_the_stages_leave() -> None:
    figures = RelocFigures()
    figures.image_answered({"wait": 30.0, "features": 20.0}, 54.0)
    assert figures.overhead.values() == [4.0] and figures.total.values() == [54.0]
    figures.resize(3.0)
    assert figures.overhead.seconds == 3.0


def test_every_millisecond_from_arrival_to_answer_is_accounted_for(scene: Scene) -> None:
    heard: dict[str, str] = {}
    scene.robot.create_subscription(
        DiagnosticArray, "/diagnostics", lambda message: heard.update(
            {value.key: value.value for status in message.status for value in status.values}), 10)
    figures = scene.node.figures
    scene.start()
    totals, overheads = figures.total.values(), figures.overhead.values()
    assert len(overheads) == len(totals) == scene.answered()
    stages = [figures.stages[name].values() for name in STAGES if name in figures.stages]
    for total, overhead, *spent in zip(totals, overheads, *stages, strict=True):
        assert total == pytest.approx(overhead + sum(spent)) and 0 < overhead < total
    assert set(figures.stages["wait"].values()) == {0.0}, "each image came after the last answer"
    assert until(lambda: float(heard.get("overhead_p95", "-").replace("-", "0")) > 0)
    assert {"overhead_p50", "latency_wait_p50", "handover_ms"} <= set(heard)


def test_time_behind_another_image_is_waiting(scene: Scene) -> None:
    scene.start()
    worker, figures = scene.node.worker, scene.node.figures
    for _ in range(8):
        scene.robot.look(2, lambda _: True)
        time.sleep(0.01)
    assert until(lambda: worker.processed + worker.dropped == worker.offered)
    waits = figures.stages["wait"].values()
    assert max(waits) > 0
    for wait, total in zip(waits, figures.total.values(), strict=True):
        assert 0 <= wait < total


def test_the_path_holds_the_poses_that_were_published(scene: Scene) -> None:
    paths: list[PathMessage] = []
    scene.robot.create_subscription(PathMessage, "reloc_node/path", paths.append, LATCHED)
    scene.start()
    scene.look(2, 2)
    assert until(lambda: paths and len(paths[-1].poses) == len(scene.robot.poses) >= 3)
    for placed, pose in zip(paths[-1].poses, scene.robot.poses, strict=True):
        assert placed.header == pose.header and placed.pose == pose.pose.pose


def test_an_image_during_the_shutdown_is_no_error(place: Source, place_map: Path) -> None:
    context, view = Context(), place.named("query")[0]
    context.init()
    node = RelocNode(context=context, parameter_overrides=parameters(place_map))
    try:
        node.pipeline.info = info_message(view.camera)
        message = image_message(view.read(), frame="base_link")
        message.header.stamp = node.get_clock().now().to_msg()
        context.shutdown()
        node.worker.offer(Frame(message, time.monotonic()))
        assert until(lambda: node.worker.processed + node.worker.failed)
        assert (node.worker.failed, node.figures.errors) == (0, 0)
        assert node.figures.total.values(), "it was answered up to where it would be published"
    finally:
        node.destroy_node()


@pytest.fixture(scope="module", autouse=True)
def shut_down() -> Iterator[None]:
    yield
    rclpy.try_shutdown()
