"""A drive that was localized live, from what was written down then, against a bag's truth.

The trajectory is TUM text: ``stamp tx ty tz qx qy qz qw`` of the base in the map per published
pose, stamps of the images. Beside it may lie online.json, as nodes/evaluation_node.py writes it:

    {"poses": [{"stamp": 12.5, "latency": 0.08, "covariance": [36 numbers]}, ...],
     "states": [{"time": 12.6, "state": "tracking"}, ...],
     "images": [{"stamp": 12.5, "state": "tracking", "refused_by": "", "reason": "",
                 "correspondences": 310, "inliers": 120, "milliseconds": {"features": 31.0}}, ...],
     "loaded_tiles": [{"time": 11.0, "tiles": ["0_0", ...]}, ...], "swaps": 3}

Stamps are of images, times are when it was heard, on the same clock; all in seconds.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.drive import LOST, SUSPECT, TRACKING, UNKNOWN, Drive, Instant
from nmap_reloc.evaluation.evaluate import Evaluation, Query, camera_centres
from nmap_reloc.evaluation.recording import Frame, Recording
from nmap_reloc.evaluation.replay import NO_CAMERA, UNKNOWN_TRUTH, query_of
from nmap_reloc.evaluation.truth import Truth
from nmap_reloc.gate import largest_sigma
from nmap_reloc.geometry import Rigid, covariance_of_attached, span_of
from nmap_reloc.mapping.sources.base import PosedImage, read_text
from nmap_reloc.mapping.sources.trajectory import Trajectory, read_tum
from nmap_reloc.maps.manifest import Manifest
from nmap_reloc.types import Doubles, Estimate, Refusal

SAME = 5e-4  # seconds: what is written down with microseconds belongs to the image this near
STATES = (TRACKING, SUSPECT, LOST)
LATENCY = "image to pose"


@dataclass(frozen=True)
class Heard:
    """What lies beside a trajectory; see above. Without the file all of it is empty."""

    poses: Sequence[Mapping[str, Any]] = ()
    states: Sequence[Mapping[str, Any]] = ()
    images: Sequence[Mapping[str, Any]] = ()
    loaded_tiles: Sequence[Mapping[str, Any]] = ()
    swaps: int | None = None

    @cached_property
    def delay(self) -> float:
        """Seconds from an image's stamp until what came of it was heard, at most by all odds."""
        latencies = sorted(float(entry["latency"]) for entry in self.poses)
        # An image without a pose was searched for everywhere: that takes longer.
        return 2 * latencies[int(0.95 * len(latencies))] if latencies else 0.0

    def state(self, stamp: float) -> str | None:
        """After the image of a stamp."""
        entry = _latest(self.states, stamp + self.delay)
        return None if entry is None else str(entry["state"])

    def tiles(self, stamp: float) -> int | None:
        entry = _latest(self.loaded_tiles, stamp)
        return None if entry is None else len(entry["tiles"])


def score_trajectory(trajectory: Path, recording: Recording, truth: Truth, manifest: Manifest, *,
                     map_bytes: int = 0, bytes_by_part: Mapping[str, int] | None = None,
                     notes: Sequence[str] = ()) -> Drive:
    """The drive as the node lived it. NmapError: a file that is none of the two, a trajectory of
    another time, or one that the truth says nothing about."""
    poses = read_tum(trajectory)
    beside = trajectory.parent / "online.json"
    heard = read_heard(beside) if beside.is_file() else Heard()
    known = _poses(recording, poses, trajectory)
    details = {name: heard.poses[index] for name, index in
               _matched(recording, [float(entry["stamp"]) for entry in heard.poses]).items()}
    said_of = {name: heard.images[index] for name, index in
               _matched(recording, [entry["stamp"] for entry in heard.images]).items()}
    instants = [_instant(frame, known.get(frame.name), details.get(frame.name, {}),
                         said_of.get(frame.name), heard, truth) for frame in recording.frames]
    # Who is TRACKING has a pose for every image that was answered.
    dropped = {instant.name for instant in instants if instant.pose is None
               and (instant.name not in said_of if said_of else instant.state == TRACKING)}
    said = [*recording.notes, *notes]
    if dropped:
        said.append(f"{len(dropped)} of {len(instants)} images were not answered live, since "
                    "newer ones had come: left out")
    if len(known) < len(poses):
        said.append(f"{trajectory}: {len(poses) - len(known)} of {len(poses)} poses are at no "
                    "image's stamp: left out")
    answered = [(frame, instant) for frame, instant in zip(recording.frames, instants, strict=True)
                if frame.name not in dropped]
    stages = {name: str(entry["refused_by"]) for name, entry in said_of.items()}
    queries, skipped = _queries(recording, answered, stages)
    centres = camera_centres([query.image for query in queries])
    evaluation = Evaluation(tuple(queries), manifest.unit, span_of(centres), map_bytes, centres,
                            dict(bytes_by_part or {}), skipped)
    if not evaluation.queries:
        raise NmapError(f"{trajectory}: the truth ({truth.name}) is not known at any image that "
                        "was answered; give poses of the same drive")
    return Drive(tuple(instant for _, instant in answered), truth.jumps, evaluation, tuple(said),
                 heard.swaps, live=True)


def _queries(recording: Recording, answered: Sequence[tuple[Frame, Instant]],
             stages: Mapping[str, str]) -> tuple[list[Query], dict[str, str]]:
    """The images with a true pose, and why the others are none; stages: that refused, by name."""
    queries, skipped = [], {}
    for frame, instant in answered:
        query = _query(recording, frame, instant, stages.get(frame.name) or "tracking")
        if query is not None:
            queries.append(query)
        else:
            skipped[frame.name] = (UNKNOWN_TRUTH if frame.base_from_camera else NO_CAMERA)
    return queries, skipped


def read_heard(path: Path) -> Heard:
    """NmapError names what is wrong in the file."""
    try:
        found = json.loads(read_text(path))
        heard = Heard(_checked(found.get("poses", []), "stamp", "latency"),
                      _checked(found.get("states", []), "time"),
                      _checked(found.get("images", []), "stamp"),
                      _checked(found.get("loaded_tiles", []), "time"), found.get("swaps"))
        for entry in (*heard.states, *heard.images):
            if entry["state"] not in STATES:
                raise ValueError(f"state {entry['state']!r} is none of {', '.join(STATES)}")
        for entry in heard.loaded_tiles:
            len(entry["tiles"])
        for entry in heard.images:
            int(entry["inliers"]), int(entry["correspondences"]), dict(entry["milliseconds"])
            str(entry["refused_by"]), str(entry["reason"])
        for entry in heard.poses:
            if np.shape(entry["covariance"]) != (36,):
                raise ValueError(f"covariance of shape {np.shape(entry['covariance'])} is not 36 "
                                 "numbers")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NmapError(f"{path}: not what evaluation_node writes beside a trajectory "
                        f"({error!r}); correct or remove the file") from None
    return heard


def _checked(entries: Any, *numbers: str) -> list[dict[str, Any]]:
    return [{**entry, **{name: float(entry[name]) for name in numbers}} for entry in entries]


def _latest(entries: Sequence[Mapping[str, Any]], time: float) -> Mapping[str, Any] | None:
    """The last entry that was heard by then. What a node says is in order of its time."""
    index = bisect_right(entries, time, key=lambda entry: float(entry["time"]))
    return entries[index - 1] if index else None


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


def _instant(frame: Frame, pose: Rigid | None, details: Mapping[str, Any],
             said: Mapping[str, Any] | None, heard: Heard, truth: Truth) -> Instant:
    """details: of the pose; said: of the image, None where nothing was."""
    covariance: Doubles | None = None
    if pose is not None and details:
        covariance = np.asarray(details["covariance"], np.float64).reshape(6, 6)
    state, reason = heard.state(frame.seconds) or UNKNOWN, "no pose was published"
    if said is not None:
        state, reason = said["state"], said["reason"] or reason
    spent = {} if said is None else dict(said["milliseconds"])
    return Instant(
        frame.name, frame.seconds, truth.at(frame.seconds), truth.piece(frame.seconds),
        TRACKING if pose is not None else state, "" if pose is not None else reason,
        pose, covariance, None,
        None if covariance is None else largest_sigma(covariance[:3, :3]),
        odometry=frame.odom_from_base is not None, tiles=heard.tiles(frame.seconds),
        inliers=None if said is None else int(said["inliers"]),
        correspondences=None if said is None else int(said["correspondences"]),
        milliseconds={**spent, **({LATENCY: 1e3 * details["latency"]} if details else {})})


def _query(recording: Recording, frame: Frame, instant: Instant, stage: str) -> Query | None:
    mounted = frame.base_from_camera
    if instant.true is None or mounted is None:
        return None
    image = PosedImage(frame.name, recording.camera, instant.true @ mounted, frame.read,
                       frame.seconds)
    if instant.pose is None:
        refusal = Refusal(stage, instant.reason)
        estimate = Estimate(None, None, None, None, dict(instant.milliseconds), refusal)
    else:
        covariance = None if instant.covariance is None else covariance_of_attached(
            instant.covariance, instant.pose, mounted)
        estimate = Estimate(instant.pose @ mounted, covariance, None, None,
                            dict(instant.milliseconds))
    return query_of(image, instant.true, mounted, estimate)
