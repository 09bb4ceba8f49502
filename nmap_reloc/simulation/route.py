"""Waypoints -> where a robot with two driven wheels is at every moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.types import Doubles

_STEP = 0.02  # metres between the points of the curve
_SMOOTH = 0.22  # metres: deviation of the Gaussian that rounds the curve
_TURN_RATE = 0.85  # radians per second at most
_ACCELERATION = 0.5  # metres per second squared
_CRAWL = 0.25  # metres per second at the start, at the end and where it is tightest


@dataclass(frozen=True)
class Route:
    """A drive along a curve: stamps [T] seconds from 0, and at them x, y [T x 2] metres, yaw [T]
    radians without jumps, way [T] metres driven."""

    stamps: Doubles
    places: Doubles
    yaw: Doubles
    way: Doubles

    @property
    def duration(self) -> float:
        return float(self.stamps[-1])

    def at(self, stamps: npt.ArrayLike) -> tuple[Doubles, Doubles]:
        """Places [N x 2] and yaw [N] at stamps [N]; still before the start and after the end."""
        wanted = np.asarray(stamps, np.float64)
        x, y, yaw = (np.interp(wanted, self.stamps, column)
                     for column in (*self.places.T, self.yaw))
        return np.stack([x, y], 1), np.asarray(yaw, np.float64)


def follow(waypoints: Doubles, speed: float, rng: np.random.Generator) -> Route:
    """A smooth drive past ``waypoints`` [K x 2] at about ``speed`` metres per second: slower in
    bends, and now and then for no reason at all."""
    curve = _rounded(waypoints)
    along = np.gradient(curve, axis=0)
    yaw = np.unwrap(np.arctan2(along[:, 1], along[:, 0]))
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    bend = np.abs(np.gradient(yaw) / np.maximum(np.gradient(way), 1e-9))
    mood = 1 + 0.2 * np.sin(2 * np.pi * way / rng.uniform(9, 13) + rng.uniform(0, 2 * np.pi))
    fast = np.minimum(speed * mood, _TURN_RATE / np.maximum(bend, 1e-6))
    fast = np.maximum(fast, _CRAWL)
    fast[0] = fast[-1] = _CRAWL
    for k in range(1, len(fast)):  # what its motors can do, forwards and backwards in time
        reach = 2 * _ACCELERATION * (way[k] - way[k - 1])
        fast[k] = min(fast[k], np.sqrt(fast[k - 1] ** 2 + reach))
    for k in range(len(fast) - 2, -1, -1):
        reach = 2 * _ACCELERATION * (way[k + 1] - way[k])
        fast[k] = min(fast[k], np.sqrt(fast[k + 1] ** 2 + reach))
    pace = 2 * np.diff(way) / (fast[1:] + fast[:-1])
    return Route(np.concatenate([[0.0], np.cumsum(pace)]), curve, yaw, way)


def _rounded(waypoints: Doubles) -> Doubles:
    """The polyline through the waypoints, evenly sampled and rounded: its bends come gently."""
    legs = np.linalg.norm(np.diff(_spline(waypoints), axis=0), axis=1)
    fine = _spline(waypoints)
    way = np.concatenate([[0.0], np.cumsum(legs)])
    even = np.arange(0, way[-1], _STEP)
    points = np.stack([np.interp(even, way, column) for column in fine.T], 1)
    reach = int(3 * _SMOOTH / _STEP)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * _STEP / _SMOOTH) ** 2)
    kernel /= kernel.sum()
    # Mirrored through the ends, so that these stay where they are.
    before = 2 * points[0] - points[reach:0:-1]
    after = 2 * points[-1] - points[-2:-reach - 2:-1]
    whole = np.concatenate([before, points, after])
    return np.stack([np.convolve(column, kernel, "valid") for column in whole.T], 1)


def _spline(p: Doubles) -> Doubles:
    """Centripetal Catmull-Rom through points [K x 2]: no loops where they lie unevenly."""
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    knot = np.concatenate([[0.0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(p, axis=0), axis=1)))])
    share = np.linspace(0, 1, 24, endpoint=False)
    pieces = []
    for k in range(len(p) - 3):
        t0, t1, t2, t3 = knot[k:k + 4]
        t = (t1 + (t2 - t1) * share)[:, None]
        a1 = ((t1 - t) * p[k] + (t - t0) * p[k + 1]) / (t1 - t0)
        a2 = ((t2 - t) * p[k + 1] + (t - t1) * p[k + 2]) / (t2 - t1)
        a3 = ((t3 - t) * p[k + 2] + (t - t2) * p[k + 3]) / (t3 - t2)
        b1 = ((t2 - t) * a1 + (t - t0) * a2) / (t2 - t0)
        b2 = ((t3 - t) * a2 + (t - t1) * a3) / (t3 - t1)
        pieces.append(((t2 - t) * b1 + (t - t1) * b2) / (t2 - t1))
    return np.concatenate([*pieces, p[-2:-1]])
