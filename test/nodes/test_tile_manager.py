"""tile_manager over DDS: its life, what it asks for, and what it makes of answers and damage."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from small_graph import Graph
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tile_row import save_row
from visualization_msgs.msg import Marker, MarkerArray

from nmap_reloc.maps.store import Site
from nmap_reloc.nodes.tile_loader import Loaded, Wanted
from nmap_reloc.nodes.tile_manager_node import TileManagerNode

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
QUICK: dict[str, Any] = {"radius": 4.0, "hysteresis": 0.5, "lookahead": 0.0, "update_period": 0.05,
                         "confirm_timeout": 0.4, "max_speed": 200.0,
                         "diagnostic_updater.period": 0.1}


class Peer(Node):
    """Stands in reloc_node's place: says where the robot is and what is loaded."""

    def __init__(self) -> None:
        super().__init__("peer")
        self.wishes: list[dict[str, Any]] = []
        self.markers: list[MarkerArray] = []
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.poses = self.create_publisher(PoseWithCovarianceStamped, "pose", 1)
        self.loaded = self.create_publisher(String, "loaded_tiles", LATCHED)
        self.candidates = self.create_publisher(String, "tile_candidates", LATCHED)
        self.create_subscription(String, "active_tiles",
                                 lambda m: self.wishes.append(json.loads(m.data)), LATCHED)
        self.create_subscription(MarkerArray, "tile_manager/markers", self.markers.append, LATCHED)
        self.create_subscription(DiagnosticArray, "/diagnostics", lambda m: self.statuses.update(
            {status.name: status for status in m.status}), 10)
        self.changes = self.create_client(ChangeState, "tile_manager/change_state")
        self.states = self.create_client(GetState, "tile_manager/get_state")
        self.reload = self.create_client(Trigger, "tile_manager/reload")
        self.settings = self.create_client(SetParameters, "tile_manager/set_parameters")

    @property
    def status(self) -> DiagnosticStatus | None:
        return self.statuses.get("tile_manager: tiles")

    def values(self) -> dict[str, str]:
        assert self.status is not None
        return {value.key: value.value for value in self.status.values}

    def tiles(self) -> set[str]:
        """Asked for last."""
        return {tile["id"] for tile in self.wishes[-1]["tiles"]} if self.wishes else set()

    def stand(self, x: float, frame: str = "map") -> None:
        message = PoseWithCovarianceStamped()
        message.header.frame_id = frame
        message.header.stamp = self.get_clock().now().to_msg()
        pose: Any = message.pose.pose.position
        pose.x, pose.y, pose.z = x, 5.0, 1.0
        self.poses.publish(message)

    def confirm(self, **changed: Any) -> None:
        wish = self.wishes[-1]
        self.loaded.publish(String(data=json.dumps({
            "generation": wish["generation"], "map_version": wish["map_version"],
            "site": wish["site"], "tiles": [tile["id"] for tile in wish["tiles"]],
            "bytes": 4000, "refused": [], "failed": None, **changed})))


class Stage:
    """A manager and its peer, discovered."""

    def __init__(self, ros: Graph, **parameters: Any) -> None:
        self.ros = ros
        self.peer: Peer = ros.add(Peer())
        self.start(**parameters)

    def start(self, **parameters: Any) -> None:
        self.manager: TileManagerNode = self.ros.add(TileManagerNode(parameter_overrides=[
            Parameter(name, value=value) for name, value in {**QUICK, **parameters}.items()]))

    def change(self, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return bool(self.ros.call(self.peer.changes, request).success)

    def state(self) -> str:
        return str(self.ros.call(self.peer.states, GetState.Request()).current_state.label)

    def answers(self) -> bool:
        """ROS 2 may lose what is asked before both ends of a service know each other."""
        future = self.peer.states.call_async(GetState.Request())
        return bool(self.ros.spin_until(future.done, 1.0))

    def up(self) -> None:
        assert self.change(Transition.TRANSITION_CONFIGURE)
        assert self.change(Transition.TRANSITION_ACTIVATE)
        assert self.until(lambda: self.peer.count_subscribers("pose"))

    def until(self, condition: Any) -> Any:
        return self.ros.spin_until(condition)

    def stand_until(self, x: float, tiles: set[str]) -> None:
        """Poses keep coming until these tiles are asked for, which are then confirmed."""
        def there() -> bool:
            self.peer.stand(x)
            return self.peer.tiles() == tiles
        assert self.until(there), (self.peer.tiles(), tiles)
        self.peer.confirm()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return save_row(tmp_path / "row")


@pytest.fixture
def stage(ros: Graph, site: Site) -> Stage:
    made = Stage(ros, map=str(site.path))
    made.up()
    return made


def test_tiles_follow_the_robot(stage: Stage, site: Site) -> None:
    peer = stage.peer
    assert stage.until(lambda: peer.wishes)
    assert peer.tiles() == {tile.id for tile in site.manifest.tiles}  # all fit, no pose yet
    stage.stand_until(25.0, {"t2"})
    stage.stand_until(28.0, {"t2", "t3"})
    stage.stand_until(33.0, {"t3", "t2"})
    stage.stand_until(75.0, {"t7"})
    generations = [wish["generation"] for wish in peer.wishes]
    assert generations == sorted(generations)
    last = peer.wishes[-1]
    assert (last["site"], last["map_version"]) == ("row", 1)
    tile = last["tiles"][0]
    assert tile["sha256"] == site.manifest.tile("t7").sha256 and Path(tile["path"]).is_file()


def test_the_reloc_node_reads_what_is_written_and_the_other_way_round(stage: Stage) -> None:
    assert stage.until(lambda: stage.peer.wishes)
    wanted = Wanted.parse(json.dumps(stage.peer.wishes[-1]))
    assert len(wanted.tiles) == 8
    loaded = Loaded(wanted.generation, 1, "row", tuple(name for name, _ in wanted.tiles), 1234)
    stage.peer.loaded.publish(String(data=loaded.to_json()))
    assert stage.until(lambda: stage.manager.figures().confirmed == wanted.generation)
    assert stage.manager.figures().bytes_loaded == 1234


def test_a_bad_map_fails_to_configure_and_a_good_one_then_works(ros: Graph, tmp_path: Path
                                                                ) -> None:
    stage = Stage(ros, map=str(tmp_path / "row"))
    assert not stage.change(Transition.TRANSITION_CONFIGURE)
    assert stage.state() == "unconfigured"
    assert stage.until(lambda: stage.peer.status)
    assert stage.until(lambda: "no such folder" in stage.peer.values().get("last_error", ""))
    assert stage.peer.status is not None and stage.peer.status.level == DiagnosticStatus.WARN
    save_row(tmp_path / "other")
    answer = ros.call(stage.peer.settings, SetParameters.Request(parameters=[
        Parameter("map", value=str(tmp_path / "other")).to_parameter_msg()]))
    assert answer.results[0].successful
    stage.up()
    assert stage.state() == "active" and stage.until(lambda: stage.peer.wishes)


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff" * 100])
def test_a_damaged_manifest_fails_to_configure(ros: Graph, site: Site, damage: bytes) -> None:
    (site.path / "manifest.json").write_bytes(damage)
    stage = Stage(ros, map=str(site.path))
    assert not stage.change(Transition.TRANSITION_CONFIGURE)
    assert stage.state() == "unconfigured"
    assert "manifest.json" in stage.manager.figures().last_error


def test_without_a_map_it_says_so(ros: Graph) -> None:
    stage = Stage(ros)
    assert not stage.change(Transition.TRANSITION_CONFIGURE)
    assert "parameter map '': must be given" in stage.manager.figures().last_error


def test_only_an_active_node_asks(stage: Stage) -> None:
    peer = stage.peer
    stage.stand_until(25.0, {"t2"})
    assert stage.change(Transition.TRANSITION_DEACTIVATE)
    count = len(peer.wishes)
    for _ in range(10):
        peer.stand(75.0)
        stage.ros.spin_for(0.03)
    assert len(peer.wishes) == count and stage.state() == "inactive"
    assert stage.change(Transition.TRANSITION_ACTIVATE)
    assert stage.until(lambda: peer.tiles() == {"t7"})


def test_cleanup_lets_go_of_everything_and_it_can_begin_again(stage: Stage) -> None:
    peer = stage.peer
    for _ in range(3):
        before = len(peer.wishes)
        assert stage.until(lambda before=before: len(peer.wishes) > before)
        assert stage.change(Transition.TRANSITION_DEACTIVATE)
        assert stage.change(Transition.TRANSITION_CLEANUP)
        assert stage.until(lambda: not peer.count_publishers("active_tiles"))
        assert not peer.count_subscribers("pose")
        stage.up()
    generations = [wish["generation"] for wish in peer.wishes]
    assert generations == sorted(generations) and len(set(generations)) >= 3
    assert stage.change(Transition.TRANSITION_ACTIVE_SHUTDOWN) and stage.state() == "finalized"
    assert stage.until(lambda: not peer.count_publishers("active_tiles"))


def test_an_unconfirmed_set_is_reported_and_sent_again(stage: Stage) -> None:
    peer = stage.peer
    assert stage.until(lambda: len(peer.wishes) >= 3)
    assert len({wish["generation"] for wish in peer.wishes}) == 1
    assert stage.until(lambda: peer.status and "waiting" in peer.status.message)
    assert peer.status is not None and peer.status.level == DiagnosticStatus.WARN
    assert int(peer.values()["resent"]) >= 1
    peer.confirm()
    assert stage.until(lambda: peer.values()["waiting"] == "0")
    count = len(peer.wishes)
    stage.ros.spin_for(0.6)
    assert len(peer.wishes) == count


def test_a_refused_tile_is_named_and_left_out(stage: Stage) -> None:
    peer = stage.peer
    stage.stand_until(28.0, {"t2", "t3"})
    stage.stand_until(38.0, {"t3", "t4"})
    stage.stand_until(28.0, {"t2", "t3"})
    peer.confirm(generation=-1, tiles=[], failed=peer.wishes[-1]["generation"],
                 refused=[{"id": "t3", "reason": "SHA-256 differs"}])
    assert stage.until(lambda: peer.tiles() == {"t2"})
    assert stage.until(lambda: peer.status and peer.status.level == DiagnosticStatus.ERROR)
    assert peer.values()["refused_tiles"] == "t3"
    assert peer.values()["refused_reason"] == "SHA-256 differs"


def test_travel_faster_than_tiles_load_is_reported(ros: Graph, site: Site) -> None:
    stage = Stage(ros, map=str(site.path), lag_warn=0.2)
    stage.up()
    peer = stage.peer
    stage.stand_until(22.0, {"t2", "t1"})
    started = time.monotonic()

    def late() -> bool:
        x = 22.0 + 10.0 * (time.monotonic() - started)  # on and on, and nobody confirms
        peer.stand(min(x, 75.0))
        return peer.status is not None and "lag 0." in peer.status.message
    assert stage.until(late)
    values = peer.values()
    assert values["lag_tile"] in {"t3", "t4", "t5", "t6", "t7"} and values["lags"] == "1"
    assert float(values["speed"]) > 0 and stage.peer.status is not None
    assert stage.peer.status.level == DiagnosticStatus.WARN
    peer.confirm()
    assert stage.until(lambda: peer.values()["lag"] == "-")


def test_reload_takes_a_new_version_and_refuses_a_damaged_one(stage: Stage, site: Site) -> None:
    peer = stage.peer
    stage.stand_until(25.0, {"t2"})
    before = peer.wishes[-1]
    same = stage.ros.call(peer.reload, Trigger.Request())
    assert same.success and same.message == "map version 1: unchanged"
    save_row(site.path, tiles=8, version=2, seed=1)
    answer = stage.ros.call(peer.reload, Trigger.Request())
    assert answer.success and "1 -> 2: 8 tiles changed" in answer.message
    assert stage.until(lambda: peer.wishes[-1]["map_version"] == 2)
    after = peer.wishes[-1]
    assert after["generation"] > before["generation"] and peer.tiles() == {"t2"}
    assert after["tiles"][0]["sha256"] != before["tiles"][0]["sha256"]
    peer.confirm()
    (site.path / "manifest.json").write_bytes(b"half a manif")
    answer = stage.ros.call(peer.reload, Trigger.Request())
    assert not answer.success and "manifest.json" in answer.message
    stage.stand_until(28.0, {"t2", "t3"})  # the old map stays in use
    assert peer.wishes[-1]["map_version"] == 2


def test_lost_it_asks_for_the_tiles_of_similar_views(ros: Graph, tmp_path: Path) -> None:
    save_row(tmp_path / "row", tiles=40)
    # 15 KB of memory for one set: a dozen tiles
    stage = Stage(ros, map=str(tmp_path / "row"), memory_budget=1.0, memory_factor=80.0,
                  max_tiles_without_pose=3)
    stage.up()
    stage.peer.candidates.publish(String(data=json.dumps({"stamp": 1.0, "tiles": ["t31", "t5"]})))
    assert stage.until(lambda: {"t31", "t5"} <= stage.peer.tiles())
    assert [tile["id"] for tile in stage.peer.wishes[-1]["tiles"]][:2] == ["t31", "t5"]
    assert len(stage.peer.tiles()) <= 3


def test_hostile_messages_are_counted_and_the_next_good_one_is_used(stage: Stage) -> None:
    peer, manager = stage.peer, stage.manager
    stage.stand_until(25.0, {"t2"})
    hostile = ["", "null", "[1]", '{"tiles": 3}', "\x00\xff", '{"generation":' + "9" * 400 + "}",
               json.dumps({"generation": 1, "map_version": 1, "site": "elsewhere", "tiles": [],
                           "bytes": 0, "refused": []})]
    count = 0
    for turn in range(100):
        for text in hostile:
            (peer.loaded if turn % 2 else peer.candidates).publish(String(data=text))
            count += 1
        peer.stand(float("nan"))
        peer.stand(1e300)
        peer.stand(5.0, frame="odom")
        count += 3
        stage.ros.spin_for(0.005)
    assert count == 1000
    # Topics keep the last message only: most arrive, not all.
    assert stage.until(lambda: manager.figures().bad_messages >= 100)
    assert stage.state() == "active"
    assert stage.until(lambda: int(peer.values()["bad_messages"]) >= 100)
    stage.stand_until(55.0, {"t5"})


def test_who_comes_late_still_hears_what_is_wanted(stage: Stage) -> None:
    stage.stand_until(25.0, {"t2"})
    late = stage.ros.add(Node("late"))
    heard: list[str] = []
    boxes: list[MarkerArray] = []
    late.create_subscription(String, "active_tiles", lambda m: heard.append(m.data), LATCHED)
    late.create_subscription(MarkerArray, "tile_manager/markers", boxes.append, LATCHED)
    assert stage.until(lambda: heard and boxes)
    assert json.loads(heard[0])["generation"] == stage.peer.wishes[-1]["generation"]


def test_the_boxes_tell_what_has_become_of_the_tiles(stage: Stage) -> None:
    peer = stage.peer
    stage.stand_until(28.0, {"t2", "t3"})
    peer.confirm(tiles=["t2"], refused=[{"id": "t3", "reason": "no"}])

    def lines() -> dict[str, int]:
        last = peer.markers[-1].markers
        assert last[0].action == Marker.DELETEALL
        return {m.ns: len(m.points) // 24 for m in last[1:] if m.type == Marker.LINE_LIST}

    assert stage.until(lambda: peer.markers and lines() == {"other": 6, "loaded": 1, "refused": 1})
    last = peer.markers[-1].markers
    assert {m.text for m in last if m.type == Marker.TEXT_VIEW_FACING} == {"t2", "t3"}
    loaded = next(m for m in last if m.ns == "loaded")
    assert {(p.x, p.y, p.z) for p in loaded.points} == {
        (x, y, z) for x in (20.0, 30.0) for y in (0.0, 10.0) for z in (0.0, 3.0)}
    assert loaded.header.frame_id == "map"


def test_parameters_change_while_it_runs(stage: Stage) -> None:
    stage.stand_until(25.0, {"t2"})
    answer = stage.ros.call(stage.peer.settings, SetParameters.Request(parameters=[
        Parameter("radius", value=12.0).to_parameter_msg(),
        Parameter("update_period", value=0.1).to_parameter_msg(),
        Parameter("radius", value=-1.0).to_parameter_msg()]))
    assert [result.successful for result in answer.results] == [True, True, False]
    stage.stand_until(25.0, {"t1", "t2", "t3"})


def test_a_restarted_manager_counts_on(stage: Stage, site: Site) -> None:
    stage.stand_until(25.0, {"t2"})
    before = stage.peer.wishes[-1]["generation"]
    stage.ros.remove(stage.manager)
    stage.peer.wishes.clear()
    stage.start(map=str(site.path))
    stage.up()
    assert stage.until(lambda: stage.peer.wishes)
    assert stage.peer.wishes[0]["generation"] > before


def test_a_thousand_swaps_leave_memory_flat(stage: Stage) -> None:
    peer, manager = stage.peer, stage.manager
    stage.stand_until(25.0, {"t2"})
    wished = 0

    def swaps(count: int) -> None:
        nonlocal wished
        for k in range(count):
            message = PoseWithCovarianceStamped()
            message.header.frame_id, message.header.stamp.sec = "map", 10 * (wished + k + 1)
            message.pose.pose.position.x = 5.0 + 10 * ((wished + k) % 8)
            manager._on_pose(message)
            manager._decide()
            assert manager._session is not None and manager._session.handover.wish is not None
            wish = manager._session.handover.wish
            manager._on_loaded(String(data=json.dumps({
                "generation": wish.generation, "map_version": 1, "site": "row", "bytes": 1000,
                "tiles": [tile for tile, _ in wish.tiles], "refused": []})))
            stage.ros.executor.spin_once(timeout_sec=0.0)
            peer.wishes.clear()
            peer.markers.clear()
        wished += count

    first = manager.figures().generation
    swaps(300)
    before = _resident()
    swaps(1000)
    assert manager.figures().generation == first + 1300
    assert _resident() - before < 4 << 20  # bytes


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_the_executable_lives_through_its_states_and_ends_when_asked(ros: Graph, site: Site
                                                                     ) -> None:
    run = ("import sys; from nmap_reloc import standalone; standalone.enable(); "
           "from nmap_reloc.nodes.tile_manager_node import main; sys.exit(main(sys.argv))")
    process = subprocess.Popen(
        [sys.executable, "-c", run, "--ros-args", "-p", f"map:={site.path}"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ))
    try:
        stage = Stage.__new__(Stage)
        stage.ros, stage.peer = ros, ros.add(Peer())
        assert stage.until(stage.answers)
        wrong = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVATE))
        stage.peer.changes.call_async(wrong)  # Humble and Jazzy do not answer it
        stage.up()
        assert stage.until(lambda: stage.peer.wishes)
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=20)[0]
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert "map row version 1: 8 tiles" in output and "Traceback" not in output


def test_a_wrong_parameter_ends_the_executable_with_one_line() -> None:
    run = ("import sys; from nmap_reloc import standalone; standalone.enable(); "
           "from nmap_reloc.nodes.tile_manager_node import main; sys.exit(main(sys.argv))")
    done = subprocess.run(
        [sys.executable, "-c", run, "--ros-args", "-p", "radius:=-3.0"], capture_output=True,
        text=True, timeout=60, check=False)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "radius" in lines[0] and "-3.0" in lines[0]
    assert "Traceback" not in done.stderr
