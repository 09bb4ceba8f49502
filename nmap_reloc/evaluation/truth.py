"""Where the robot truly was: poses of its base in the map, and where they jump."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid, angle_degrees
from nmap_reloc.mapping.sources.bag_poses import PoseAt
from nmap_reloc.mapping.sources.trajectory import Trajectory

MAX_GAP = 0.5        # seconds between two true poses that are interpolated
TOLERANCE = 0.02     # seconds to the nearest one where they are further apart
AT_JUMP = 0.001      # the same beside a jump, where the nearest may be the wrong side
JUMP_FACTOR = 10.0   # times the usual speed
JUMP_SPEED = 3.0     # and metres a second, at least
JUMP_STEP = 0.3      # and metres, at least
JUMP_TURN = 45.0     # or degrees between two poses at most MAX_GAP apart
JUMP_OF_SPAN = 0.03  # of the span of all positions instead of metres, where the unit is arbitrary
AS_ODOMETRY = 0.3    # share of the way, beside JUMP_STEP, by which odometry may be off
ONE_JUMP = 1.0       # seconds: jumps that follow each other sooner are one


@dataclass(frozen=True)
class Jump:
    """The robot was carried away. stamp: seconds, of the first pose after; distance: map units."""

    stamp: float
    distance: float
    degrees: float


class Truth:
    """True poses ``map_from_base`` over time; never interpolated across a jump.

    odometry: odom_from_base at a stamp in seconds. Where it knows of a motion that is too fast to
    be one, the robot was not carried away: pictures are far apart where they are of a scene.
    """

    def __init__(self, trajectory: Trajectory, unit: str, name: str,
                 odometry: PoseAt = lambda _: None) -> None:
        self.name = name
        self._stamps = trajectory.stamps
        cuts = [cut for cut in _cuts(trajectory, unit)
                if not _confirmed(trajectory, cut, _least_step(trajectory, unit), odometry)]
        self._pieces = [_piece(trajectory, *ends)
                        for ends in zip([0, *cuts], [*cuts, len(trajectory)], strict=True)]
        self._starts = np.array([piece.stamps[0] for piece in self._pieces])
        self.jumps = _merged([self._jump(trajectory, cut) for cut in cuts])

    @property
    def interval(self) -> tuple[float, float]:
        """First and last stamp, seconds."""
        return float(self._stamps[0]), float(self._stamps[-1])

    def piece(self, stamp: float) -> int:
        """Which of the pieces between jumps a stamp in seconds belongs to."""
        return max(0, int(np.searchsorted(self._starts - AT_JUMP, stamp, side="right")) - 1)

    def at(self, stamp: float) -> Rigid | None:
        """stamp in seconds; None where the truth is not known then."""
        index = self.piece(stamp)
        piece = self._pieces[index]
        if index + 1 < len(self._pieces) and stamp > piece.stamps[-1] + AT_JUMP:
            return None
        return piece.at(stamp, MAX_GAP, TOLERANCE)

    def _jump(self, trajectory: Trajectory, cut: int) -> Jump:
        before, after = (_pose(trajectory, i) for i in (cut - 1, cut))
        return Jump(float(trajectory.stamps[cut]),
                    float(np.linalg.norm(after.translation - before.translation)),
                    angle_degrees(after, before))


def _cuts(trajectory: Trajectory, unit: str) -> list[int]:
    """Indices of the poses that no motion leads to from the one before."""
    if len(trajectory) < 2:
        return []
    gaps = np.diff(trajectory.stamps)
    steps = np.linalg.norm(np.diff(trajectory.positions, axis=0), axis=1)
    cosines = np.abs(np.sum(trajectory.quaternions[1:] * trajectory.quaternions[:-1], axis=1))
    turns = np.degrees(2 * np.arccos(np.clip(cosines, 0, 1)))
    least_step, least_speed = _least_step(trajectory, unit), JUMP_SPEED * (unit == "metre")
    speeds = steps / gaps
    moving: npt.NDArray[np.float64] = speeds[steps > 1e-3 * least_step]
    usual = float(np.median(moving)) if len(moving) else 0.0
    far = (steps > least_step) & (speeds > max(JUMP_FACTOR * usual, least_speed))
    turned = (turns > JUMP_TURN) & (gaps <= MAX_GAP)
    return [int(index) + 1 for index in np.flatnonzero(far | turned)]


def _least_step(trajectory: Trajectory, unit: str) -> float:
    """In map units."""
    if unit == "metre":
        return JUMP_STEP
    return JUMP_OF_SPAN * float(np.linalg.norm(np.ptp(trajectory.positions, axis=0)))


def _confirmed(trajectory: Trajectory, cut: int, slack: float, odometry: PoseAt) -> bool:
    """Whether odometry, too, says that the robot went from one pose to the next."""
    ends = [odometry(float(trajectory.stamps[i])) for i in (cut - 1, cut)]
    if ends[0] is None or ends[1] is None:
        return False
    moved = ends[0].inverse() @ ends[1]
    true = _pose(trajectory, cut - 1).inverse() @ _pose(trajectory, cut)
    way = float(np.linalg.norm(true.translation))
    apart = float(np.linalg.norm(moved.translation - true.translation))
    return apart <= AS_ODOMETRY * way + slack and angle_degrees(moved, true) <= JUMP_TURN / 2


def _pose(trajectory: Trajectory, index: int) -> Rigid:
    return Rigid.from_quaternion(trajectory.quaternions[index], trajectory.positions[index])


def _piece(trajectory: Trajectory, start: int, stop: int) -> Trajectory:
    return Trajectory(trajectory.stamps[start:stop], trajectory.positions[start:stop],
                      trajectory.quaternions[start:stop])


def _merged(jumps: Sequence[Jump]) -> tuple[Jump, ...]:
    """One jump may be spread over several poses where TF composes it of two links."""
    kept: list[Jump] = []
    for jump in jumps:
        if kept and jump.stamp - kept[-1].stamp < ONE_JUMP:
            kept[-1] = replace(jump, distance=kept[-1].distance + jump.distance,
                               degrees=max(kept[-1].degrees, jump.degrees))
        else:
            kept.append(jump)
    return tuple(kept)
