"""Smooth drives through a world: one that maps it and one that asks where it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid
from nmap_reloc.simulation.route import follow
from nmap_reloc.simulation.world import World
from nmap_reloc.types import Doubles


def drive(world: World, seed: int, views: int, query: bool = False) -> list[Rigid]:
    """``views`` poses map_from_camera along a smooth path, evenly spread over way and turning.

    The query drive of the same seed goes the other way round, nearer to the middle, at another
    height, and looks elsewhere.
    """
    rng = np.random.default_rng([world.seed, seed, int(query), 7])
    if world.routes:
        knots = _tour(world, rng, query)
    else:
        knots = _lane(world, rng, query) if world.outdoor else _rooms(world, rng, query)
    return [camera_pose(k[:3], k[3], k[4], k[5]) for k in _resample(knots, views)]


def camera_pose(position: npt.ArrayLike, yaw: float, pitch: float = 0.0, roll: float = 0.0
                ) -> Rigid:
    """map_from_camera looking along ``yaw`` (radians from x towards y), ``pitch`` upwards."""
    ahead = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    down = np.cross(ahead, right)
    c, s = np.cos(roll), np.sin(roll)
    return Rigid(np.stack([c * right + s * down, c * down - s * right, ahead], 1),
                 np.asarray(position, np.float64))


def _wave(rng: np.random.Generator, along: Doubles, amplitude: float, period: float) -> Doubles:
    """A smooth wobble: two sines of random phase."""
    phases = rng.uniform(0, 2 * np.pi, 2)
    return np.asarray(amplitude * (0.7 * np.sin(2 * np.pi * along / period + phases[0])
                                   + 0.3 * np.sin(5.1 * np.pi * along / period + phases[1])))


def _rooms(world: World, rng: np.random.Generator, query: bool) -> Doubles:
    """Knots [K x 6] (x, y, z, yaw, pitch, roll): once around each room looking across it, then on
    through the doorway."""
    knots = []
    turns = 0.0
    way = -1.0 if query else 1.0
    for station in world.stations:
        centre, reach = np.array(station.centre), np.array(station.reach)
        turn: Doubles = np.linspace(0, 2 * np.pi, 25, dtype=np.float64)
        angle = np.pi + way * turn
        radius = (0.72 if query else 0.95) * (1 + _wave(rng, turn, 0.08, 4.0))
        x = centre[0] + reach[0] * radius * np.cos(angle)
        y = centre[1] + reach[1] * radius * np.sin(angle)
        z = centre[2] + (0.15 if query else 0.0) + _wave(rng, turn, 0.10, 3.0)
        yaw = way * (turns + turn) + _wave(rng, turn, 0.45 if query else 0.25, 3.3)
        pitch = -0.07 + _wave(rng, turn, 0.09 if query else 0.05, 2.9)
        knots.append(np.stack([x, y, z, yaw, pitch, _wave(rng, turn, 0.04, 2.3)], 1))
        turns += 2 * np.pi
        if station is not world.stations[-1]:  # the doorways' middle is at y = 2
            door = centre[0] + reach[0] + 1.25
            z0 = float(centre[2])
            knots.append(np.array([[door - 0.7, 2.0, z0, way * turns, -0.05, 0],
                                   [door + 0.7, 2.0, z0, way * turns, -0.05, 0]]))
    return np.concatenate(knots)


def _lane(world: World, rng: np.random.Generator, query: bool) -> Doubles:
    """Knots [K x 6]: along the lane and back, the camera sweeping from facade to facade."""
    xs = [station.centre[0] for station in world.stations]
    z0, side = world.stations[0].centre[2], world.stations[0].reach[1] * (0.3 if query else 0.6)
    legs = []
    for back in (False, True):
        x: Doubles = np.linspace(xs[0], xs[-1], 40, dtype=np.float64)
        sweep = _wave(rng, x, 0.75, 9.0)
        y = -side + _wave(rng, x, 0.25, 11.0)
        z = z0 + (0.2 if query else 0.0) + _wave(rng, x, 0.07, 4.0)
        pitch = 0.06 + _wave(rng, x, 0.06, 5.0)
        leg = np.stack([x, y, z, sweep, pitch, _wave(rng, x, 0.03, 3.0)], 1)
        if back:
            leg[:, 0] = xs[-1] - (x - xs[0])
            leg[:, 1] = -leg[:, 1]
            leg[:, 3] += np.pi
        legs.append(leg)
    return np.concatenate(legs)


def _tour(world: World, rng: np.random.Generator, query: bool) -> Doubles:
    """Knots [K x 6]: the robot's way, the camera in somebody's hand above it."""
    route = follow(world.routes["query" if query else "map"], 1.3, rng)
    along: Doubles = np.linspace(0, route.duration, 400, dtype=np.float64)
    places, yaw = route.at(along)
    z = (1.25 if query else 1.1) + _wave(rng, along, 0.1, 5.0)
    yaw = yaw + _wave(rng, along, 0.4 if query else 0.25, 4.1)
    pitch = _wave(rng, along, 0.07, 3.7)
    return np.column_stack([places, z, yaw, pitch, _wave(rng, along, 0.03, 2.9)])


def _resample(knots: Doubles, views: int) -> Doubles:
    """Points on a Catmull-Rom spline through the knots, evenly spread over metres and radians."""
    before, after = 2 * knots[:1] - knots[1:2], 2 * knots[-1:] - knots[-2:-1]
    p = np.concatenate([before, knots, after])
    t = np.linspace(0, 1, 20, endpoint=False)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    fine = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                  + (3 * b - a - 3 * c + d) * t**3)
    fine = np.concatenate([fine.transpose(1, 0, 2).reshape(-1, p.shape[1]), knots[-1:]])
    step = np.linalg.norm(np.diff(fine[:, :3], axis=0), axis=1) + np.abs(np.diff(fine[:, 3]))
    effort = np.concatenate([[0.0], np.cumsum(step)])
    wanted = (np.arange(views) + 0.5) / views * effort[-1]
    return np.stack([np.interp(wanted, effort, column) for column in fine.T], 1)
