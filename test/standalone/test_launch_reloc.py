"""reloc.launch.py and replay.launch.py themselves, started in processes as users do."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("trimesh")

import rclpy
from rclpy_support import world
from robot import Robot, running, until
from typer.testing import CliRunner

from nmap_reloc.cli import main
from nmap_reloc.features import open_extractor
from nmap_reloc.mapping.build import BuildOptions, build_site
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.mapping.sources.base import Source
from nmap_reloc.mapping.triangulate import build_landmarks
from nmap_reloc.nodes.convert import rigid_from_pose
from nmap_reloc.simulation.dataset import simulate
from nmap_reloc.simulation.scene_bag import bag_from_scene

START = 60.0  # s; of two nodes on a loaded machine


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return open_source(simulate(tmp_path_factory.mktemp("place") / "scene", seed=3, map_views=30,
                                query_views=10, size=(320, 240), extent=1))


@pytest.fixture(scope="module")
def site(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("map")
    landmarks = build_landmarks(source, open_extractor("learned", 512), folder / "work")
    build_site(landmarks, folder / "site", budget=120_000, options=BuildOptions(tile=3.0))
    return folder / "site"


class Launch:
    """A launch in a process of its own, and all that it has said."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nmap_reloc.cli.main", "launch", *words], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)

    @property
    def text(self) -> str:
        return "".join(self.said)

    def end(self) -> int:
        """As Ctrl-C ends it."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self, seconds: float = START) -> int:
        code = self.process.wait(seconds)
        self._reader.join()
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()  # it takes its processes with it
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._reader.join()


@contextmanager
def launched(*words: str) -> Iterator[Launch]:
    made = Launch(*words)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def robot(source: Source) -> Iterator[Robot]:
    rclpy.init()
    made = Robot(source.named("query"))
    with running(made):
        yield made
    made.destroy_node()
    rclpy.shutdown()


def test_both_nodes_start_and_localize(site: Path, robot: Robot) -> None:
    with launched("reloc.launch.py", f"map:={site}", "image:=image",
                  "camera_info:=camera_info") as launch:
        def loaded() -> bool:
            return any(json.loads(said)["tiles"] for said in robot.tiles)

        assert until(lambda: robot.states, START), launch.text
        # Lost, it has no tile until the tile manager, configured and activated by the launch,
        # sends those that the images point at.
        def looked() -> bool:
            for k in range(3):
                robot.look(k, lambda _: time.sleep(0.05) or True)
                time.sleep(0.3)
            return bool(robot.poses)

        assert until(looked, START), launch.text
        assert loaded() and robot.states[-1] == "tracking"
        found = rigid_from_pose(robot.poses[-1].pose.pose).translation
        assert min(abs(found - robot.truth(k).translation).max() for k in range(3)) < 0.3
        assert robot.transforms and robot.transforms[-1].child_frame_id == "odom"
        assert launch.end() == 0
        for line in ("[reloc_node-", "[tile_manager_node-", "process has finished cleanly"):
            assert line in launch.text
        assert "Traceback" not in launch.text
        assert launch.text.count("process has finished cleanly") == 2


def test_arguments_decide_names_topics_and_parameters(site: Path) -> None:
    with launched("reloc.launch.py", f"map:={site}", "namespace:=robot1", "image:=cam/image",
                  "compressed:=true", "camera_info:=/info", "odom_frame:=none",
                  "base_frame:=chassis", "autostart:=false", "use_sim_time:=true") as launch, \
            world() as there:
        node = there.node("looking")
        topics: dict[str, list[str]] = {}

        def known() -> bool:
            topics.update(dict(node.get_topic_names_and_types()))
            return {"/robot1/cam/image/compressed", "/info", "/robot1/active_tiles",
                    "/robot1/initialpose", "/robot1/reloc_node/pose"} <= topics.keys()

        assert there.spin_until(known, START), (sorted(topics), launch.text)
        assert topics["/robot1/cam/image/compressed"] == ["sensor_msgs/msg/CompressedImage"]
        for parameter, value in (("odom_frame", "String value is: "), ("map", str(site)),
                                 ("base_frame", "String value is: chassis"),
                                 ("tiles", "String value is: managed"),
                                 ("use_sim_time", "Boolean value is: True")):
            assert value in said("param", "get", "/robot1/reloc_node", parameter)
        assert said("lifecycle", "get", "/robot1/tile_manager") == "unconfigured [1]\n"
        assert launch.end() == 0


def test_a_bag_is_replayed_and_evaluated(site: Path, source: Source, tmp_path: Path) -> None:
    bag = bag_from_scene(source.path, tmp_path / "bag", rate=1.0, compressed=True)
    with launched("replay.launch.py", f"map:={site}", f"bag:={bag}", f"output:={tmp_path / 'out'}",
                  "image:=camera/image_raw", "compressed:=true", "ground_truth:=/truth",
                  "grace:=1") as launch:
        assert launch.wait(2 * START) == 0, launch.text
    assert "(100%)" in launch.text and "Traceback" not in launch.text
    online = json.loads((tmp_path / "out" / "online.json").read_text())
    lines = (tmp_path / "out" / "trajectory.tum").read_text().splitlines()
    assert online["bag"] == str(bag) and online["ground_truth"] == "/truth"
    assert len(lines) == len(online["poses"]) >= 3
    for line, entry in zip(lines, online["poses"]):
        assert abs(float(line.split()[0]) - entry["stamp"]) < 1e-5
        assert 0 < entry["latency"] < START and len(entry["covariance"]) == 36
    stamps = {entry["stamp"] for entry in online["images"] if not entry["refused_by"]}
    assert {entry["stamp"] for entry in online["poses"]} <= stamps
    assert any("fixes agree" in entry["reason"] for entry in online["images"])
    assert online["states"][0]["state"] == "lost"
    assert any(entry["state"] == "tracking" for entry in online["states"])
    assert online["swaps"] >= 1 and online["loaded_tiles"][-1]["tiles"]


def said(*words: str) -> str:
    result = CliRunner().invoke(main.app, list(words))
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def test_without_its_map_the_launch_ends_by_itself(tmp_path: Path) -> None:
    with launched("reloc.launch.py", f"map:={tmp_path / 'nowhere'}") as launch:
        assert launch.wait() == 0  # as with `ros2 launch`: what it launched has ended, it has not
        assert "nowhere" in launch.text and "[ERROR] [reloc_node-" in launch.text


@pytest.mark.parametrize(("words", "line"), [
    (["reloc.launch.py"], "reloc.launch.py: required argument map is missing; add map:=..."),
    (["none.launch.py"], "file 'none.launch.py' was not found in the share directory of package "
     "'nmap_reloc'"),
    (["no_package", "x.launch.py"], "Package 'no_package' not found"),
    (["reloc.launch.py", "map=x"], "malformed launch argument 'map=x', expected format "
     "'<name>:=<value>'"),
])
def test_what_cannot_be_launched_is_said_in_one_line(words: list[str], line: str) -> None:
    with launched(*words) as launch:
        assert launch.wait() == 1
    assert launch.text.startswith("error: " + line) and launch.text.count("\n") == 1


@pytest.mark.parametrize("file", ["reloc.launch.py", "replay.launch.py", "nmap_reloc replay"])
def test_arguments_are_shown(file: str) -> None:
    with launched(*file.split(), "--show-args") as launch:
        assert launch.wait() == 0
    assert "'map':" in launch.text and "'params_file':\n" in launch.text
    assert ("'bag':" in launch.text) == ("replay" in file)
    assert "no description given" not in launch.text


def test_a_misspelt_argument_is_pointed_out(tmp_path: Path) -> None:
    with launched("reloc.launch.py", f"map:={tmp_path / 'nowhere'}", "imgae:=/x") as launch:
        launch.wait()
    assert "declares no argument imgae; did you mean image?" in launch.text


def test_a_missing_parameter_file_ends_the_launch(tmp_path: Path) -> None:
    with launched("reloc.launch.py", "map:=x", f"params_file:={tmp_path / 'a.yaml'}") as launch:
        assert launch.wait() == 1
    assert f"params_file {tmp_path / 'a.yaml'}: no such file" in launch.text
