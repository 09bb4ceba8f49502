"""/diagnostics: what is counted, what turns it yellow or red, and how it is published."""

from __future__ import annotations

import dataclasses
import math
import threading
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from diagnostic_updater import DiagnosticStatusWrapper
from rclpy.node import Node
from rclpy.parameter import Parameter
from small_graph import Graph

from nmap_reloc.nodes.described import specs
from nmap_reloc.nodes.diagnostic_keys import ERROR, OK, WARN, Key, judge, text
from nmap_reloc.nodes.diagnostics import fill, start_diagnostics
from nmap_reloc.nodes.figures import RelocFigures, TileFigures, Window
from nmap_reloc.nodes.parameters import ParameterSet
from nmap_reloc.nodes.reloc_keys import INPUT, LOCALIZATION, MAP, RELOC_KEYS
from nmap_reloc.nodes.reloc_parameters import RelocParameters
from nmap_reloc.nodes.tile_keys import TILE_KEYS
from nmap_reloc.nodes.tile_manager_parameters import TileManagerParameters


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def well(clock: Hands) -> RelocFigures:
    """Ten seconds of a node that does well: 20 images and poses a second."""
    figures = RelocFigures(10.0, clock, camera="", tiles_loaded=4, site="kitchen")
    figures.state_is("tracking", "")
    for _ in range(200):
        clock.now += 0.05
        figures.image_arrived()
        figures.image_answered({"features": 20.0, "decode": 10.0}, 40.0)
        figures.pose_published(100)
    figures.position_sigma, figures.rotation_sigma = 0.02, 0.2
    return figures


PARAMETERS = RelocParameters()


def level(keys: Any, figures: Any, **changed: Any) -> int:
    return judge(keys, figures, dataclasses.replace(PARAMETERS, **changed)).level


def test_a_window_forgets_and_knows_its_rate(clock: Hands) -> None:
    window = Window(10.0, clock)
    assert (window.rate(), window.percentile(50)) == (0.0, None)
    for value in range(100):
        clock.now += 0.1
        window.add(float(value))
    assert window.rate() == pytest.approx(10.0, rel=0.02)
    assert window.percentile(50) == pytest.approx(49.5) and window.percentile(95) == pytest.approx(
        94.05)
    clock.now += 5.0
    assert window.rate() == pytest.approx(5.0, rel=0.05)
    clock.now += 5.1
    assert (window.rate(), window.values()) == (0.0, [])


def test_a_rate_is_right_before_the_window_is_full_and_above_what_it_keeps(clock: Hands) -> None:
    young = Window(10.0, clock)
    for _ in range(10):
        clock.now += 0.1
        young.add()
    assert young.rate() == pytest.approx(10.0)
    fast = Window(10.0, clock)
    for _ in range(20_000):
        clock.now += 0.0005
        fast.add()
    assert fast.rate() == pytest.approx(2000.0, rel=0.01)


def test_threads_may_add_while_another_asks() -> None:
    figures, failures = RelocFigures(), []

    def work() -> None:
        try:
            for step in range(2000):
                figures.image_answered({f"stage{step % 7}": 1.0}, 1.0, "gate")
                figures.image_dropped(f"reason{step % 5}")
        except Exception as error:  # shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        judge(RELOC_KEYS, figures, PARAMETERS)
    assert failures == [] and figures.refusals["gate"] == 6000
    assert sum(figures.dropped.values()) == 6000


def test_a_node_that_does_well_is_ok(well: RelocFigures) -> None:
    for keys in (LOCALIZATION, INPUT, MAP):
        assert level(keys, well) == OK
    told = judge(LOCALIZATION, well, PARAMETERS)
    assert told.message == "tracking"
    assert told.values["pose_rate"] == "20" and told.values["latency_p95"] == "40"
    assert told.values["latency_features_p50"] == "20"
    assert told.values["inliers_p50"] == "100" and told.values["position_sigma"] == "0.02"


def test_lost_is_yellow_then_red(well: RelocFigures, clock: Hands) -> None:
    well.state_is("suspect", "no fix")
    assert level(LOCALIZATION, well) == WARN
    well.state_is("lost", "5 images without a fix")
    clock.now += 9.0
    assert level(LOCALIZATION, well, pose_rate_warn=0.0) == WARN
    well.state_is("lost", "still")  # said again: lost since the first time
    clock.now += 1.5
    told = judge(LOCALIZATION, well, PARAMETERS)
    assert told.level == ERROR and told.message.startswith("state lost")
    assert (told.values["reason"], told.values["lost_for"]) == ("still", "10.5")
    well.state_is("tracking", "")
    assert judge(LOCALIZATION, well, PARAMETERS).values["lost_for"] == "0"


@pytest.mark.parametrize(("parameter", "limit", "wanted"), [
    ("latency_warn", 39.0, WARN), ("latency_error", 39.0, ERROR), ("latency_warn", 41.0, OK),
    ("inliers_warn", 101, WARN), ("inliers_warn", 99, OK), ("position_sigma_warn", 0.01, WARN),
    ("position_sigma_error", 0.01, ERROR), ("rotation_sigma_warn", 0.1, WARN),
    ("rotation_sigma_error", 0.1, ERROR), ("pose_rate_warn", 20.5, OK)])
def test_the_thresholds_of_localization(well: RelocFigures, parameter: str, limit: float,
                                        wanted: int) -> None:
    assert level(LOCALIZATION, well, **{parameter: limit}) == wanted


def test_poses_that_stay_away_are_noticed_while_images_come(well: RelocFigures, clock: Hands
                                                            ) -> None:
    for _ in range(220):
        clock.now += 0.05
        well.image_arrived()
        well.image_answered({}, 40.0, "gate")
    told = judge(LOCALIZATION, well, PARAMETERS)
    assert told.level == WARN and "pose rate 0 Hz" in told.message
    assert told.values["refused_by_gate"] == "220"


def test_images_that_stay_away_are_noticed(well: RelocFigures, clock: Hands) -> None:
    assert level(INPUT, well, rate_warn=19.0) == OK
    told = judge(INPUT, well, dataclasses.replace(PARAMETERS, rate_warn=21.0))
    assert told.level == WARN and told.message == "image rate 20 Hz: less than 21 (rate_warn)"
    clock.now += 3.1
    assert level(INPUT, well) == ERROR
    assert level(INPUT, RelocFigures(clock=clock, camera="")) == ERROR  # none ever


def test_the_camera_odometry_and_bad_images_are_noticed(well: RelocFigures, clock: Hands) -> None:
    assert judge(INPUT, well, PARAMETERS).values["odometry"] == "ok"
    well.odometry = "no transform odom -> base_link"
    assert level(INPUT, well) == WARN
    well.camera = "K is all zero"
    told = judge(INPUT, well, PARAMETERS)
    assert told.level == ERROR and told.message.startswith("camera info K is all zero; ")
    well.camera = well.odometry = ""
    well.image_dropped("newer")
    assert level(INPUT, well) == OK
    well.image_dropped("stale")
    told = judge(INPUT, well, PARAMETERS)
    assert told.level == WARN
    assert (told.values["dropped_newer"], told.values["dropped_stale"]) == ("1", "1")
    clock.now += 2.0
    well.image_arrived()
    assert level(INPUT, well, dropped_warn=0.2, rate_warn=0.0) == OK


def test_tiles_are_noticed(well: RelocFigures) -> None:
    assert judge(MAP, well, PARAMETERS).message == "kitchen"
    well.refused_tiles = {"a": "SHA-256 differs", "b": "missing"}
    told = judge(MAP, well, PARAMETERS)
    assert (told.level, told.message) == (ERROR, "refused tiles a, b")
    assert told.values["refused_reason"] == "SHA-256 differs"
    well.refused_tiles, well.tiles_loaded = {}, 0
    assert level(MAP, well) == WARN


TILES = TileFigures("active", site="kitchen", tiles_wanted=3, mode="follow", why="near")


@pytest.mark.parametrize(("changed", "wanted"), [
    ({}, OK), ({"lifecycle": "inactive"}, WARN), ({"tiles_wanted": 0}, ERROR),
    ({"waiting": 5.1}, WARN), ({"waiting": 4.9}, OK), ({"left_out": ("a",)}, WARN),
    ({"refused": {"a": "gone"}}, ERROR), ({"refused_set": "out of memory"}, WARN),
    ({"lag": 0.4}, OK), ({"lag": 0.6}, WARN), ({"lag": 5.1}, ERROR), ({"mode": "outside"}, WARN),
    ({"bytes_loaded": 250_000_000}, OK), ({"bytes_loaded": 260_000_000}, WARN),
    ({"error_age": 10.0, "last_error": "x"}, WARN), ({"error_age": 40.0, "last_error": "x"}, OK)])
def test_the_thresholds_of_the_tile_manager(changed: dict[str, Any], wanted: int) -> None:
    figures = dataclasses.replace(TILES, **changed)
    assert judge(TILE_KEYS, figures, TileManagerParameters()).level == wanted


def test_many_tiles_are_named_in_short() -> None:
    figures = dataclasses.replace(TILES, left_out=tuple(f"t{k}" for k in range(9)))
    told = judge(TILE_KEYS, figures, TileManagerParameters())
    assert told.message == "left out t0, t1, t2, t3, t4 and 4 more"


@pytest.mark.parametrize(("keys", "cls"), [(RELOC_KEYS, RelocParameters),
                                           (TILE_KEYS, TileManagerParameters)])
def test_every_threshold_is_a_parameter_and_every_rule_is_told(keys: tuple[Key, ...],
                                                               cls: type[Any]) -> None:
    names = {spec.name for spec in specs(cls)}
    for key in keys:
        assert set(key.limits) - {""} <= names, key.name
        assert key.description.endswith(".")
        assert (key.judge is not None) == bool(key.warn or key.error), key.name
        said = f"{key.warn_when()} {key.error_when()}".split("`")[1::2]
        assert set(said) <= names, key.name
    assert len({(key.task, key.name) for key in keys}) == len(keys)


def test_values_are_shown_in_short() -> None:
    shown = [text(value) for value in (None, True, 1.23456, 1e9, math.inf, 7, "x")]
    assert shown == ["-", "true", "1.235", "1000000000", "inf", "7", "x"]


def test_a_status_holds_text_only(well: RelocFigures) -> None:
    status = fill(DiagnosticStatusWrapper(), LOCALIZATION, well, PARAMETERS)
    assert (status.level, status.message) == (DiagnosticStatus.OK, "tracking")
    assert all(isinstance(value.value, str) for value in status.values)
    assert {"state", "latency_decode_p95"} <= {value.key for value in status.values}


def test_it_is_published(ros: Graph, well: RelocFigures, tmp_path: Any) -> None:
    node = ros.add(Node("watched", parameter_overrides=[
        Parameter("diagnostic_updater.period", value=0.1),
        Parameter("map", value=str(tmp_path))]))
    heard: dict[str, DiagnosticStatus] = {}
    listener = ros.add(Node("listener"))
    listener.create_subscription(
        DiagnosticArray, "/diagnostics",
        lambda array: heard.update({status.name: status for status in array.status}), 10)
    parameters = ParameterSet(node, RelocParameters)
    updater = start_diagnostics(node, RELOC_KEYS, lambda: well, parameters)
    name = "watched: localization"
    assert ros.spin_until(lambda: name in heard and heard[name].message == "tracking")
    assert set(heard) == {name, "watched: input", "watched: map"}
    assert heard[name].level == DiagnosticStatus.OK
    node.set_parameters([Parameter("latency_warn", value=1.0)])
    assert ros.spin_until(lambda: heard[name].level == DiagnosticStatus.WARN)
    assert heard[name].message == "latency p95 40 ms: more than 1 (latency_warn)"
    assert updater is not None
