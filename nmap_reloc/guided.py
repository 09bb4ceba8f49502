"""Landmarks projected at a believed pose and matched with the keypoints near there, no others.

The "render and compare" of a map that holds landmarks: at the right pose they are where the image
has them. No pycolmap: distances are measured as refine.py measures residuals.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid
from nmap_reloc.reprojection import Indices, planes_of
from nmap_reloc.types import Camera, Doubles, Floats, Ints
from nmap_reloc.undistort import undistort_with_scale

NEAREST = 1e-6  # depth, map units
MOST_CELLS = 250  # of the grid in either direction: all of them are numbered in 16 bits


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

    @cached_property
    def planes(self) -> Doubles:
        """[2 x 3 x N], see reprojection.planes_of."""
        return planes_of(self.normalized, self.scale)

    @cached_property
    def finite(self) -> tuple[Indices, Doubles]:
        """Which keypoints have a ray [F], and these normalized [2 x F]."""
        u, v = self.normalized.T
        which = np.flatnonzero(np.isfinite(u + v))
        return which, np.stack([u[which], v[which]])

    @cached_property
    def box(self) -> tuple[Doubles, Doubles]:
        """The least and greatest coordinates [2] of the keypoints; empty where there are none."""
        _, there = self.finite
        return there.min(1, initial=np.inf), there.max(1, initial=-np.inf)

    @cached_property
    def smallest_scale(self) -> float:
        """Pixels per unit of the plane where and along the direction in which that is least."""
        (a, b), (c, d) = self.planes.take(self.finite[0], axis=2)[:, :2]
        squares, area = (a * a + b * b + c * c + d * d) / 2, a * d - b * c
        least = squares - np.sqrt(np.maximum(squares * squares - area * area, 0))
        return float(np.sqrt(max(least.min(), 0)))


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
    columns = np.ascontiguousarray(positions.T) - map_from_camera.translation[:, None]
    local = map_from_camera.rotation.T @ columns
    depth = local[2]
    front = depth if depth.min(initial=1.0) > NEAREST else np.where(depth > NEAREST, depth, np.nan)
    return np.asarray((local[:2] / front).T), depth


def match_near(seen: Seen, map_from_camera: Rigid, positions: Doubles, descriptors: Floats,
               radius: float, similarity: float) -> Agreement:
    """Mutual best pairs of a keypoint and a landmark that projects within `radius` pixels of it.

    positions [L x 3] map units, descriptors [L x D] unit length; similarity: least cosine.
    """
    plane, _ = on_plane(map_from_camera, positions)
    shown = np.flatnonzero(inside(seen, plane))
    if not len(shown):
        return _agreement([], [], [], [])
    keypoints, shown_at, away = within(seen, plane[shown], radius)
    points = shown[shown_at]
    cosine = np.einsum("ij,ij->i", seen.descriptors.take(keypoints, axis=0),
                       descriptors.take(points, axis=0))
    order = np.flatnonzero(cosine >= similarity)
    order = order[np.argsort(cosine[order], kind="stable")]  # so that the most alike write last
    of_keypoint, of_point = np.full(len(seen.normalized), -1), np.full(len(positions), -1)
    of_keypoint[keypoints[order]] = order
    of_point[points[order]] = order
    best = of_keypoint[of_keypoint >= 0]
    best = best[of_point[points[best]] == best]
    return _agreement(keypoints[best], points[best], away[best], cosine[best])


def within(seen: Seen, plane: Doubles, radius: float) -> tuple[Indices, Indices, Doubles]:
    """Every keypoint and point of the plane [L x 2], L > 0, that lie at most `radius` pixels from
    each other, and how far apart they are: [P] each."""
    keypoints, points = _near(seen, plane, radius)
    apart = _apart(seen, keypoints, plane[points])
    close = np.flatnonzero(apart <= radius)
    return keypoints[close], points[close], apart[close]


def _near(seen: Seen, plane: Doubles, radius: float) -> tuple[Indices, Indices]:
    """Every (keypoint, point) that may lie within `radius` pixels of each other, and some that do
    not: by a grid of cells so wide that only the neighbours of a point's own need be looked at.
    plane [L x 2], L > 0."""
    (low, high), (finite, there) = seen.box, seen.finite
    cell = max(radius / max(seen.smallest_scale, 1e-9), float((high - low).max()) / MOST_CELLS)
    x, y = ((there - low[:, None]) / cell).astype(np.int64) + 1
    point_x, point_y = ((plane.T - low[:, None]) / cell).astype(np.int64) + 1
    width, height = ((high - low) / cell).astype(np.int64) + 3
    number = y * width + x
    starts = np.zeros(width * height + 1, np.int64)
    np.cumsum(np.bincount(number, minlength=width * height), out=starts[1:])
    order = np.argsort(number.astype(np.uint16), kind="stable")
    middle = point_y * width + point_x
    rows = np.concatenate([middle - width, middle, middle + width])
    first = starts[rows - 1]
    counts = starts[rows + 2] - first
    points = np.repeat(np.tile(np.arange(len(plane)), 3), counts)
    within = np.arange(len(points)) + np.repeat(first - np.cumsum(counts) + counts, counts)
    return finite[order[within]], points


def inside(seen: Seen, plane: Doubles) -> npt.NDArray[np.bool_]:
    """[L]: which points [L x 2] of the plane lie amid the keypoints."""
    (left, above), (right, below) = seen.box
    x, y = plane.T
    return np.asarray((x >= left) & (x <= right) & (y >= above) & (y <= below))


def _apart(seen: Seen, keypoints: Indices, plane: Doubles) -> Doubles:
    """[P] pixels from each of these keypoints [P] to its point [P x 2] of the plane."""
    u, v = plane.T
    p, q, r = seen.planes.take(keypoints, axis=2).transpose(1, 0, 2)
    dx, dy = p * u + q * v + r
    return np.asarray(np.sqrt(dx * dx + dy * dy))


def _agreement(keypoints: object, landmarks: object, distance: object, cosine: object
               ) -> Agreement:
    return Agreement(np.asarray(keypoints, np.int32), np.asarray(landmarks, np.int32),
                     np.asarray(distance, np.float64), np.asarray(cosine, np.float32))
