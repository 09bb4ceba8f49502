"""A robot's motion as it is recorded: where it was, and where its odometry thought it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, rotation_from_vector, rotation_vector
from nmap_reloc.simulation.odometry import Odometry, measured
from nmap_reloc.simulation.robot import DRIVING, Robot, standing
from nmap_reloc.simulation.route import Route

Stamps = npt.NDArray[np.int64]
SECOND = 1_000_000_000  # ns
TICK = SECOND // 50  # between two transforms of odometry
_SETTLED = 1.0  # seconds from the start, before which nobody is kidnapped
_LEFT = 8.0  # seconds at least that a kidnapped robot still drives
_AWAY = 6.0  # metres that it is carried at least: into the next room or the lane


@dataclass(frozen=True)
class Motion:
    """stamps [T]: ns from the start, ascending; map_from_base: truth at them; odometry: likewise
    (its steps lead from each stamp to the next). ticks, images: indices [.] of the stamps at which
    odometry speaks and the camera looks; truths: of those at which the truth is known.
    kidnapped: ns from the start, or None."""

    robot: Robot
    stamps: Stamps
    map_from_base: Sequence[Rigid]
    odometry: Odometry
    ticks: npt.NDArray[np.int64]
    images: npt.NDArray[np.int64]
    truths: npt.NDArray[np.int64]
    kidnapped: int | None = None

    @property
    def camera_poses(self) -> list[Rigid]:
        """map_from_optical of every image."""
        return [self.map_from_base[k] @ self.robot.base_from_optical for k in self.images]


def drive(route: Route, rate: float, rng: np.random.Generator, kidnap: float | None = None
          ) -> Motion:
    """The route driven with ``rate`` pictures per second. kidnap: seconds from the start at which
    the robot is carried on to a later part of its route, unnoticed by odometry.

    NmapError: there is no such part, or the route is too short.
    """
    skipped = 0.0 if kidnap is None else _carried(route, kidnap) - kidnap
    end = int((route.duration - skipped) * SECOND)
    shots = _shots(rate, end)
    stamps = np.unique(np.concatenate([np.arange(0, end, TICK), shots]))
    seconds = stamps / SECOND
    carried = np.zeros(len(stamps), bool) if kidnap is None else seconds >= kidnap
    places, yaw = route.at(seconds + skipped * carried)
    poses = [standing(place, float(turn)) for place, turn in zip(places, yaw)]
    steps = [before.inverse() @ after for before, after in pairwise(poses)]
    at = int(np.argmax(carried))
    if kidnap is not None:  # wheels turn on as before
        steps[at - 1] = steps[at - 2]
    odometry = measured(steps, DRIVING.planar, rng)
    everywhere = np.arange(len(stamps))
    return Motion(DRIVING, stamps, poses, odometry, np.flatnonzero(stamps % TICK == 0),
                  np.searchsorted(stamps, shots), everywhere,
                  None if kidnap is None else int(stamps[at]))


def _shots(rate: float, end: int) -> Stamps:
    """Half-way between two ticks, as a camera that nobody triggers: TF has to be interpolated."""
    check_rate(rate)
    ticks = np.round(np.arange(0, end / SECOND * rate) * SECOND / rate / TICK).astype(np.int64)
    shots = ticks * TICK + TICK // 2
    return np.asarray(shots[shots < end - TICK], np.int64)


def check_rate(rate: float) -> None:
    """NmapError: no pictures per second, or more than odometry has transforms."""
    if not 0 < rate <= 50:
        raise NmapError(f"rate {rate:g}: out of range; choose from above 0 to 50 pictures per "
                        "second")


def _carried(route: Route, kidnap: float) -> float:
    """When, on its route, the robot would have come to where it is carried: the first place that
    is far enough from where it is taken away."""
    latest = route.duration - _LEFT
    if not _SETTLED <= kidnap < latest:
        raise NmapError(f"kidnap {kidnap:g}: the drive takes {route.duration:.0f} s; choose from "
                        f"{_SETTLED:g} to {latest:.0f}")
    later = np.arange(kidnap, latest, 0.1)
    places = route.at(later)[0]
    far = np.flatnonzero(np.linalg.norm(places - places[0], axis=1) >= _AWAY)
    if not len(far):
        raise NmapError(f"kidnap {kidnap:g}: the rest of the drive stays within {_AWAY:g} m; "
                        "choose an earlier time")
    return float(later[far[0]])


def shown(poses: Sequence[Rigid], rate: float, robot: Robot, rng: np.random.Generator) -> Motion:
    """Pictures taken from poses (map_from_base) shown one after the other, ``rate`` per second.

    Between them the robot goes straight on; the truth counts as known at the pictures only.
    Odometry speaks at the pictures too: they are far apart, and interpolated past a bend it would
    contradict them.
    """
    check_rate(rate)
    shots = np.round(np.arange(len(poses)) * SECOND / rate).astype(np.int64)
    ticks = np.arange(0, int(shots[-1]) + 2 * TICK, TICK)
    stamps = np.unique(np.concatenate([ticks, shots]))
    before = np.clip(np.searchsorted(shots, stamps, "right") - 1, 0, max(len(poses) - 2, 0))
    whole = []
    for stamp, k in zip(stamps.tolist(), before.tolist()):
        after = min(k + 1, len(poses) - 1)
        share = (stamp - int(shots[k])) / max(1, int(shots[after] - shots[k]))
        whole.append(between(poses[k], poses[after], min(share, 1.0)))
    images = np.searchsorted(stamps, shots)
    for k, pose in zip(images.tolist(), poses):  # exactly, not by interpolation
        whole[k] = pose
    steps = [earlier.inverse() @ later for earlier, later in pairwise(whole)]
    return Motion(robot, stamps, whole, measured(steps, robot.planar, rng),
                  np.arange(len(stamps)), images, images)


def between(before: Rigid, after: Rigid, share: float) -> Rigid:
    """The pose at ``share`` (0..1) of the way: straight on, turning evenly."""
    turn = rotation_vector(after.rotation @ before.rotation.T)
    return Rigid(rotation_from_vector(share * turn) @ before.rotation,
                 (1 - share) * before.translation + share * after.translation)
