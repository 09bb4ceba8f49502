"""A robot's way through the site, its odometry, and the light on the way."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("embreex")
pytest.importorskip("trimesh")

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, angle_degrees, rotation_from_vector
from nmap_reloc.simulation.bake import Caster, bake
from nmap_reloc.simulation.light import lighting
from nmap_reloc.simulation.motion import SECOND, TICK, Motion, drive, shown
from nmap_reloc.simulation.odometry import Drift, measured
from nmap_reloc.simulation.optics import Optics, pinhole
from nmap_reloc.simulation.render import Renderer
from nmap_reloc.simulation.robot import DRIVING, HANDHELD
from nmap_reloc.simulation.rolling import Rolling
from nmap_reloc.simulation.route import Route, follow
from nmap_reloc.simulation.world import World
from nmap_reloc.simulation.worlds import build_world


@lru_cache(maxsize=2)
def site(seed: int = 0) -> World:
    return build_world("site", seed, 0.02, 3)


@lru_cache(maxsize=4)
def route(name: str, seed: int = 0) -> Route:
    return follow(site(seed).routes[name], 1.3, np.random.default_rng(seed))


def driven(kidnap: float | None = None, seed: int = 0) -> Motion:
    return drive(route("query"), 5.0, np.random.default_rng(seed), kidnap)


@pytest.mark.parametrize("name", ["map", "query"])
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_stands_in_the_robots_way(name: str, seed: int) -> None:
    caster = Caster(site(seed))
    places = route(name, seed).places[::10]
    for height in (0.12, 0.4, 0.75, 1.0):
        at = np.column_stack([places, np.full(len(places), height)])
        for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):
            along = np.broadcast_to([np.cos(angle), np.sin(angle), 0.0], at.shape)
            blocked = caster.blocked(at, along, 0.3)
            assert not blocked.any(), (height, places[blocked][:3])


@pytest.mark.parametrize("name", ["map", "query"])
def test_drives_are_smooth_and_of_a_robots_speed(name: str) -> None:
    whole = route(name)
    stamps = np.arange(0, whole.duration, 0.1)
    places, yaw = whole.at(stamps)
    speed = np.linalg.norm(np.diff(places, axis=0), axis=1) / 0.1
    assert 0.8 < whole.way[-1] / whole.duration < 1.5
    assert speed.max() < 1.8
    assert np.abs(np.diff(speed)).max() / 0.1 < 1.0  # m/s^2
    assert np.abs(np.diff(yaw)).max() / 0.1 < 1.0  # rad/s
    along = np.diff(places, axis=0)
    heading = np.stack([np.cos(yaw[:-1]), np.sin(yaw[:-1])], 1)
    forward = (along * heading).sum(1) / np.linalg.norm(along, axis=1)
    assert forward[speed > 0.2].min() > 0.97  # no wheel slips sideways


def test_the_drives_pass_rooms_and_lane_and_many_tiles() -> None:
    for name in ("map", "query"):
        places = route(name).places
        assert len(np.unique(np.floor(places / 6.0), axis=0)) >= 6
        assert (np.abs(places[:, 1]) < 2).any() and (places[:, 1] > 6).any()
    asked, mapped = route("query").places, route("map").places
    apart = np.linalg.norm(asked[::25, None] - mapped[None, ::5], axis=2).min(1)
    assert 0.1 < np.median(apart) < 1.0


def test_the_camera_looks_ahead_at_its_height() -> None:
    motion = driven()
    for pose, k in zip(motion.camera_poses, motion.images):
        base = motion.map_from_base[k]
        right, down, ahead = pose.rotation.T
        assert pose.translation[2] == pytest.approx(1.0) and base.translation[2] == 0
        assert down[2] < -0.99 and abs(right[2]) < 1e-9  # upright
        assert ahead @ base.rotation[:, 0] > 0.9
    assert DRIVING.base_from_optical.translation[2] == pytest.approx(1.0)


def steps(count: int = 400) -> list[Rigid]:
    """Wheels that turn left slowly, 2 cm a step."""
    return [Rigid(rotation_from_vector((0, 0, 0.01)), np.array([0.02, 0, 0]))] * count


def test_odometry_without_drift_is_the_truth() -> None:
    exact = measured(steps(), True, np.random.default_rng(0), Drift(0, 0, 0, 0, 0))
    true = Rigid.identity()
    for step, found in zip(steps(), exact.odom_from_base[1:]):
        true = true @ step
        np.testing.assert_allclose(found.translation, true.translation, atol=1e-9)
    np.testing.assert_allclose(exact.steps[0], [0.02, 0, 0, 0, 0, 0.01], atol=1e-12)


def test_odometry_drifts_with_the_way_and_by_the_seed() -> None:
    def end(count: int, seed: int) -> Rigid:
        return measured(steps(count), True, np.random.default_rng(seed)).odom_from_base[-1]

    def off(count: int, seed: int) -> float:
        true = measured(steps(count), True, np.random.default_rng(0), Drift(0, 0, 0, 0, 0))
        return angle_degrees(end(count, seed), true.odom_from_base[-1])

    near, far = (np.mean([off(count, seed) for seed in range(8)]) for count in (50, 400))
    assert near < 1.5 and 1.5 * near < far < 15  # degrees after 1 and 8 metres
    np.testing.assert_array_equal(end(50, 3).translation, end(50, 3).translation)
    assert not np.array_equal(end(50, 3).translation, end(50, 4).translation)
    still = measured([Rigid.identity()] * 50, True, np.random.default_rng(0))
    np.testing.assert_array_equal(still.odom_from_base[-1].translation, np.zeros(3))
    assert end(400, 0).translation[2] == 0  # on the ground


def test_odometry_does_not_notice_a_kidnapping() -> None:
    motion = driven(kidnap=20.0)
    assert motion.kidnapped is not None
    at = int(np.searchsorted(motion.stamps, motion.kidnapped))
    jumps = [np.linalg.norm(b.translation - a.translation)
             for a, b in pairwise(motion.map_from_base)]
    moved = np.linalg.norm(motion.odometry.steps[:, :3], axis=1)
    assert motion.kidnapped == pytest.approx(20 * SECOND, abs=TICK)
    assert jumps[at - 1] > 5.9 and max(jumps[:at - 1] + jumps[at:]) < 0.06
    assert moved.max() < 0.06 and moved[at - 1] == pytest.approx(moved[at - 2], rel=0.8)
    # Everywhere else it measures what happened.
    true = np.array([angle_degrees(a, b) for a, b in pairwise(motion.map_from_base)])
    found = np.degrees(np.linalg.norm(motion.odometry.steps[:, 3:], axis=1))
    away = np.arange(len(true)) != at - 1
    assert np.abs(true - found)[away].max() < 0.2
    assert driven().stamps[-1] > motion.stamps[-1]  # it has less of its way left


@pytest.mark.parametrize("kidnap", [0.0, -3.0, 1000.0, float("nan")])
def test_an_impossible_kidnapping_is_refused(kidnap: float) -> None:
    with pytest.raises(NmapError, match=r"the drive takes .* choose from"):
        driven(kidnap)


@pytest.mark.parametrize("rate", [0.0, -1.0, 51.0, float("nan")])
def test_an_impossible_rate_is_refused(rate: float) -> None:
    with pytest.raises(NmapError, match=r"rate .*: out of range"):
        drive(route("query"), rate, np.random.default_rng(0))
    with pytest.raises(NmapError, match=r"rate .*: out of range"):
        shown([Rigid.identity()] * 3, rate, HANDHELD, np.random.default_rng(0))


def test_images_fall_between_two_ticks() -> None:
    motion = driven()
    shots = motion.stamps[motion.images]
    np.testing.assert_array_equal(np.diff(shots), SECOND // 5)
    assert (shots % TICK == TICK // 2).all()
    assert (np.diff(motion.stamps[motion.ticks]) == TICK).all()
    assert motion.stamps[motion.ticks[-1]] > shots[-1]  # there is odometry around every image


def test_photographs_are_shown_at_their_poses() -> None:
    poses = [Rigid(rotation_from_vector((0, 0.2 * k, 0)), np.array([k, 0.5 * k, 0.0]))
             for k in range(4)]
    motion = shown(poses, 4.0, HANDHELD, np.random.default_rng(0))
    np.testing.assert_array_equal(motion.stamps[motion.images],
                                  np.arange(4) * SECOND // 4)
    np.testing.assert_array_equal(motion.truths, motion.images)
    for k, pose in zip(motion.images, poses):
        assert motion.map_from_base[k] is pose
    half = motion.map_from_base[int(np.searchsorted(motion.stamps, SECOND // 8 - TICK // 4))]
    assert 0.4 < half.translation[0] < 0.6
    alone = shown(poses[:1], 4.0, HANDHELD, np.random.default_rng(0))
    assert len(alone.images) == 1 and len(alone.odometry.odom_from_base) == len(alone.stamps)


def test_light_rolls_slowly_and_differs_between_drives() -> None:
    world = site()
    base, other = lighting(world, 0), lighting(world, 1)
    assert base.sun != other.sun and base.lamps != other.lamps
    rolling = Rolling(base, np.random.default_rng(0), 60.0)
    again = Rolling(base, np.random.default_rng(0), 60.0)
    assert rolling.at(17.0) == again.at(17.0)
    levels = np.array([[*(lamp.power[0] for lamp in light.lamps), light.sun_power[0],
                        light.ambient[0], light.indoors[0], rolling.exposure(stamp)]
                       for stamp in np.arange(0, 60, 0.2)
                       for light in [rolling.at(float(stamp))]])
    assert (levels > 0).all()
    assert (np.abs(np.diff(levels, axis=0)) / levels[:-1]).max() < 0.15  # from image to image
    assert (levels.max(0) / levels.min(0)).min() > 1.15  # everything changes


def test_relit_is_as_rendered_anew() -> None:
    world = site(1)
    first, other = lighting(world, 0), lighting(world, 1)
    assert first.sun is not None and other.sun is not None
    baked = bake(world, (first.sun, other.sun), Caster(world))
    renderer = Renderer(world, first, baked)
    camera, plain = pinhole((96, 72)), Optics(noise=0)
    poses = driven().camera_poses[::100]
    before = [renderer.render(camera, pose, plain).image for pose in poses]
    renderer.relight(other)
    changed = [renderer.render(camera, pose, plain).image for pose in poses]
    anew = Renderer(world, other, baked)
    for a, b, pose in zip(before, changed, poses):
        assert np.abs(a.astype(int) - b).mean() > 0.3
        np.testing.assert_array_equal(b, anew.render(camera, pose, plain).image)
    assert world.sheltered.any() and not world.sheltered.all()
