"""evaluation: notes what reloc_node publishes during a replay, for `nmap-reloc evaluate`.

Writes OUTPUT/trajectory.tum (map -> base per published pose, stamps of the images) and
OUTPUT/online.json (latencies, states, what became of each image, tile swaps) when it is asked to
stop.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import rclpy
from geometry_msgs.msg import PoseWithCovarianceStamped
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.atomic import Writer, writing

LATCHED = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PARAMETERS = {
    "output": "Folder of the results.",
    "bag": "The recording that is replayed, noted in the results.",
    "ground_truth": "Topic of the true poses in it, noted in the results.",
}


class RunningClock:
    """Time between two messages on /clock: it runs on at the speed that it had so far."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._last = (0.0, 0.0)

    def heard(self, stamp: float, at: float) -> None:
        """stamp: of /clock; at: of the monotonic clock; seconds."""
        if self._first is None or stamp < self._last[0]:  # the bag begins, or begins again
            self._first = (stamp, at)
        self._last = (stamp, at)

    def at(self, now: float) -> float | None:
        """now: of the monotonic clock. None before the first message."""
        if self._first is None:
            return None
        passed = self._last[1] - self._first[1]
        speed = (self._last[0] - self._first[0]) / passed if passed > 0 else 0.0
        return self._last[0] + speed * (now - self._last[1])


class EvaluationNode(Node):  # type: ignore[misc] # rclpy is untyped where it is absent
    """NmapError: no folder for the results was given."""

    def __init__(self, **options: Any) -> None:
        super().__init__("evaluation", **options)
        self.settings = {name: str(self.declare_parameter(
            name, "", ParameterDescriptor(description=text, read_only=True)).value)
            for name, text in PARAMETERS.items()}
        if not self.settings["output"]:
            raise NmapError("output: not set; give the folder of the results as parameter")
        self.poses: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []
        self.tiles: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self._clock_heard = RunningClock()
        self.create_subscription(PoseWithCovarianceStamped, "pose", self._pose, 100)
        self.create_subscription(String, "state", self._state, LATCHED)
        self.create_subscription(String, "loaded_tiles", self._loaded, LATCHED)
        self.create_subscription(String, "report", self._report, 100)
        if self.get_parameter("use_sim_time").value:
            best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
            self.create_subscription(Clock, "/clock", self._clock_message, best_effort)

    def _clock_message(self, message: Clock) -> None:
        self._clock_heard.heard(_seconds(message.clock), time.monotonic())

    def _now(self) -> float:
        """Seconds, of the clock that stamps the images."""
        heard = self._clock_heard.at(time.monotonic())
        return self.get_clock().now().nanoseconds / 1e9 if heard is None else heard

    def _pose(self, message: PoseWithCovarianceStamped) -> None:
        stamp, pose = _seconds(message.header.stamp), message.pose.pose
        p, q = pose.position, pose.orientation
        self.poses.append({
            "stamp": stamp, "latency": self._now() - stamp,
            "pose": [p.x, p.y, p.z, q.x, q.y, q.z, q.w],
            "covariance": [float(value) for value in message.pose.covariance]})

    def _state(self, message: String) -> None:
        self.states.append({"time": self._now(), "state": message.data})

    def _loaded(self, message: String) -> None:
        try:
            said = json.loads(message.data)
            self.tiles.append({"time": self._now(), **{name: said[name] for name in (
                "generation", "map_version", "tiles", "bytes", "refused")}})
        except (ValueError, KeyError, TypeError) as problem:
            self.get_logger().warning(f"loaded_tiles: not understood: {problem!r}")

    def _report(self, message: String) -> None:
        try:
            said = json.loads(message.data)
            self.images.append({**said, "stamp": said["stamp"] / 1e9})
        except (ValueError, KeyError, TypeError) as problem:
            self.get_logger().warning(f"report: not understood: {problem!r}")

    def write(self) -> tuple[Path, Path]:
        """Both files, each whole or not at all. NmapError: the folder can't be written."""
        folder = Path(self.settings["output"]).expanduser()
        trajectory, online = folder / "trajectory.tum", folder / "online.json"
        texts = {trajectory: "".join(map(_tum_line, self.poses)),
                 online: json.dumps(self.results(), indent=1) + "\n"}
        writer = Writer()
        for path, text in texts.items():
            data = text.encode()
            with writing(path, len(data)):
                writer.write(path, data)
        return trajectory, online

    def results(self) -> dict[str, Any]:
        """latencies: seconds from an image's stamp to its pose's arrival here."""
        generations = [entry["generation"] for entry in self.tiles]
        latencies = sorted(entry["latency"] for entry in self.poses)
        return {
            "bag": self.settings["bag"], "ground_truth": self.settings["ground_truth"],
            "swaps": sum(before != after for before, after in pairwise(generations)),
            "latency_median": _quantile(latencies, 0.5), "latency_95": _quantile(latencies, 0.95),
            "poses": [{name: entry[name] for name in ("stamp", "latency", "covariance")}
                      for entry in self.poses],
            "states": self.states, "images": self.images, "loaded_tiles": self.tiles}


def _seconds(stamp: Any) -> float:
    return float(stamp.sec) + float(stamp.nanosec) * 1e-9


def _tum_line(entry: dict[str, Any]) -> str:
    return f"{entry['stamp']:.6f} " + " ".join(f"{value:.9g}" for value in entry["pose"]) + "\n"


def _quantile(values: Sequence[float], share: float) -> float | None:
    """Of sorted values; None of none."""
    return values[min(int(share * len(values)), len(values) - 1)] if values else None


def main(arguments: list[str] | None = None) -> int:
    """The executable evaluation_node; 1 where the results can't be written."""
    rclpy.init(args=arguments)
    try:
        node = EvaluationNode()
        with suppress(KeyboardInterrupt, ExternalShutdownException):  # asked to stop
            rclpy.spin(node)
        files = node.write()
        print(f"{len(node.poses)} poses written:", *files, flush=True)
        node.destroy_node()
    except NmapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
