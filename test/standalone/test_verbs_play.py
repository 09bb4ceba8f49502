"""nmap-reloc play: a recording comes out as it went in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy_support import LATCHED, World, wait_until, world
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import String
from typer.testing import CliRunner, Result

from nmap_reloc.cli import main

pytest.importorskip("rosbags")

from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

START = 1_700_000_000_000_000_000  # ns
PERIOD = 20_000_000
COUNT = 50
EVERY = QoSProfile(depth=1000, history=HistoryPolicy.KEEP_ALL)
STORE = get_typestore(Stores.ROS2_JAZZY)
FOREVER = QosTime(2147483647, 4294967295)


def offered(reliable: bool, latched: bool) -> list[Qos]:
    return [Qos(QosHistory.KEEP_LAST, 1,
                QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
                QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE, FOREVER,
                FOREVER, QosLiveliness.AUTOMATIC, FOREVER, False)]


def record(path: Path, plugin: StoragePlugin) -> Path:
    """A map at the start, then texts at 50 Hz with an image (best effort) beside each tenth."""
    types = STORE.types
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        def connect(topic: str, kind: str, reliable: bool = True, latched: bool = False) -> Any:
            return writer.add_connection(topic, kind, typestore=STORE,
                                         offered_qos_profiles=offered(reliable, latched))

        text = "std_msgs/msg/String"
        connections = {"/map": connect("/map", text, latched=True), "/count": connect("/count",
                       text), "/image": connect("/image", "sensor_msgs/msg/Image", False)}

        def write(topic: str, stamp: int, message: Any) -> None:
            kind = connections[topic].msgtype
            writer.write(connections[topic], stamp, STORE.serialize_cdr(message, kind))

        write("/map", START, types[text](data="house"))
        for number in range(COUNT):
            stamp = START + number * PERIOD
            write("/count", stamp, types[text](data=str(number)))
            if number % 10 == 0:
                header = types["std_msgs/msg/Header"](
                    stamp=types["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9)),
                    frame_id="camera")
                import numpy as np

                write("/image", stamp, types["sensor_msgs/msg/Image"](
                    header, 2, 2, "mono8", 0, 2, np.full(4, number, np.uint8)))
    return path


@pytest.fixture(scope="module", params=[StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def bag(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("bags") / "bag", request.param)


class Listener:
    """Hears all of it, in a thread."""

    def __init__(self, there: World) -> None:
        self.texts: list[tuple[str, float]] = []
        self.images: list[Image] = []
        self.clock: list[int] = []
        self.maps: list[str] = []
        node = there.node("listener")
        node.create_subscription(String, "/count", self._text, EVERY)
        node.create_subscription(String, "/renamed", self._text, EVERY)
        node.create_subscription(String, "/map", lambda m: self.maps.append(m.data), LATCHED)
        best_effort = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
        node.create_subscription(Image, "/image", lambda m: self.images.append(m), best_effort)
        node.create_subscription(Clock, "/clock", self._clock, EVERY)

    def _text(self, message: String) -> None:
        self.texts.append((message.data, time.monotonic()))

    def _clock(self, message: Clock) -> None:
        self.clock.append(message.clock.sec * 10**9 + message.clock.nanosec)

    @property
    def numbers(self) -> list[int]:
        return [int(text) for text, _ in self.texts]


@pytest.fixture
def listener() -> Iterator[Listener]:
    with world() as there:
        made, stop = Listener(there), threading.Event()

        def spin() -> None:
            while not stop.is_set():
                there.executor.spin_once(timeout_sec=0.05)

        thread = threading.Thread(target=spin)
        thread.start()
        yield made
        stop.set()
        thread.join()


def play(bag: Path, *words: str) -> Result:
    return CliRunner().invoke(main.app, ["play", str(bag), *words])


def test_all_messages_come_in_order_with_the_recorded_time(bag: Path, listener: Listener) -> None:
    done = play(bag, "--clock", "--rate", "2", "--wait-for-subscribers", "/count",
                "--wait-for-subscribers", "/image", "--wait-for-subscribers", "/map")
    assert done.exit_code == 0, done.output
    assert wait_until(lambda: len(listener.texts) == COUNT)
    assert listener.numbers == list(range(COUNT))
    assert listener.maps == ["house"]
    # Half a second of 49 periods at double speed.
    passed = listener.texts[-1][1] - listener.texts[0][1]
    assert passed > 0.4 * (COUNT - 1) * PERIOD / 1e9
    assert listener.clock == sorted(listener.clock) and len(listener.clock) >= COUNT - 5
    assert listener.clock[0] >= START and listener.clock[-1] == START + (COUNT - 1) * PERIOD
    assert listener.images and all(
        image.header.frame_id == "camera" and list(image.data) == [image.data[0]] * 4
        for image in listener.images)
    assert "played 1.0 of 1.0 s (100%)" in done.stderr


def test_a_latched_message_reaches_who_comes_late(bag: Path) -> None:
    player = threading.Thread(target=lambda: play(bag, "--rate", "0.5"))
    player.start()
    try:
        with world() as there:
            maps: list[str] = []
            node = there.node("late")
            node.create_subscription(String, "/count", lambda m: maps.append(m.data), 10)
            assert there.spin_until(lambda: len(maps) > 2)  # it plays, the map came at the start
            late: list[str] = []
            node.create_subscription(String, "/map", lambda m: late.append(m.data), LATCHED)
            assert there.spin_until(lambda: bool(late))
            assert late == ["house"]
    finally:
        player.join()


def test_parts_are_played_under_other_names(bag: Path, listener: Listener) -> None:
    done = play(bag, "--rate", "20", "--topics", "/count", "--remap", "/count:=/renamed",
                "--start-offset", "0.8", "--wait-for-subscribers", "/renamed")
    assert done.exit_code == 0, done.output
    assert wait_until(lambda: len(listener.texts) == 10)
    assert listener.numbers == list(range(40, 50))
    assert not listener.maps and not listener.images and not listener.clock


@pytest.mark.parametrize(("words", "reason"), [
    (("--topics", "/none"), "/none: not in the recording; it has /count, /image, /map"),
    (("--remap", "/none:=/x"), "/none: not in the recording"),
    (("--remap", "/count"), "--remap /count: write it like"),
    (("--rate", "0"), "--rate 0: not a speed"),
    (("--start-offset", "60"), "only 1.0 s long"),
    (("--wait-for-subscribers", "/count", "--wait-timeout", "0.2"), "nobody subscribed"),
    (("--wait-for-subscribers", "/none"), "/none: not among what is played"),
])
def test_what_cannot_be_done_is_said(tmp_path_factory: pytest.TempPathFactory,
                                     words: tuple[str, ...], reason: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "one_bag"
    done = play(folder if folder.exists() else record(folder, StoragePlugin.MCAP), *words)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ") and reason in done.stderr


def test_what_is_no_recording_is_said(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.mcap"
    damaged.write_bytes(b"\x89MCAP0\r\nand then nonsense")
    for path, reason in ((tmp_path / "none", "no such file"), (damaged, "damaged"),
                         (tmp_path, "damaged or no ROS 2 recording")):
        done = play(path)
        assert done.exit_code == 1 and reason in done.stderr
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
