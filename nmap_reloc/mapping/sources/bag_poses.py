"""Where the camera of a recording was: from TF, Odometry, PoseStamped or a trajectory file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.bag_file import listing
from nmap_reloc.mapping.sources.bag_topics import (
    ODOMETRY,
    POSE,
    POSE_COVARIANCE,
    Topics,
    choose_poses,
    of_type,
)
from nmap_reloc.mapping.sources.trajectory import Trajectory, read_tum
from nmap_reloc.mapping.sources.transform_tree import TransformTree

PoseAt = Callable[[float], "Rigid | None"]
FIXED_FRAMES = ("map", "world", "odom")


@dataclass(frozen=True)
class PoseOptions:
    """How to find poses.

    poses: "auto", "tf", a topic, or a trajectory file in TUM format. map_frame: TF's fixed frame
    (else the first of map, world, odom). camera_frame: instead of the images' frame_id.
    pose_frame: whose pose a topic or file states (else child_frame_id of Odometry, else the
    camera). extrinsic: pose_frame_from_camera, "x,y,z,qx,qy,qz,qw", instead of TF.
    max_gap, tolerance: seconds, see Trajectory.at.
    """

    poses: str = "auto"
    map_frame: str | None = None
    camera_frame: str | None = None
    pose_frame: str | None = None
    extrinsic: str | None = None
    max_gap: float = 0.5
    tolerance: float = 0.02


@dataclass(frozen=True)
class PoseTopic:
    """The poses of one topic, map_from_body; frames as their headers say, body "" if unsaid."""

    frame: str
    body: str
    trajectory: Trajectory


@dataclass(frozen=True)
class Recorded:
    """What the recording says about where things were."""

    path: Path
    topics: Topics
    tree: TransformTree
    poses: dict[str, PoseTopic]


def camera_poses(recorded: Recorded, camera_frame: str, options: PoseOptions, notes: list[str]
                 ) -> PoseAt:
    """map_from_camera as a function of a stamp in seconds; notes what had to be assumed.

    NmapError lists the topics or frames there are where none leads to a pose.
    """
    if options.poses == "auto":
        return _automatic(recorded, camera_frame, options, notes)
    if options.poses == "tf":
        return _from_tree(recorded, camera_frame, options, notes)
    if options.poses in recorded.topics:
        topic = choose_poses(recorded.topics, options.poses, recorded.path)
        return _from_body(recorded, topic, recorded.poses[topic], camera_frame, options, notes)
    file = Path(options.poses)
    if not file.is_file():
        raise NmapError(f"poses {options.poses}: neither auto, tf, a topic nor a file; "
                        f"{listing(recorded.topics)}; choose one of them")
    states = PoseTopic("map", "", read_tum(file))
    return _from_body(recorded, str(file), states, camera_frame, options, notes)


def _automatic(recorded: Recorded, camera_frame: str, options: PoseOptions, notes: list[str]
               ) -> PoseAt:
    """TF to a fixed frame, a pose topic, odometry, and TF to odom last: it drifts."""
    fixed = [options.map_frame] if options.map_frame else FIXED_FRAMES[:2]
    if any(_leads(recorded.tree, frame, camera_frame) for frame in fixed):
        return _from_tree(recorded, camera_frame, options, notes)
    for types in ((POSE, POSE_COVARIANCE), (ODOMETRY,)):
        found = of_type(recorded.topics, *types)
        if len(found) > 1:
            raise NmapError(f"{recorded.path}: {len(found)} topics of poses "
                            f"({', '.join(found)}); choose one with the option poses")
        if found:
            notes.append(f"poses are taken from {found[0]}, in its frame "
                         f"{recorded.poses[found[0]].frame!r}")
            return _from_body(recorded, found[0], recorded.poses[found[0]], camera_frame,
                              options, notes)
    if not options.map_frame and _leads(recorded.tree, "odom", camera_frame):
        return _from_tree(recorded, camera_frame, options, notes)
    raise NmapError(f"{recorded.path}: no poses of {camera_frame!r} (TF from "
                    f"{' or '.join(fixed)}, Odometry, PoseStamped); {listing(recorded.topics)}; "
                    f"TF frames: {', '.join(recorded.tree.frames) or 'none'}; give a trajectory "
                    "file with the option poses")


def _leads(tree: TransformTree, fixed: str, camera_frame: str) -> bool:
    """Whether TF knows where the camera is in a fixed frame; a chain that never moves does not."""
    return (fixed in tree.frames and tree.connected(fixed, camera_frame)
            and not tree.is_static(fixed, camera_frame))


def _from_tree(recorded: Recorded, camera_frame: str, options: PoseOptions, notes: list[str]
               ) -> PoseAt:
    tree = recorded.tree
    fixed = options.map_frame or next(
        (frame for frame in FIXED_FRAMES if _leads(tree, frame, camera_frame)), None)
    if fixed is None or not tree.connected(fixed, camera_frame):
        raise NmapError(f"{recorded.path} TF: no chain from {fixed or ' or '.join(FIXED_FRAMES)} "
                        f"to {camera_frame}; frames: {', '.join(tree.frames) or 'none'}; name "
                        "others with the options map_frame and camera_frame")
    if fixed != "map" and not options.map_frame:
        notes.append(f"poses are of TF frame {fixed!r}{', which drifts' * (fixed == 'odom')}: "
                     "there is no 'map'")
    return lambda stamp: tree.lookup(fixed, camera_frame, stamp, options.max_gap,
                                     options.tolerance)


def _from_body(recorded: Recorded, name: str, states: PoseTopic, camera_frame: str,
               options: PoseOptions, notes: list[str]) -> PoseAt:
    """Poses of a body, and the way from it to the camera."""
    trajectory = states.trajectory
    if trajectory.invalid:
        notes.append(f"{name}: {trajectory.invalid} poses are not finite: left out")
    if not len(trajectory):
        raise NmapError(f"{recorded.path} {name}: none of its {trajectory.invalid} poses is "
                        "finite; choose other poses")
    body = options.pose_frame or states.body or camera_frame
    if not (options.pose_frame or states.body or options.extrinsic):
        notes.append(f"{name} is taken as the pose of the camera {camera_frame!r} itself; name "
                     "another frame with the option pose_frame")
    fixed = parse_extrinsic(options.extrinsic) if options.extrinsic is not None else None
    tree = recorded.tree
    if fixed is None and not tree.connected(body, camera_frame):
        raise NmapError(f"{recorded.path} {name}: states the pose of {body!r} and TF has no way "
                        f"from it to {camera_frame!r} (frames: {', '.join(tree.frames) or 'none'}"
                        "); give it with the option extrinsic")

    def pose_at(stamp: float) -> Rigid | None:
        pose = trajectory.at(stamp, options.max_gap, options.tolerance)
        camera = fixed or tree.lookup(body, camera_frame, stamp, options.max_gap,
                                      options.tolerance)
        return None if pose is None or camera is None else pose @ camera
    return pose_at


def parse_extrinsic(text: str) -> Rigid:
    """``x,y,z,qx,qy,qz,qw`` (metres) -> body_from_camera. NmapError: not that."""
    try:
        x, y, z, qx, qy, qz, qw = (float(part) for part in text.replace(",", " ").split())
    except ValueError:
        x = qx = qy = qz = qw = float("nan")
        y = z = x
    fixed = Trajectory(0.0, (x, y, z), (qw, qx, qy, qz))
    if not len(fixed):
        raise NmapError(f"extrinsic {text!r}: not a transform; write x,y,z,qx,qy,qz,qw")
    return Rigid.from_quaternion(fixed.quaternions[0], fixed.positions[0])
