"""Which tiles a robot is given: near ones first, no swaps to and fro, never more than fits."""

from __future__ import annotations

import numpy as np
import pytest

from nmap_reloc.maps.following import Boxes, Follower, FollowOptions, Plan

SIDE = 10.0
KILO = 1000


def grid(columns: int, rows: int = 1, size: int = KILO) -> Boxes:
    """Square tiles "x-y" of SIDE, side by side from the origin, 3 high."""
    corners = [(x, y) for y in range(rows) for x in range(columns)]
    low = np.array([[x * SIDE, y * SIDE, 0.0] for x, y in corners])
    return Boxes(low, low + [SIDE, SIDE, 3.0], np.full(len(low), float(size)),
                 tuple(f"{x}-{y}" for x, y in corners))


def follower(boxes: Boxes, **options: float) -> Follower:
    chosen = {"radius": 8.0, "hysteresis": 4.0, "lookahead": 0.0, "memory": 1e9, **options}
    return Follower(boxes, FollowOptions(**chosen))  # type: ignore[arg-type]


def at(robot: Follower, time: float, x: float, y: float = 5.0, z: float = 1.0) -> Plan:
    robot.saw_pose(time, time, (x, y, z))
    return robot.plan(time)


def drive(robot: Follower, start: float, end: float, speed: float, since: float = 0.0
          ) -> list[Plan]:
    """Poses at 10 Hz along x; each plan is loaded at once."""
    plans = []
    for step, x in enumerate(np.arange(start, end, speed / 10)):
        plans.append(at(robot, since + step / 10, float(x)))
        robot.saw_loaded(plans[-1].tiles)
    return plans


def test_tiles_within_the_radius_are_wanted_the_nearest_first() -> None:
    plan = at(follower(grid(10)), 0.0, 36.0)
    assert plan.tiles == ("3-0", "4-0", "2-0")  # inside, 4 away, 6 away; 1-0 is 16 away
    assert (plan.mode, plan.left_out, plan.bytes) == ("follow", (), 3 * KILO)


def test_distances_are_in_space_or_in_the_plane() -> None:
    boxes = grid(2)
    assert boxes.distances(np.array([15.0, 5.0, 43.0])).tolist() == [[pytest.approx(40.3113), 40]]
    assert boxes.distances(np.array([15.0, 5.0, 43.0]), planar=True).tolist() == [[5.0, 0.0]]
    assert at(follower(boxes), 0.0, 5.0, z=43.0).mode == "outside"
    assert at(follower(boxes, planar=True), 0.0, 5.0, z=43.0).tiles == ("0-0", "1-0")


def test_a_held_tile_goes_only_beyond_radius_and_hysteresis() -> None:
    robot = follower(grid(10))
    assert "1-0" in at(robot, 0.0, 27.0).tiles       # 7 away: wanted
    assert "1-0" in at(robot, 1.0, 31.0).tiles       # 11 away: held
    assert "1-0" not in at(robot, 2.0, 33.0).tiles   # 13 away: dropped
    assert "1-0" not in at(robot, 3.0, 31.0).tiles   # 11 away: not wanted again


def test_the_motion_is_continued_to_prefetch() -> None:
    resting, driving = follower(grid(10), lookahead=10.0), follower(grid(10), lookahead=10.0)
    assert [at(resting, time / 10, 15.0) for time in range(5)][-1].tiles == ("1-0", "0-0", "2-0")
    plan = drive(driving, 13.0, 15.05, 2.0)[-1]
    assert plan.speed == pytest.approx(2.0, rel=1e-6)
    assert plan.tiles[0] == "1-0" and set(plan.tiles) >= {"2-0", "3-0", "4-0"}
    assert [tile for tile in plan.tiles if tile > "1-0"] == ["2-0", "3-0", "4-0"]  # as they come
    assert "5-0" not in plan.tiles  # 15 + 10 s * 2 m/s + 8 m < 50


def test_a_jump_predicts_nothing() -> None:
    robot = follower(grid(20), lookahead=10.0, max_speed=5.0)
    drive(robot, 13.0, 15.0, 1.0)
    plan = at(robot, 2.1, 153.0)
    assert plan.speed == 0.0 and plan.tiles[:1] == ("15-0",) and "17-0" not in plan.tiles


def test_time_that_goes_back_starts_anew() -> None:
    robot = follower(grid(20), lookahead=10.0)
    drive(robot, 13.0, 15.0, 1.0, since=100.0)
    robot.saw_pose(103.0, 1.0, (14.9, 5.0, 1.0))  # a bag that loops: stamps restart, we go on
    assert robot.plan(103.0).speed == 0.0


def test_memory_is_kept_the_nearest_come_first_and_the_rest_is_named() -> None:
    robot = follower(grid(10), memory=2.5 * KILO)
    plan = at(robot, 0.0, 36.0)
    assert plan.tiles == ("3-0", "4-0") and plan.left_out == ("2-0",)
    assert plan.bytes == 2 * KILO
    robot.saw_loaded(plan.tiles, 4 * KILO)  # they take twice their files
    plan = at(robot, 1.0, 36.0)
    assert plan.tiles == ("3-0",) and plan.left_out == ("4-0", "2-0")


def test_the_robots_own_tile_displaces_held_ones() -> None:
    robot = follower(grid(10), memory=2 * KILO, max_speed=1000.0)
    assert set(at(robot, 0.0, 25.0).tiles) == {"2-0", "1-0"}
    assert at(robot, 1.0, 32.0).tiles[0] == "3-0"


def test_where_memory_is_short_standing_on_a_border_swaps_nothing() -> None:
    robot = follower(grid(10), memory=2 * KILO)
    first = set(at(robot, 0.0, 34.9).tiles)
    plans = [set(at(robot, 1.0 + step, 35.0 + 0.2 * (-1) ** step).tiles) for step in range(20)]
    assert first == {"3-0", "2-0"} and all(plan == first for plan in plans)


def test_a_tile_too_large_leaves_room_for_smaller_ones() -> None:
    boxes = grid(3)
    boxes.bytes[1] = 50 * KILO
    plan = at(follower(boxes, memory=10 * KILO), 0.0, 15.0)
    assert set(plan.tiles) == {"0-0", "2-0"} and plan.left_out == ("1-0",)


def test_off_the_map_the_last_tiles_stay() -> None:
    robot = follower(grid(5), max_speed=1000.0)
    held = at(robot, 0.0, 45.0).tiles
    plan = at(robot, 1.0, 90.0)
    assert (plan.mode, set(plan.tiles)) == ("outside", set(held)) and "40 away" in plan.why
    assert at(follower(grid(5)), 0.0, 90.0).tiles == ("4-0",)  # none was held: the nearest


def test_without_a_pose_a_map_that_fits_is_loaded_whole() -> None:
    plan = follower(grid(5), max_tiles_without_pose=2).plan(0.0)
    assert (len(plan.tiles), plan.mode) == (5, "all")


def test_lost_in_a_large_map_similar_views_come_first_then_the_last_place() -> None:
    robot = follower(grid(20), memory=6 * KILO, max_tiles_without_pose=5, radius=4.0)
    at(robot, 0.0, 105.0)
    robot.saw_candidates(1.0, ["3-0", "no such tile", "17-0"])
    plan = robot.plan(1.0)
    assert plan.mode == "candidates" and plan.tiles[:3] == ("3-0", "17-0", "10-0")
    robot.saw_pose(2.0, 0.5, (105.0, 5.0, 1.0))  # was on its way when the robot was lost
    assert robot.plan(2.0).mode == "candidates"
    robot.saw_pose(3.0, 3.0, (175.0, 5.0, 1.0))
    assert robot.plan(3.0).tiles[0] == "17-0" and robot.plan(3.0).mode == "follow"


def test_candidates_that_come_and_go_swap_little() -> None:
    robot = follower(grid(20), memory=6 * KILO, max_tiles_without_pose=6)
    robot.saw_candidates(1.0, ["1-0", "2-0", "3-0"])
    first = robot.plan(1.0).tiles
    robot.saw_candidates(2.0, ["2-0", "3-0", "4-0"])
    assert set(first) < set(robot.plan(2.0).tiles)


def test_with_nothing_known_every_tile_gets_its_turn() -> None:
    robot = follower(grid(10), memory=4 * KILO, max_tiles_without_pose=3, search_dwell=2.0)
    plans = [robot.plan(float(time)) for time in range(10)]
    assert all(len(plan.tiles) <= 3 and plan.mode == "search" for plan in plans)
    assert {tile for plan in plans for tile in plan.tiles} == set(robot.boxes.ids)
    assert plans[0].tiles == plans[1].tiles != plans[2].tiles and plans[8].tiles == plans[0].tiles


def test_an_old_pose_is_no_pose_but_the_search_begins_there() -> None:
    robot = follower(grid(20), memory=3 * KILO, pose_timeout=5.0)
    at(robot, 0.0, 155.0)
    assert robot.plan(5.0).mode == "follow"
    plan = robot.plan(5.1)
    assert plan.mode == "search" and set(plan.tiles) == {"14-0", "15-0", "16-0"}


def test_unusable_tiles_are_not_asked_for() -> None:
    robot = follower(grid(5))
    robot.unusable = frozenset({"2-0"})
    assert at(robot, 0.0, 25.0).tiles == ("1-0", "3-0")
    robot.unusable = frozenset(robot.boxes.ids)
    assert at(robot, 1.0, 25.0).tiles == ()


def test_travel_faster_than_tiles_load_is_noticed() -> None:
    robot = follower(grid(10))
    for time in range(3):
        plan = at(robot, float(time), 5.0 + time)
        assert plan.lag is None  # nothing was loaded ever: a start, no lag
    robot.saw_loaded(plan.tiles)
    assert at(robot, 3.0, 8.0).lag is None
    late = [at(robot, 4.0 + step, 28.0 + 2 * step).lag for step in range(3)]
    assert late[0] is None or late[0].seconds == 0.0  # it jumped there
    assert late[2] is not None and late[2].tile == "3-0" and late[2].seconds == 1.0
    assert late[2].speed == pytest.approx(2.0) and robot.lags == 1
    robot.saw_loaded(robot.plan(7.0).tiles)
    assert at(robot, 7.0, 34.0).lag is None and robot.lags == 1


def test_a_tile_that_is_late_for_a_robot_at_rest_is_no_lag() -> None:
    robot = follower(grid(10), max_speed=1000.0)
    drive(robot, 5.0, 6.0, 1.0)
    for step in range(30):
        lag = at(robot, 5.0 + step / 10, 55.0).lag
    assert lag is None and robot.lags == 0


def test_an_update_of_the_map_keeps_what_is_known_of_the_robot() -> None:
    robot = follower(grid(10))
    drive(robot, 13.0, 15.0, 1.0)
    robot.saw_candidates(0.0, ["9-0"])
    robot.changed(grid(3))
    assert robot.plan(2.0).tiles == ("1-0", "0-0", "2-0")
    assert robot.loaded <= set(grid(3).ids)


def test_the_same_drive_gives_the_same_plans() -> None:
    def once() -> list[Plan]:
        robot = follower(grid(40, 25), memory=20 * KILO, lookahead=5.0, radius=25.0)
        random = np.random.default_rng(3)
        spots = np.cumsum(random.normal(0, 1.0, (100, 2)), axis=0) + [200, 125]
        plans = []
        for step, (x, y) in enumerate(spots):
            plans.append(at(robot, step / 10, float(x), float(y)))
            robot.saw_loaded(plans[-1].tiles)
        return plans

    plans = once()
    assert plans == once()
    assert all(plan.bytes <= 20 * KILO and plan.tiles for plan in plans)
    # The robot's own tile is always there.
    assert all(plan.lag is None for plan in plans)


def test_every_tile_is_there_when_a_drive_enters_it() -> None:
    robot = follower(grid(40), lookahead=3.0)
    loaded: set[str] = set()
    for step, x in enumerate(np.arange(5.0, 390.0, 0.3)):
        assert step == 0 or f"{int(x // SIDE)}-0" in loaded
        loaded = set(at(robot, step / 10, float(x)).tiles)
        assert len(loaded) <= 6
