"""A drive that was localized live, from what was written down then, against a bag's truth.

The trajectory is TUM text: ``stamp tx ty tz qx qy qz qw`` of the base in the map per published
pose, stamps of the images. Beside it, under the same name with the suffix .json, may lie

    {"frames": [{"stamp": 12.5, "state": "tracking", "reason": "", "covariance": [36 numbers],
                 "inliers": 80, "correspondences": 300, "voxels": 20, "tiles": 4,
                 "milliseconds": {"features": 20.0, "total": 60.0}}, ...]}

with one entry for each image that the node answered, whether or not a pose came of it; of an
entry only the stamp (seconds, of the image) must be there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation import metrics
from nmap_reloc.evaluation.drive import LOST, SUSPECT, TRACKING, UNKNOWN, Drive, Instant
from nmap_reloc.evaluation.evaluate import Evaluation, Query, camera_centres
from nmap_reloc.evaluation.recording import Frame, Recording
from nmap_reloc.evaluation.replay import NO_CAMERA, query_of
from nmap_reloc.evaluation.truth import Truth
from nmap_reloc.gate import largest_sigma
from nmap_reloc.geometry import Rigid, covariance_of_attached
from nmap_reloc.mapping.sources.base import PosedImage, read_text
from nmap_reloc.mapping.sources.trajectory import Trajectory, read_tum
from nmap_reloc.maps.manifest import Manifest
from nmap_reloc.types import Doubles, Estimate, Refusal

SAME = 5e-4  # seconds: what is written down with microseconds belongs to the image this near
STATES = (TRACKING, SUSPECT, LOST)
COUNTS = ("inliers", "correspondences", "voxels", "tiles")


def score_trajectory(trajectory: Path, recording: Recording, truth: Truth, manifest: Manifest, *,
                     map_bytes: int = 0, bytes_by_part: Mapping[str, int] | None = None,
                     notes: tuple[str, ...] = ()) -> Drive:
    """The drive as the node lived it. NmapError: a file that is none of the two, a trajectory of
    another time, or one that the truth says nothing about."""
    poses = read_tum(trajectory)
    beside = trajectory.with_suffix(".json")
    entries = read_entries(beside) if beside.is_file() else None
    known = _poses(recording, poses, trajectory)
    details = {} if entries is None else {
        name: entries[index] for name, index in
        _matched(recording, [float(entry["stamp"]) for entry in entries]).items()}
    answered = [frame for frame in recording.frames
                if entries is None or frame.name in known or frame.name in details]
    said = [*recording.notes, *notes]
    if len(answered) < len(recording.frames):
        said.append(f"{len(recording.frames) - len(answered)} of {len(recording.frames)} images "
                    "were not answered live: dropped for newer ones, or before the node was ready")
    if len(known) < len(poses):
        said.append(f"{trajectory}: {len(poses) - len(known)} of {len(poses)} poses are at no "
                    "image's stamp: left out")
    instants, queries, skipped = [], [], {}
    for frame in answered:
        instant = _instant(frame, known.get(frame.name), details.get(frame.name, {}), truth)
        instants.append(instant)
        query = _query(recording, frame, instant)
        if query is not None:
            queries.append(query)
        else:
            skipped[frame.name] = ("the truth is not known at its stamp"
                                   if frame.base_from_camera else NO_CAMERA)
    if not queries:
        raise NmapError(f"{trajectory}: the truth ({truth.name}) is not known at any image that "
                        "was answered; give poses of the same drive")
    centres = camera_centres([query.image for query in queries])
    evaluation = Evaluation(tuple(queries), manifest.unit, metrics.span_of(centres), map_bytes,
                            centres, dict(bytes_by_part or {}), skipped)
    return Drive(tuple(instants), truth.jumps, evaluation, tuple(said))


def read_entries(path: Path) -> list[dict[str, Any]]:
    """Of the file beside a trajectory. NmapError names the entry that is wrong."""
    try:
        frames = json.loads(read_text(path))["frames"]
        found = [{**entry, "stamp": float(entry["stamp"])} for entry in frames]
    except (ValueError, KeyError, TypeError) as error:
        raise NmapError(f"{path}: not what is written beside a live trajectory ({error!r}); it "
                        'needs {"frames": [{"stamp": seconds, ...}, ...]}') from None
    for entry in found:
        problem = _problem(entry)
        if problem:
            raise NmapError(f"{path} stamp {entry['stamp']:.6f}: {problem}; correct or remove the "
                            "file")
    return found


def _problem(entry: Mapping[str, Any]) -> str | None:
    if entry.get("state", LOST) not in STATES:
        return f"state {entry['state']!r} is none of {', '.join(STATES)}"
    covariance = entry.get("covariance")
    if covariance is not None and np.shape(covariance) != (36,):
        return f"covariance of shape {np.shape(covariance)} is not 36 numbers"
    times = entry.get("milliseconds", {})
    if not isinstance(times, dict) or not all(isinstance(v, (int, float)) for v in times.values()):
        return f"milliseconds {times!r} are not numbers by stage"
    wrong = next((name for name in COUNTS if not isinstance(entry.get(name, 0), (int, type(None)))
                  ), None)
    return f"{wrong} {entry[wrong]!r} is not a whole number" if wrong else None


def _matched(recording: Recording, stamps: Sequence[float]) -> dict[str, int]:
    """Name of an image -> index of the stamp that is its own; of several the last."""
    own = np.array([frame.seconds for frame in recording.frames])
    found = {}
    for index, stamp in enumerate(stamps):
        after = min(int(np.searchsorted(own, stamp)), len(own) - 1)
        near = min((max(after - 1, 0), after), key=lambda i: abs(own[i] - stamp))
        if abs(own[near] - stamp) <= SAME:
            found[recording.frames[near].name] = index
    return found


def _poses(recording: Recording, poses: Trajectory, path: Path) -> dict[str, Rigid]:
    """Name of an image -> the pose that was published for it."""
    found = {name: Rigid.from_quaternion(poses.quaternions[i], poses.positions[i])
             for name, i in _matched(recording, poses.stamps.tolist()).items()}
    if not found:
        raise NmapError(f"{path}: none of its {len(poses)} poses (the first at "
                        f"{poses.stamps[0]:.6f} s) is at the stamp of an image of "
                        f"{recording.path} (the first at {recording.frames[0].seconds:.6f} s); "
                        "give the trajectory of this recording, with the images' stamps")
    return found


def _instant(frame: Frame, pose: Rigid | None, entry: Mapping[str, Any], truth: Truth) -> Instant:
    given = entry.get("covariance")
    covariance: Doubles | None = None
    if given is not None and pose is not None:
        covariance = np.asarray(given, np.float64).reshape(6, 6)
    state = entry.get("state") or (TRACKING if pose is not None else UNKNOWN)
    inliers, correspondences, voxels, tiles = (entry.get(name) for name in COUNTS)
    return Instant(
        frame.name, frame.seconds, truth.at(frame.seconds), truth.piece(frame.seconds), state,
        str(entry.get("reason", "" if pose is not None else "no pose was published")), pose,
        covariance, None, None if covariance is None else largest_sigma(covariance[:3, :3]),
        odometry=frame.odom_from_base is not None, inliers=inliers,
        correspondences=correspondences, voxels=voxels, tiles=tiles,
        milliseconds=dict(entry.get("milliseconds", {})))


def _query(recording: Recording, frame: Frame, instant: Instant) -> Query | None:
    mounted = frame.base_from_camera
    if instant.true is None or mounted is None:
        return None
    image = PosedImage(frame.name, recording.camera, instant.true @ mounted, frame.read,
                       frame.seconds)
    if instant.pose is None:
        refusal = Refusal("tracking", instant.reason)
        estimate = Estimate(None, None, None, None, dict(instant.milliseconds), refusal)
    else:
        covariance = None if instant.covariance is None else covariance_of_attached(
            instant.covariance, instant.pose, mounted)
        estimate = Estimate(instant.pose @ mounted, covariance, None, None,
                            dict(instant.milliseconds))
    return query_of(image, instant.true, mounted, estimate)
