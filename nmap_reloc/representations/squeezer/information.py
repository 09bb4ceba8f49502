"""What the points of a map tell of a camera's pose: the Fisher information of each sighting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmap_reloc.camera import pinhole_params
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.representations.squeezer.clusters import Indices
from nmap_reloc.representations.squeezer.observations import REGIONS
from nmap_reloc.representations.squeezer.programme import Points
from nmap_reloc.reprojection import Observed, jacobian
from nmap_reloc.types import Doubles

NOISE = 1.5  # pixels: of a keypoint, one coordinate
NOTHING = 0.01  # a point worth less to a frame is not seen there
NEAREST = 1e-6  # depth, map units


@dataclass(frozen=True)
class Sightings:
    """Every point in every frame that finds it, sorted by landmark.

    starts [L + 1]: of each landmark's sightings; frames [E] index of the view; regions [E]: of all
    frames' regions; worth [E] in 0..1. rows [E x 2 x 6]: R with R'R the information that the
    sighting gives: position in units of the frame's median depth, then turn in radians.
    """

    starts: Indices
    frames: Indices
    regions: Indices
    worth: Doubles
    rows: Doubles


def sightings(landmarks: Landmarks, judged: Sequence[Points]) -> Sightings:
    """Of the points that compete. Worth is what the network says, less where few views ever
    observed the point: two alone may be mistaken together."""
    found = [np.nonzero(points.found > NOTHING) for points in judged]
    pairs = list(zip(judged, found, strict=True))
    owners = np.concatenate([points.landmarks[row] for points, (row, _) in pairs])
    frames = np.concatenate([points.views[frame] for points, (_, frame) in pairs])
    places = np.concatenate([points.regions[where] for points, where in pairs])
    worth = np.concatenate([points.found[where] for points, where in pairs]).astype(np.float64)
    order = np.lexsort((frames, owners))
    owners, frames, places, worth = (a[order] for a in (owners, frames, places, worth))
    support = landmarks.track_lengths[owners]
    worth *= support / (support + 1)
    known = position_information(landmarks)
    rows = np.zeros((len(owners), 2, 6))
    for frame in np.unique(frames).tolist():
        mine = np.flatnonzero(frames == frame)
        rows[mine] = _seen(landmarks.views[frame], landmarks.positions[owners[mine]],
                           known[owners[mine]])
    return Sightings(np.searchsorted(owners, np.arange(len(landmarks) + 1)), frames,
                     frames * REGIONS ** 2 + places, worth, rows * worth[:, None, None] ** 0.5)


def position_information(landmarks: Landmarks) -> Doubles:
    """[L x 3 x 3] inverse covariance of each position, by all its observations."""
    known = np.zeros((len(landmarks), 3, 3))
    for view in landmarks.views:
        seen = view.landmarks[view.landmarks >= 0]
        moved = _jacobian(view, landmarks.positions[seen])[0][:, :, :3] \
            @ view.map_from_camera.rotation.T
        np.add.at(known, seen, moved.transpose(0, 2, 1) @ moved / NOISE ** 2)
    return known


def _seen(view: View, positions: Doubles, known: Doubles) -> Doubles:
    """[M x 2 x 6] of one frame. Beside the keypoint the landmark itself is uncertain; no
    landmark is thought farther off than its depth."""
    moved, depth = _jacobian(view, positions)
    at_least = np.eye(3) / depth[:, None, None] ** 2
    toward = moved[:, :, :3] @ view.map_from_camera.rotation.T
    spread = toward @ np.linalg.inv(known + at_least) @ toward.transpose(0, 2, 1)
    variance = NOISE ** 2 + np.trace(spread, axis1=1, axis2=2) / 2
    unit = np.array([*[np.median(depth)] * 3, 1, 1, 1])
    return np.asarray(moved * unit / np.sqrt(variance)[:, None, None])


def _jacobian(view: View, positions: Doubles) -> tuple[Doubles, Doubles]:
    """d pixels / d (position, turn) of the camera [M x 2 x 6], without distortion; depth [M]."""
    local = view.map_from_camera.inverse().apply(positions)
    local[:, 2] = np.maximum(local[:, 2], NEAREST)
    fx, fy, _, _ = pinhole_params(view.camera)
    scale = np.tile(np.diag([fx, fy]), (len(local), 1, 1))
    seen = Observed(local[:, :2] / local[:, 2:], scale, positions,
                    np.arange(len(local), dtype=np.int32))
    both = jacobian(seen, local.T).reshape(6, 2, -1)
    return np.asarray(both.transpose(2, 1, 0)), local[:, 2]
