"""What the landmarks of a map tell of a camera's pose: the Fisher information of each sighting."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmap_reloc.camera import pinhole_params
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.reprojection import jacobian, planes_of
from nmap_reloc.types import Doubles

NOISE = 1.5  # pixels: of a keypoint, one coordinate
NEAREST = 1e-6  # depth, map units

Indices = npt.NDArray[np.int64]


def pose_rows(landmarks: Landmarks, owners: Indices, frames: Indices) -> Doubles:
    """owners [E] landmark and frames [E] view of each sighting -> rows [E x 2 x 6]: R with R'R the
    information that it gives on the view's pose: position in units of the median depth of the
    view's sightings, then turn in radians."""
    known = position_information(landmarks)
    rows = np.zeros((len(owners), 2, 6))
    for frame in np.unique(frames).tolist():
        mine = np.flatnonzero(frames == frame)
        rows[mine] = _seen(landmarks.views[frame], landmarks.positions[owners[mine]],
                           known[owners[mine]])
    return rows


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
    planes = planes_of(local[:, :2] / local[:, 2:], scale)
    both = jacobian(planes, np.zeros((2, len(local))), local.T)
    return np.asarray(both.transpose(2, 1, 0)), local[:, 2]
