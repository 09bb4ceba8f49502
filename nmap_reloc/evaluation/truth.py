"""Where the robot truly was: poses of its base in the map, and where they jump."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.bag_scan import SECOND
from nmap_reloc.evaluation.recording import Recording
from nmap_reloc.geometry import Rigid, angle_degrees
from nmap_reloc.mapping.sources.bag_file import listing
from nmap_reloc.mapping.sources.bag_poses import PoseTopic
from nmap_reloc.mapping.sources.bag_topics import (
    ODOMETRY,
    POSE,
    POSE_COVARIANCE,
    choose_poses,
    of_type,
)
from nmap_reloc.mapping.sources.trajectory import Trajectory, read_tum

MAX_GAP = 0.5        # seconds between two true poses that are interpolated
TOLERANCE = 0.02     # seconds to the nearest one where they are further apart
AT_JUMP = 0.001      # the same beside a jump, where the nearest may be the wrong side
JUMP_FACTOR = 10.0   # times the usual speed
JUMP_SPEED = 3.0     # and metres a second, at least
JUMP_STEP = 0.3      # and metres, at least
JUMP_TURN = 45.0     # or degrees between two poses at most MAX_GAP apart
JUMP_OF_SPAN = 0.03  # of the span of all positions instead of metres, where the unit is arbitrary
ONE_JUMP = 1.0       # seconds: jumps that follow each other sooner are one


@dataclass(frozen=True)
class Jump:
    """The robot was carried away. stamp: seconds, of the first pose after; distance: map units."""

    stamp: float
    distance: float
    degrees: float


class Truth:
    """True poses ``map_from_base`` over time; never interpolated across a jump."""

    def __init__(self, trajectory: Trajectory, unit: str, name: str) -> None:
        self.name = name
        self._stamps = trajectory.stamps
        cuts = _cuts(trajectory, unit)
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
        before, after = (Rigid.from_quaternion(trajectory.quaternions[i], trajectory.positions[i])
                         for i in (cut - 1, cut))
        return Jump(float(trajectory.stamps[cut]),
                    float(np.linalg.norm(after.translation - before.translation)),
                    angle_degrees(after, before))


def find_truth(recording: Recording, poses: str = "auto", *, map_frame: str = "map",
               pose_frame: str | None = None, unit: str = "metre") -> tuple[Truth, list[str]]:
    """The truth and notes about what had to be assumed.

    poses: "auto" (TF, else the one topic of poses in the map's frame), "tf", a topic or a TUM
    file. pose_frame: whose pose a topic or file states (else child_frame_id of Odometry, else
    the base). NmapError lists topics or frames where there is none, or none at any image.
    """
    notes: list[str] = []
    found = _choose(recording, poses, map_frame, notes)
    if found is None:
        name, trajectory = f"TF {map_frame} -> {recording.base_frame}", _from_tf(
            recording, map_frame)
    else:
        name, trajectory = found, _from_topic(recording, found, map_frame, pose_frame, notes)
    truth = Truth(trajectory, unit, name)
    if not any(truth.at(frame.seconds) for frame in recording.frames):
        first, last = recording.frames[0].seconds, recording.frames[-1].seconds
        raise NmapError(f"poses {name}: none at the stamp of any of {len(recording.frames)} "
                        f"images ({first:.3f} to {last:.3f} s; the poses {truth.interval[0]:.3f} "
                        f"to {truth.interval[1]:.3f} s); give the matching poses")
    return truth, notes


def _choose(recording: Recording, poses: str, map_frame: str, notes: list[str]) -> str | None:
    """A topic or a file's name; None: TF."""
    has_tf = bool(recording.tree.moving_stamps(map_frame, recording.base_frame))
    if poses == "tf" or (poses == "auto" and has_tf):
        if not has_tf:
            frames = ", ".join(recording.tree.frames) or "none"
            raise NmapError(f"poses tf: TF of {recording.path} does not say where "
                            f"{recording.base_frame!r} is in {map_frame!r} (frames: {frames}); "
                            f"{listing(recording.topics)}; choose one with --poses")
        return None
    if poses == "auto":
        topic = _only_topic(recording, map_frame)
        notes.append(f"true poses are taken from {topic}")
        return topic
    if poses in recording.topics:
        return choose_poses(recording.topics, poses, recording.path)
    if not Path(poses).is_file():
        raise NmapError(f"poses {poses}: neither auto, tf, a topic nor a file; "
                        f"{listing(recording.topics)}; choose one of them")
    return poses


def _only_topic(recording: Recording, map_frame: str) -> str:
    """Odometry drifts in a frame of its own: only poses that claim the map's frame count."""
    known = [topic for topic in of_type(recording.topics, POSE, POSE_COVARIANCE, ODOMETRY)
             if recording.poses[topic].frame == map_frame]
    if len(known) != 1:
        problem = (f"{len(known)} topics of poses in {map_frame!r} ({', '.join(known)})" if known
                   else f"no true poses: neither TF {map_frame} -> {recording.base_frame} nor a "
                   f"topic of poses in {map_frame!r}")
        raise NmapError(f"{recording.path}: {problem}; {listing(recording.topics)}; TF frames: "
                        f"{', '.join(recording.tree.frames) or 'none'}; choose a topic or a TUM "
                        "file with --poses")
    return known[0]


def _from_tf(recording: Recording, map_frame: str) -> Trajectory:
    tree, base = recording.tree, recording.base_frame
    known = [(stamp, pose) for stamp in tree.moving_stamps(map_frame, base)
             if (pose := tree.lookup(map_frame, base, stamp, round(MAX_GAP * SECOND))) is not None]
    if not known:
        raise NmapError(f"{recording.path} TF: {map_frame} -> {base} is at no time known as a "
                        "whole; choose other poses with --poses")
    return _trajectory([stamp / SECOND for stamp, _ in known], [pose for _, pose in known])


def _from_topic(recording: Recording, name: str, map_frame: str, pose_frame: str | None,
                notes: list[str]) -> Trajectory:
    states = recording.poses.get(name) or PoseTopic(map_frame, "", read_tum(Path(name)))
    trajectory, base = states.trajectory, recording.base_frame
    if trajectory.invalid:
        notes.append(f"{name}: {trajectory.invalid} poses are not finite: left out")
    if not len(trajectory):
        raise NmapError(f"poses {name}: none of its {trajectory.invalid} poses is finite; choose "
                        "other poses")
    if states.frame != map_frame:
        notes.append(f"{name}: its poses are in frame {states.frame!r}, not in the map's "
                     f"{map_frame!r}: errors contain the difference")
    body = pose_frame or states.body or base
    if body == base:
        return trajectory
    tree = recording.tree
    if not tree.connected(body, base):
        raise NmapError(f"poses {name}: of {body!r}, from which TF does not lead to the base "
                        f"{base!r} (frames: {', '.join(tree.frames) or 'none'}); say with "
                        f"--pose-frame whose they are")
    pairs = [(stamp, Rigid.from_quaternion(q, p) @ moved) for stamp, q, p in
             zip(trajectory.stamps, trajectory.quaternions, trajectory.positions, strict=True)
             if (moved := tree.lookup(body, base, round(stamp * SECOND))) is not None]
    if not pairs:
        raise NmapError(f"poses {name}: TF {body} -> {base} is not known at any of their stamps; "
                        "choose other poses")
    return _trajectory([float(stamp) for stamp, _ in pairs], [pose for _, pose in pairs])


def _trajectory(stamps: Sequence[float], poses: Sequence[Rigid]) -> Trajectory:
    return Trajectory(stamps, [pose.translation for pose in poses],
                      [pose.quaternion() for pose in poses])


def _cuts(trajectory: Trajectory, unit: str) -> list[int]:
    """Indices of the poses that no motion leads to from the one before."""
    if len(trajectory) < 2:
        return []
    gaps = np.diff(trajectory.stamps)
    steps = np.linalg.norm(np.diff(trajectory.positions, axis=0), axis=1)
    cosines = np.abs(np.sum(trajectory.quaternions[1:] * trajectory.quaternions[:-1], axis=1))
    turns = np.degrees(2 * np.arccos(np.clip(cosines, 0, 1)))
    least_step, least_speed = JUMP_STEP, JUMP_SPEED
    if unit != "metre":
        least_step = JUMP_OF_SPAN * float(np.linalg.norm(np.ptp(trajectory.positions, axis=0)))
        least_speed = 0.0
    speeds = steps / gaps
    moving: npt.NDArray[np.float64] = speeds[steps > 1e-3 * least_step]
    usual = float(np.median(moving)) if len(moving) else 0.0
    far = (steps > least_step) & (speeds > max(JUMP_FACTOR * usual, least_speed))
    turned = (turns > JUMP_TURN) & (gaps <= MAX_GAP)
    return [int(index) + 1 for index in np.flatnonzero(far | turned)]


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
