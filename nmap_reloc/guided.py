"""Landmarks projected at a believed pose and matched with the keypoints near there, no others.

The "render and compare" of a map that holds landmarks: at the right pose they are where the image
has them. No pycolmap: distances are measured as refine.py measures residuals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Camera, Doubles, Floats, Ints
from nmap_reloc.undistort import undistort_with_scale

NEAREST = 1e-6  # depth, map units


class Described(Protocol):
    """Keypoints [N x 2] pixels with descriptors [N x D]: Features have them, views too."""

    @property
    def keypoints(self) -> Floats: ...

    @property
    def descriptors(self) -> Floats: ...


@dataclass(frozen=True)
class Seen:
    """What an image shows, ready to be compared: descriptors [N x D], normalized [N x 2] keypoints
    on the plane of depth 1, scale [N x 2 x 2] pixels per unit there."""

    descriptors: Floats
    normalized: Doubles
    scale: Doubles

    @staticmethod
    def of(features: Described, camera: Camera) -> Seen:
        return Seen(features.descriptors, *undistort_with_scale(
            features.keypoints.astype(np.float64), camera))


@dataclass(frozen=True)
class Agreement:
    """Pairs of a keypoint and a landmark, each in one pair at most: indices [K] of both, distance
    [K] pixels between them, similarity [K] cosine."""

    keypoints: Ints
    landmarks: Ints
    distance: Doubles
    similarity: Floats

    def __len__(self) -> int:
        return len(self.keypoints)


def on_plane(map_from_camera: Rigid, positions: Doubles) -> tuple[Doubles, Doubles]:
    """positions [L x 3] in the map -> [L x 2] on the camera's plane of depth 1, depths [L].

    Behind the camera: not a number.
    """
    local = map_from_camera.inverse().apply(positions)
    depth = local[:, 2]
    front = np.where(depth > NEAREST, depth, np.nan)
    return np.asarray(local[:, :2] / front[:, None]), depth


def match_near(seen: Seen, map_from_camera: Rigid, positions: Doubles, descriptors: Floats,
               radius: float, similarity: float) -> Agreement:
    """Mutual best pairs of a keypoint and a landmark that projects within `radius` pixels of it.

    positions [L x 3] map units, descriptors [L x D] unit length; similarity: least cosine.
    """
    plane, _ = on_plane(map_from_camera, positions)
    shown = np.flatnonzero(inside(seen, plane))
    if not len(shown):
        return _agreement([], [], [], [])
    nearby, shown_at = _near(seen, plane[shown], radius)
    apart = _apart(seen, nearby, plane[shown[shown_at]])
    close = np.flatnonzero(apart <= radius)
    keypoints, points, away = nearby[close], shown[shown_at[close]], apart[close]
    cosine = (seen.descriptors[keypoints] * descriptors[points]).sum(1)
    order = np.flatnonzero(cosine >= similarity)
    order = order[np.argsort(cosine[order], kind="stable")]  # so that the most alike write last
    of_keypoint, of_point = np.full(len(seen.normalized), -1), np.full(len(positions), -1)
    of_keypoint[keypoints[order]] = order
    of_point[points[order]] = order
    best = of_keypoint[of_keypoint >= 0]
    best = best[of_point[points[best]] == best]
    return _agreement(keypoints[best], points[best], away[best], cosine[best])


def _near(seen: Seen, plane: Doubles, radius: float) -> tuple[Ints, Ints]:
    """Every (keypoint, point) that may lie within `radius` pixels of each other, and some that do
    not: by a grid of cells so wide that only the neighbours of a point's own need be looked at.
    plane [L x 2], L > 0."""
    finite = np.flatnonzero(np.isfinite(seen.normalized).all(1))
    cell = radius / max(float(_smallest_scale(seen.scale[finite]).min()), 1e-9)
    low = np.minimum(seen.normalized[finite].min(0), plane.min(0))
    keypoint_cells = ((seen.normalized[finite] - low) / cell).astype(np.int64) + 1
    point_cells = ((plane - low) / cell).astype(np.int64) + 1
    width = int(max(keypoint_cells[:, 0].max(), point_cells[:, 0].max())) + 2
    number = keypoint_cells[:, 1] * width + keypoint_cells[:, 0]
    order = np.argsort(number, kind="stable")
    middle = point_cells[:, 1] * width + point_cells[:, 0]
    rows = (middle[:, None] + width * np.array([-1, 0, 1])).ravel()
    first = np.searchsorted(number[order], rows - 1)
    counts = np.searchsorted(number[order], rows + 1, side="right") - first
    points = np.repeat(np.repeat(np.arange(len(plane)), 3), counts)
    within = np.arange(len(points)) - np.repeat(np.cumsum(counts) - counts, counts)
    keypoints = finite[order[np.repeat(first, counts) + within]]
    return keypoints.astype(np.int32), points.astype(np.int32)


def _smallest_scale(scale: Doubles) -> Doubles:
    """Pixels per unit of the plane along the direction in which that is least [N]."""
    squares = (scale ** 2).sum((1, 2)) / 2
    area = scale[:, 0, 0] * scale[:, 1, 1] - scale[:, 0, 1] * scale[:, 1, 0]
    return np.asarray(np.sqrt(np.maximum(
        squares - np.sqrt(np.maximum(squares ** 2 - area ** 2, 0)), 0)))


def inside(seen: Seen, plane: Doubles) -> npt.NDArray[np.bool_]:
    """[L]: which points [L x 2] of the plane lie amid the keypoints."""
    finite = seen.normalized[np.isfinite(seen.normalized).all(1)]
    if not len(finite):
        return np.zeros(len(plane), bool)
    return np.asarray(((plane >= finite.min(0)) & (plane <= finite.max(0))).all(1))


def _apart(seen: Seen, keypoints: Ints, plane: Doubles) -> Doubles:
    """[P] pixels from each of these keypoints [P] to its point [P x 2] of the plane."""
    moved = seen.scale[keypoints] @ (plane - seen.normalized[keypoints])[:, :, None]
    return np.asarray(np.hypot(moved[:, 0, 0], moved[:, 1, 0]))


def _agreement(keypoints: object, landmarks: object, distance: object, cosine: object
               ) -> Agreement:
    return Agreement(np.asarray(keypoints, np.int32), np.asarray(landmarks, np.int32),
                     np.asarray(distance, np.float64), np.asarray(cosine, np.float32))
