"""Tiles swapped a hundred times while images flow, over DDS: nothing is lost, nothing grows."""

from __future__ import annotations

import json
import os
import queue
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import rclpy
from reloc_scene import Scene, begin
from robot import image_message, until
from std_msgs.msg import String

from nmap_reloc.geometry import angle_degrees
from nmap_reloc.localizer import Localizer
from nmap_reloc.mapping.sources.base import Source
from nmap_reloc.maps.manifest import Manifest
from nmap_reloc.maps.store import Site
from nmap_reloc.nodes.convert import nanoseconds, rigid_from_pose
from nmap_reloc.nodes.tile_loader import Loaded, TileLoader

SWAPS = 100
PERIOD = 0.03  # s between images: more than the node can look at, so that newer ones displace
PAGE = os.sysconf("SC_PAGE_SIZE")


def wish(manifest: Manifest, generation: int, tiles: Sequence[str]) -> str:
    """The contents of active_tiles."""
    return json.dumps({
        "generation": generation, "map_version": manifest.map_version, "site": manifest.site_id,
        "tiles": [{"id": entry.id, "sha256": entry.sha256} for entry in manifest.tiles
                  if entry.id in tiles]})


class Swapping:
    """A scene whose tiles this test manages; tiles: one set after the other, from generation 1."""

    def __init__(self, scene: Scene, manifest: Manifest, sets: Sequence[Sequence[str]]):
        self.scene, self.manifest, self.sets = scene, manifest, sets
        self.generation = 0
        self.view_at: dict[int, int] = {}  # stamp of an image -> its view

    def swap(self) -> None:
        """Returns when the next set is confirmed."""
        self.generation += 1
        self.scene.robot.active_tiles.publish(String(data=wish(
            self.manifest, self.generation, self.sets[self.generation % len(self.sets)])))
        assert until(lambda: self.confirmed()[-1] == self.generation), "not confirmed"

    def confirmed(self) -> list[int]:
        """Generations in the order in which the node confirmed them."""
        return [json.loads(told)["generation"] for told in self.scene.robot.tiles]

    def show(self, view: int) -> None:
        message = image_message(self.scene.robot.views[view].read())
        self.scene.robot.look(view, lambda _: True, message)
        self.view_at[nanoseconds(message.header.stamp)] = view

    def localized(self, views: Sequence[int]) -> list[int]:
        """Those of the views that give a pose with the tiles as they are, one by one."""
        good = []
        for view in views:
            count = len(self.scene.robot.poses)
            self.scene.look(view)
            if until(lambda count=count: len(self.scene.robot.poses) > count, 0.5):
                good.append(view)
        return good

    @contextmanager
    def images(self, views: Sequence[int]) -> Iterator[None]:
        """There and back through the views for the block."""
        stop, failures = threading.Event(), list[BaseException]()

        def flow() -> None:
            try:
                while not stop.is_set():
                    for view in [*views, *views[-2:0:-1]]:
                        self.show(view)
                        time.sleep(PERIOD)
            except BaseException as error:  # of this thread, told in the test's
                failures.append(error)

        thread = threading.Thread(target=flow)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        assert not failures


@pytest.fixture
def swapping(place: Source, place_map: Path) -> Iterator[Swapping]:
    manifest = Site.open(place_map).manifest
    every = [entry.id for entry in manifest.tiles]
    scene = begin(place, place_map, tiles="managed")
    made = Swapping(scene, manifest, [sorted(every)[:-1], every])
    yield made
    scene.close()


def test_images_flow_through_a_hundred_swaps(swapping: Swapping) -> None:
    scene = swapping.scene
    worker, figures = scene.node.worker, scene.node.figures
    swapping.swap()
    scene.start()
    views = list(range(len(scene.robot.views)))
    for _ in swapping.sets:
        views = swapping.localized(views)
        swapping.swap()
    assert len(views) >= 3, "the place and its map do not fit"
    refusals, poses, processed = figures.refusals.total(), len(scene.robot.poses), worker.processed
    with swapping.images(views):
        for k in range(SWAPS):
            swapping.swap()
            assert until(lambda k=k: worker.processed - processed >= k // 4), "images stand still"
    assert until(lambda: newest(scene) == max(swapping.view_at)), "the last image has no pose"
    assert until(lambda: worker.processed + worker.dropped == worker.offered)
    answered = worker.processed - processed
    assert until(lambda: len(scene.robot.poses) - poses == answered), "an image without a pose"
    # What was not answered gave way to a newer image, be it here or in the reader of depth one.
    assert answered >= SWAPS // 4 and worker.failed == 0
    assert set(figures.dropped) <= {"newer"} and figures.dropped["newer"] == worker.dropped
    assert figures.refusals.total() == refusals
    stamps = [nanoseconds(pose.header.stamp) for pose in scene.robot.poses[poses:]]
    assert stamps == sorted(set(stamps))
    assert swapping.confirmed()[1:] == list(range(1, swapping.generation + 1))
    assert not figures.refused_tiles and figures.swaps == swapping.generation
    check_poses(swapping, poses)


def newest(scene: Scene) -> int:
    """The stamp of the last pose, ns."""
    return nanoseconds(scene.robot.poses[-1].header.stamp)


def check_poses(swapping: Swapping, first: int) -> None:
    """Those from `first` on are where the robot was."""
    robot = swapping.scene.robot
    for pose in robot.poses[first:]:
        found = rigid_from_pose(pose.pose.pose)
        truth = robot.truth(swapping.view_at[nanoseconds(pose.header.stamp)])
        assert np.linalg.norm(found.translation - truth.translation) < 0.15
        assert angle_degrees(found, truth) < 2


def test_a_damaged_tile_of_the_next_map_stops_no_swap(place: Source, place_map: Path,
                                                      tmp_path: Path) -> None:
    site = Path(shutil.copytree(place_map, tmp_path / "site"))
    manifest = Site.open(site).manifest
    scene = begin(place, site, tiles="managed")
    try:
        updated = Swapping(scene, replace(manifest, map_version=manifest.map_version + 1),
                           [[manifest.tiles[0].id]])
        (site / "manifest.json").write_bytes(updated.manifest.to_bytes())
        (site / manifest.tiles[-1].file).write_bytes(b"damaged")
        updated.swap()
        assert until(lambda: manifest.tiles[-1].sha256[:12] in scene.node.figures.last_error)
        updated.swap()
        assert scene.node.figures.map_version == manifest.map_version + 1
        scene.look(0, 1)  # lost or not, an image is answered
    finally:
        scene.close()


def test_memory_does_not_grow_with_the_swaps(place_map: Path) -> None:
    localizer, reports = Localizer.open(place_map, tiles=()), queue.Queue[Loaded]()
    loader = TileLoader(place_map, localizer, reports.put)
    manifest = loader.site.manifest
    light = sorted(manifest.tiles, key=lambda entry: entry.bytes)[:2]

    def swap(generations: range) -> int:
        """Resident bytes afterwards."""
        for generation in generations:
            loader.request(wish(manifest, generation, [light[generation % 2].id]))
            told = reports.get(timeout=20)
            assert (told.generation, told.refused) == (generation, ())
            assert told.handover is not None and told.milliseconds is not None
            assert 0 <= told.handover < told.milliseconds
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE

    try:
        before = swap(range(200))
        assert swap(range(200, 500)) - before < 5e6
    finally:
        loader.close()


@pytest.fixture(scope="module", autouse=True)
def shut_down() -> Iterator[None]:
    yield
    rclpy.try_shutdown()
