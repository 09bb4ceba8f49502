"""What rviz shows of the map and of a fix, as MarkerArrays of bounded size.

Namespaces: tiles (boxes with their names), voxels (loaded, and brighter those just decoded),
landmarks (3D points of the correspondences), inliers (rays), covariance (95 % ellipsoid).
What stays is sent with no lifetime and deleted by name; what belongs to a frame dies by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from nmap_reloc.geometry import Rigid
from nmap_reloc.nodes.convert import point, pose_from_rigid
from nmap_reloc.types import Doubles

# Bounds, for a marker is drawn by every rviz in the fleet and sent over its network.
MOST_TILES, MOST_VOXELS, MOST_POINTS, MOST_RAYS = 500, 1000, 400, 100
NINETY_FIVE = 2.7955  # deviations that hold 95 % of a normal distribution in 3D
WIDEST = 1e4          # map units; a sphere beyond hides everything
LINE = 0.002          # width of lines, by the side of the tile
TILES, VOXELS, LANDMARKS, INLIERS, COVARIANCE = (
    "tiles", "voxels", "landmarks", "inliers", "covariance")

Colour = tuple[float, float, float, float]
LOADED: Colour = (0.25, 0.75, 0.35, 0.9)
WANTED: Colour = (0.95, 0.75, 0.2, 0.9)
REFUSED: Colour = (0.9, 0.2, 0.2, 0.9)
KNOWN: Colour = (0.6, 0.6, 0.6, 0.5)
DIM: Colour = (0.35, 0.55, 0.8, 0.12)
BRIGHT: Colour = (0.4, 0.8, 1.0, 0.45)
SEEN: Colour = (0.95, 0.85, 0.3, 1.0)
RAY: Colour = (0.3, 0.9, 0.4, 0.6)
ELLIPSOID: Colour = (0.8, 0.3, 0.9, 0.35)

# The corners of a box by the bits of their index, and its edges: pairs that differ in one bit.
_EDGES = [corner for a in range(8) for bit in (1, 2, 4) if not a & bit for corner in (a, a | bit)]


@dataclass(frozen=True)
class Box:
    """A tile: bounds low..high in map units, and LOADED, WANTED, REFUSED or KNOWN."""

    id: str
    low: Sequence[float]
    high: Sequence[float]
    colour: Colour = LOADED


class Markers:
    """Remembers what it has shown, to delete what is gone. frame: the map's.

    lifetime: seconds that the landmarks, inliers and covariance of a frame are shown. Every array
    of tiles and voxels is complete: who subscribes late to a latched topic sees all of them.
    """

    def __init__(self, frame: str, lifetime: float = 1.0) -> None:
        self.frame = frame
        whole, rest = divmod(max(lifetime, 0.0), 1.0)
        self._lifetime = Duration(sec=int(whole), nanosec=int(rest * 1e9))
        self._numbers: dict[str, int] = {}  # tile id -> number of its markers
        self._shown: set[tuple[str, int]] = set()

    def tiles(self, boxes: Sequence[Box], stamp: Time) -> MarkerArray:
        """A box and a name for each of the first MOST_TILES; those not given are deleted."""
        boxes, markers = boxes[:MOST_TILES], []
        self._number(box.id for box in boxes)
        for box in boxes:
            number = self._numbers[box.id]
            low, high = np.asarray(box.low, np.float64), np.asarray(box.high, np.float64)
            side = float((high - low)[:2].max())
            edges = self._marker(TILES, 2 * number, Marker.LINE_LIST, stamp, box.colour)
            edges.scale.x = max(LINE * side, 1e-3)
            corners = [np.where([i & 1, i & 2, i & 4], high, low) for i in range(8)]
            edges.points = [point(corners[i]) for i in _EDGES]
            text = self._marker(TILES, 2 * number + 1, Marker.TEXT_VIEW_FACING, stamp, box.colour)
            text.text, text.scale.z = box.id, max(0.06 * side, 0.05)
            text.pose.position = point([*(low + high)[:2] / 2, high[2]])
            markers += [edges, text]
        return self._replace(TILES, markers, stamp)

    def voxels(self, centres: Doubles, side: float, decoded: npt.NDArray[Any] | None, stamp: Time
               ) -> MarkerArray:
        """centres [V x 3] of the loaded voxels, map units; decoded: indices of the bright ones."""
        bright = np.zeros(len(centres), bool)
        if decoded is not None:
            bright[np.unique(decoded)] = True
        markers = []
        for number, colour, chosen in ((0, DIM, ~bright), (1, BRIGHT, bright)):
            marker = self._marker(VOXELS, number, Marker.CUBE_LIST, stamp, colour)
            marker.points = _points(centres[chosen], MOST_VOXELS)
            marker.scale.x = marker.scale.y = marker.scale.z = 0.98 * float(side)
            markers += [marker] if marker.points else []
        return self._replace(VOXELS, markers, stamp)

    def fix(self, points: Doubles, inliers: npt.NDArray[np.bool_] | None,
            map_from_camera: Rigid | None, stamp: Time) -> MarkerArray:
        """points [M x 3] of the correspondences, map units; inliers: mask [M].

        The rays go from the camera to the inliers; without a pose there are none.
        """
        landmarks = self._marker(LANDMARKS, 0, Marker.POINTS, stamp, SEEN, self._lifetime)
        landmarks.points = _points(points, MOST_POINTS)
        landmarks.scale.x = landmarks.scale.y = _thickness(points)
        rays = self._marker(INLIERS, 0, Marker.LINE_LIST, stamp, RAY, self._lifetime)
        if inliers is not None and map_from_camera is not None:
            camera = point(map_from_camera.translation)
            rays.points = [end for seen in _points(points[inliers], MOST_RAYS)
                           for end in (camera, seen)]
            rays.scale.x = 0.3 * _thickness(points[inliers])
        array = self._replace(LANDMARKS, [landmarks] if landmarks.points else [], stamp)
        array.markers += self._replace(INLIERS, [rays] if rays.points else [], stamp).markers
        return array

    def covariance(self, map_from_base: Rigid | None, covariance: Doubles | None, stamp: Time
                   ) -> MarkerArray:
        """The 95 % ellipsoid of the position; deleted where there is no pose to believe."""
        shape = None if covariance is None else _ellipsoid(np.asarray(covariance)[:3, :3])
        if map_from_base is None or shape is None:
            return self._replace(COVARIANCE, [], stamp)
        axes, lengths = shape
        marker = self._marker(COVARIANCE, 0, Marker.SPHERE, stamp, ELLIPSOID, self._lifetime)
        marker.pose = pose_from_rigid(Rigid(axes, map_from_base.translation))
        marker.scale.x, marker.scale.y, marker.scale.z = lengths
        return self._replace(COVARIANCE, [marker], stamp)

    def clear(self, stamp: Time, namespaces: Iterable[str] = (LANDMARKS, INLIERS, COVARIANCE)
              ) -> MarkerArray:
        """Deletes what these namespaces have shown: when lost, all that belongs to a fix."""
        array = MarkerArray()
        for namespace in namespaces:
            array.markers += self._replace(namespace, [], stamp).markers
        return array

    def _number(self, ids: Iterable[str]) -> None:
        """A tile keeps its number as long as it is shown; the others' are free again."""
        wanted = dict.fromkeys(ids)
        kept = {id: number for id, number in self._numbers.items() if id in wanted}
        taken = set(kept.values())
        free = (number for number in count() if number not in taken)
        self._numbers = {id: kept[id] if id in kept else next(free) for id in wanted}

    def _replace(self, namespace: str, markers: list[Marker], stamp: Time) -> MarkerArray:
        """These instead of what the namespace has shown so far."""
        now = {(namespace, marker.id) for marker in markers}
        gone = sorted(key for key in self._shown - now if key[0] == namespace)
        self._shown = self._shown - set(gone) | now
        deleted = []
        for _, number in gone:
            marker = Marker(ns=namespace, id=number, action=Marker.DELETE)
            marker.header.frame_id, marker.header.stamp = self.frame, stamp
            deleted.append(marker)
        return MarkerArray(markers=deleted + markers)

    def _marker(self, namespace: str, number: int, kind: int, stamp: Time, colour: Colour,
                lifetime: Duration | None = None) -> Marker:
        marker = Marker(ns=namespace, id=number, type=kind, action=Marker.ADD,
                        color=ColorRGBA(r=colour[0], g=colour[1], b=colour[2], a=colour[3]))
        marker.header.frame_id, marker.header.stamp = self.frame, stamp
        marker.lifetime = lifetime or Duration()  # zero: until it is deleted
        marker.pose.orientation.w = 1.0
        return marker


def _points(points: Doubles, most: int) -> list[Point]:
    """The finite ones, thinned evenly to `most`: a cut would show one corner of the image."""
    finite = points[np.isfinite(points).all(axis=1)]
    if len(finite) > most:
        finite = finite[np.linspace(0, len(finite) - 1, most).astype(int)]
    return [Point(x=x, y=y, z=z) for x, y, z in np.asarray(finite, np.float64).tolist()]


def _thickness(points: Doubles) -> float:
    """Of points, map units: a small part of how far they spread, whatever the map's unit."""
    finite = points[np.isfinite(points).all(axis=1)]
    if len(finite) < 2:
        return 0.02
    return float(np.clip(0.004 * np.median(np.linalg.norm(
        finite - np.median(finite, axis=0), axis=1)), 1e-3, 0.1))


def _ellipsoid(covariance: Doubles) -> tuple[Doubles, tuple[float, float, float]] | None:
    """(axes [3 x 3] as columns, right-handed; their lengths, map units), None of what is none."""
    if not np.isfinite(covariance).all():
        return None
    variances, axes = np.linalg.eigh((covariance + covariance.T) / 2)
    if np.linalg.det(axes) < 0:  # a reflection is no rotation
        axes = axes * np.array([1.0, 1.0, -1.0])
    # rviz draws nothing, and complains, where a length is zero
    lengths = 2 * NINETY_FIVE * np.sqrt(np.clip(variances, 0, None))
    a, b, c = np.clip(lengths, 1e-3, WIDEST).tolist()
    return axes, (a, b, c)
