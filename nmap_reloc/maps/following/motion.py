"""Where the robot is, how fast it goes, and where it will soon be."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from nmap_reloc.maps.following.options import FollowOptions

Doubles = npt.NDArray[np.float64]
MOST_POSES = 256   # kept for the velocity
MOST_POINTS = 64   # of a predicted path
LEAST_ELAPSED = 0.2  # seconds: between poses closer in time, their noise looks like speed


class Motion:
    """Poses in, velocity out. Stamps are seconds of one clock, those of the poses."""

    def __init__(self) -> None:
        self._poses: deque[tuple[float, Doubles]] = deque(maxlen=MOST_POSES)

    @property
    def position(self) -> Doubles | None:
        """[3] in the map, the last one seen."""
        return self._poses[-1][1] if self._poses else None

    def add(self, stamp: float, position: npt.ArrayLike, options: FollowOptions) -> None:
        """A jump, in space or back in time, begins a new track; a repeated stamp is corrected."""
        point = np.asarray(position, np.float64).reshape(3)
        if self._poses and stamp == self._poses[-1][0]:
            self._poses.pop()
        if self._poses:
            before, last = self._poses[-1]
            elapsed = stamp - before
            reach = options.max_speed * max(elapsed, LEAST_ELAPSED)
            if elapsed < 0 or np.linalg.norm(point - last) > reach:
                self._poses.clear()
        self._poses.append((stamp, point))

    def velocity(self, options: FollowOptions) -> Doubles:
        """[3] units per second: the slope of the last poses; zero where they say nothing."""
        if not self._poses:
            return np.zeros(3)
        newest = self._poses[-1][0]
        recent = [pose for pose in self._poses if newest - pose[0] <= options.velocity_window]
        times = np.array([stamp - newest for stamp, _ in recent])
        spread = times - times.mean()
        total = float(spread @ spread)
        if len(recent) < 2 or total <= 1e-9:
            return np.zeros(3)
        return np.asarray(spread @ np.stack([point for _, point in recent]) / total)

    def path(self, options: FollowOptions) -> Doubles:
        """[P x 3]: here first, then as far as lookahead goes, close enough to miss no tile."""
        if self.position is None:
            return np.zeros((0, 3))
        ahead = self.velocity(options) * options.lookahead
        steps = int(np.ceil(np.linalg.norm(ahead) / (options.radius / 4)))
        shares = np.linspace(0, 1, min(steps, MOST_POINTS - 1) + 1)
        return np.asarray(self.position + shares[:, None] * ahead)
