"""Who listens to the node as others would: its poses, its tiles, its diagnostics, its TF."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped
from node_robot import LATCHED
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage
from tf2_ros import Buffer, TransformException, TransformListener

from nmap_reloc.errors import NmapError
from nmap_reloc.nodes.convert import nanoseconds

NOW_PERIOD = 0.02   # s between two looks of the consumer at now
SOON = 0.1          # s in which TF of an accepted pose has to be there
POLL = 0.001        # s
MILLION = 1e6


class Witness(Node):
    """answered: stamp of each pose in ns -> time.monotonic() when it came. loaded: generation of
    each confirmed set -> the same. values: of /diagnostics, by key, and `heard` when."""

    def __init__(self) -> None:
        super().__init__("bench_witness")
        self.answered: dict[int, float] = {}
        self.loaded: dict[int, float] = {}
        self.refused: list[str] = []
        self.state, self.values, self.heard = "", dict[str, str](), 0.0
        for kind, topic, callback, qos in (
                (PoseWithCovarianceStamped, "reloc_node/pose", self._pose, 100),
                (String, "reloc_node/loaded_tiles", self._tiles, LATCHED),
                (String, "reloc_node/state", self._state, LATCHED),
                (DiagnosticArray, "/diagnostics", self._diagnostics, 10)):
            self.create_subscription(kind, topic, callback, qos)
        self._parameters = self.create_client(SetParameters, "reloc_node/set_parameters")

    def _pose(self, message: PoseWithCovarianceStamped) -> None:
        self.answered[nanoseconds(message.header.stamp)] = time.monotonic()

    def _tiles(self, message: String) -> None:
        told = json.loads(message.data)
        self.loaded.setdefault(told["generation"], time.monotonic())
        self.refused += [entry["reason"] for entry in told["refused"]]

    def _state(self, message: String) -> None:
        self.state = message.data

    def _diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith("reloc_node"):
                self.values = {**self.values, **{v.key: v.value for v in status.values}}
                self.heard = time.monotonic()

    def number(self, key: str) -> float:
        """A value of /diagnostics; 0 for a counter that has counted nothing yet."""
        value = self.values.get(key, "0")
        return float("nan") if value == "-" else float(value)

    def news(self) -> None:
        """Returns when /diagnostics has come once more, whole: its tasks come together."""
        since = time.monotonic()
        wait(lambda: self.heard > since + 0.05, "no /diagnostics from reloc_node", 10.0)

    def set(self, name: str, value: object) -> None:
        """`ros2 param set`."""
        if not self._parameters.wait_for_service(timeout_sec=10.0):
            raise NmapError("reloc_node/set_parameters: no such service; is the node running?")
        done = self._parameters.call(SetParameters.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg()]))
        if not done.results[0].successful:
            raise NmapError(f"parameter {name}: {done.results[0].reason}")


class Consumer(Node):
    """Asks TF as a planner does: at each accepted pose's stamp, and at now while tracking."""

    def __init__(self, witness: Witness, map_frame: str):
        super().__init__("bench_consumer")
        self._map = map_frame
        self.buffer = Buffer()
        self._listener = TransformListener(self.buffer, self)
        self._witness = witness
        self.create_subscription(TFMessage, "/tf", self._heard, 100)
        self._newest = 0
        self.pause = 0.0                    # ms, the longest from one map -> odom to the next
        self.delays: list[float] = []       # ms until the look-up worked; inf: not soon enough
        self.margins: list[float] = []      # ms that map -> odom reaches beyond now
        self.failures: list[tuple[float, str]] = []  # (time.monotonic(), name of the exception)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True)
                         for work in (self._follow, self._at_now)]

    def _heard(self, message: TFMessage) -> None:
        """The stamps are the node's: a pause between them is not this process's fault."""
        for sent in message.transforms:
            stamp = nanoseconds(sent.header.stamp)
            if sent.header.frame_id == self._map and stamp > self._newest:
                if self._newest:
                    self.pause = max(self.pause, (stamp - self._newest) / MILLION)
                self._newest = stamp

    def start(self) -> None:
        """From now on; stop() ends it."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _follow(self) -> None:
        """map -> base_link at the stamp of each pose that comes."""
        done = set(self._witness.answered)
        while not self._stop.wait(POLL):
            for stamp, came in list(self._witness.answered.items())[len(done):]:
                done.add(stamp)
                asked = Time(nanoseconds=stamp)
                while not (found := self.buffer.can_transform(self._map, "base_link", asked)) \
                        and time.monotonic() < came + SOON:
                    time.sleep(POLL)
                self.delays.append((time.monotonic() - came) * 1e3 if found else float("inf"))

    def _at_now(self) -> None:
        """map -> odom at now, as long as the node says that it is tracking.

        What a listener hears first is dated ahead of now: only from then on it can know.
        """
        def known() -> bool:
            now = self.get_clock().now()
            return bool(self.buffer.can_transform(self._map, "odom", now))

        while not known() and not self._stop.wait(POLL):
            pass
        while not self._stop.wait(NOW_PERIOD):
            if self._witness.state != "tracking":
                continue
            now = self.get_clock().now()
            try:
                self.buffer.lookup_transform(self._map, "odom", now)
                newest = self.buffer.lookup_transform(self._map, "odom", Time())
            except TransformException as error:
                self.failures.append((time.monotonic(), type(error).__name__))
            else:
                self.margins.append(
                    (nanoseconds(newest.header.stamp) - now.nanoseconds) / MILLION)


def wait(condition: Callable[[], object], otherwise: str, seconds: float = 30.0) -> None:
    """Returns once it is true; NmapError with `otherwise` when it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NmapError(f"{otherwise} within {seconds:g} s")
        time.sleep(POLL)


def quantiles(values: Any) -> tuple[float, float]:
    """Median and 95th percentile; nan of nothing."""
    if not len(values):
        return float("nan"), float("nan")
    return float(np.percentile(values, 50)), float(np.percentile(values, 95))
