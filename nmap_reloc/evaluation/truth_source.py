"""Who says in a recording where the robot truly was: TF, a topic of poses, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.bag_scan import SECOND
from nmap_reloc.evaluation.recording import Recording
from nmap_reloc.evaluation.truth import MAX_GAP, Truth
from nmap_reloc.geometry import Rigid
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
    odom, tree = recording.odom_frame, recording.tree
    truth = Truth(trajectory, unit, name, lambda stamp: tree.lookup(
        odom, recording.base_frame, round(stamp * SECOND)) if odom else None)
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
    if not (pose_frame or states.body):
        notes.append(f"{name} is taken as the poses of {base!r}; say with --pose-frame where they "
                     "are another frame's")
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
