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
    alike = seen.descriptors @ descriptors[shown].T
    away = _apart(seen, plane[shown].astype(np.float32))
    cosine = np.where((away <= radius) & (alike >= similarity), alike, -np.inf)
    best = cosine.argmax(1)
    rows = np.arange(len(cosine))
    good = np.isfinite(cosine[rows, best]) & (cosine.argmax(0)[best] == rows)
    return _agreement(rows[good], shown[best[good]], away[rows, best][good],
                      cosine[rows, best][good])


def inside(seen: Seen, plane: Doubles) -> npt.NDArray[np.bool_]:
    """[L]: which points [L x 2] of the plane lie amid the keypoints."""
    finite = seen.normalized[np.isfinite(seen.normalized).all(1)]
    if not len(finite):
        return np.zeros(len(plane), bool)
    return np.asarray(((plane >= finite.min(0)) & (plane <= finite.max(0))).all(1))


def _apart(seen: Seen, plane: Floats) -> Floats:
    """[N x L] pixels from each keypoint to points [L x 2] of the plane."""
    scale = seen.scale.astype(np.float32)
    dx = plane[:, 0] - seen.normalized[:, :1].astype(np.float32)
    dy = plane[:, 1] - seen.normalized[:, 1:].astype(np.float32)
    return np.asarray(np.hypot(scale[:, 0, :1] * dx + scale[:, 0, 1:] * dy,
                               scale[:, 1, :1] * dx + scale[:, 1, 1:] * dy))


def _agreement(keypoints: object, landmarks: object, distance: object, cosine: object
               ) -> Agreement:
    return Agreement(np.asarray(keypoints, np.int32), np.asarray(landmarks, np.int32),
                     np.asarray(distance, np.float64), np.asarray(cosine, np.float32))
