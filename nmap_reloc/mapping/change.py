"""What new posed images say of old landmarks: which are gone, which still stand, what is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from nmap_reloc.geometry import Rigid
from nmap_reloc.guided import Seen, match_near, on_plane
from nmap_reloc.mapping.extract import Progress, Shot
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.mapping.match import POSED, Matches, match
from nmap_reloc.mapping.pairs import pairs_by_pose
from nmap_reloc.mapping.points import REPROJECTION, Points, reconstruct, sound_points
from nmap_reloc.mapping.triangulate import view_of
from nmap_reloc.types import Doubles, Ints

# Cosine from which a keypoint is the landmark: with descriptors exchanged between landmarks 4 % of
# the sightings that are expected come about by chance.
ALIKE = {"sift": 0.8, "learned": 0.6}
RADIUS = 6.0  # pixels around where a landmark should be that are searched for it
BORDER = 2.0  # percent of the keypoints on each side beyond which nothing need be seen
TURN = 20.0  # degrees from a direction from which a landmark was seen: there it is seen again
CLOSER = 1.5  # times nearer or farther than it was seen, likewise
AROUND = 16  # landmarks nearest to one, whose fate it shares: alone it may be missed
EXPECTED = 6.0  # sightings of these by the new views, going by how often the old ones had them
FOUND = 0.25  # of the expected sightings: with fewer what was there is gone
KEPT = 0.5  # of a view's landmarks: with fewer left its picture is of the past
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Change:
    """landmarks: those that stand, then the new ones. fresh [L]: new, or seen by a new view.
    gone [K x 3]: positions of those that are no more. outdated: views that were dropped."""

    landmarks: Landmarks
    fresh: Mask
    gone: Doubles
    outdated: int


def revise(old: Landmarks, mapped: Sequence[Shot], checks: Sequence[Shot],
           progress: Progress) -> Change:
    """mapped: new shots whose poses are in the frame of the old landmarks; checks: held out.

    What was seen around a landmark is gone when the new views should have seen much of it again
    and did not: a place that is visited again replaces what its old views saw there, and what no
    new view looks at stays. A standing landmark keeps its position. New ones are triangulated
    from new views alone.
    """
    hits, expected, seen = _look(old, mapped, progress)
    lost = _gone(old.positions, hits, expected)
    views, outdated = _standing(old.views, lost)
    points = _new_points(mapped, seen, old.features, progress)
    fresh_views = [_with_new(shot, known, points, i, len(old))
                   for i, (shot, known) in enumerate(zip(mapped, seen, strict=True))]
    held_out = [view for view in old.held_out if not _beside(view, old.views, outdated)]
    held_out += [view_of(shot, np.full(len(shot.features), -1, np.int32)) for shot in checks]
    merged = replace(
        old, positions=np.concatenate([old.positions, points.positions]),
        errors=np.concatenate([old.errors, points.mean_errors()]).astype(np.float32),
        views=(*views, *fresh_views), held_out=tuple(held_out))
    touched = np.concatenate([hits > 0, np.ones(len(points.positions), bool)])
    landmarks, kept = _compact(merged)
    return Change(landmarks, touched[kept], old.positions[lost], int(outdated.sum()))


def _look(old: Landmarks, mapped: Sequence[Shot], progress: Progress
          ) -> tuple[Ints, Doubles, list[Ints]]:
    """hits [L]: new views that see each landmark; expected [L]: how many should, going by how
    many of the old ones did; per shot, the landmark of each keypoint: -1 none, -2 one that is
    there but too far off to be an observation."""
    described = old.mean_descriptors()
    rays = _Rays.of(old)
    hits, chances = np.zeros(len(old), np.int32), np.zeros(len(old), np.int32)
    known: list[Ints] = []
    for shot in progress(mapped, "what still stands", total=len(mapped)):
        assert shot.map_from_camera is not None
        seen = Seen.of(shot.features, shot.camera)
        found = match_near(seen, shot.map_from_camera, old.positions, described, RADIUS,
                           ALIKE[old.features])
        hits[found.landmarks] += 1
        chances += rays.in_sight(shot.map_from_camera, seen, old.positions)
        mine = np.full(len(shot.features), -1, np.int32)
        mine[found.keypoints] = np.where(found.distance <= REPROJECTION, found.landmarks, -2)
        known.append(mine)
    before = np.zeros(len(old), np.int32)
    for view in old.views:
        before += rays.in_sight(view.map_from_camera, Seen.of(view, view.camera), old.positions)
    rate = np.asarray(old.track_lengths / np.maximum(before, old.track_lengths), np.float64)
    return hits, chances * rate, known


def _gone(positions: Doubles, hits: Ints, expected: Doubles) -> Mask:
    """[L]: not seen again, and neither are the landmarks around."""
    around = cKDTree(positions).query(positions, min(AROUND, len(positions)))[1]
    should, did = expected[around].sum(1), hits[around].sum(1)
    return (hits == 0) & (expected > 0) & (should >= EXPECTED) & (did < FOUND * should)


@dataclass(frozen=True)
class _Rays:
    """From where landmarks were seen: owner [O], direction [O x 3] to the camera, distance [O]."""

    owner: Ints
    direction: Doubles
    distance: Doubles

    @staticmethod
    def of(landmarks: Landmarks) -> _Rays:
        owner = np.concatenate([v.landmarks[v.landmarks >= 0] for v in landmarks.views])
        centres = np.concatenate([np.tile(v.map_from_camera.translation,
                                          (int((v.landmarks >= 0).sum()), 1))
                                  for v in landmarks.views])
        away = centres - landmarks.positions[owner]
        distance = np.linalg.norm(away, axis=1)
        return _Rays(owner, away / np.maximum(distance, 1e-12)[:, None], distance)

    def in_sight(self, map_from_camera: Rigid, seen: Seen, positions: Doubles) -> Mask:
        """[L]: amid the keypoints of the picture, from about where it was seen before."""
        low, high = np.nanpercentile(seen.normalized, (BORDER, 100 - BORDER), axis=0)
        plane, _ = on_plane(map_from_camera, positions)
        inside = ((plane > low) & (plane < high)).all(1)
        mine = np.flatnonzero(inside[self.owner])
        away = map_from_camera.translation - positions[self.owner[mine]]
        distance = np.linalg.norm(away, axis=1)
        cosine = (away * self.direction[mine]).sum(1) / np.maximum(distance, 1e-12)
        ratio = distance / np.maximum(self.distance[mine], 1e-12)
        alike = (cosine >= np.cos(np.radians(TURN))) & (ratio <= CLOSER) & (ratio >= 1 / CLOSER)
        result = np.zeros(len(positions), bool)
        result[self.owner[mine[alike]]] = True
        return result


def _standing(views: Sequence[View], lost: Mask) -> tuple[list[View], Mask]:
    """The views without what is lost, and which [V] were dropped since too little is left."""
    kept, outdated = [], np.zeros(len(views), bool)
    for i, view in enumerate(views):
        seen = view.landmarks >= 0
        gone = seen & lost[np.maximum(view.landmarks, 0)]
        if seen.any() and gone.sum() > (1 - KEPT) * seen.sum():
            outdated[i] = True
        else:
            kept.append(replace(view, landmarks=np.where(gone, -1, view.landmarks)))
    return kept, outdated


def _new_points(mapped: Sequence[Shot], known: Sequence[Ints], features: str,
                progress: Progress) -> Points:
    """Triangulated from keypoints that see no old landmark."""
    poses = [shot.map_from_camera for shot in mapped if shot.map_from_camera is not None]
    if len(poses) < 2:
        return Points.nothing()
    found = match(mapped, pairs_by_pose(poses), POSED, features, progress)
    unknown: Matches = {}
    for (a, b), pairs in found.items():
        free = (known[a][pairs[:, 0]] == -1) & (known[b][pairs[:, 1]] == -1)
        if free.any():
            unknown[a, b] = pairs[free]
    return sound_points(mapped, reconstruct(mapped, unknown)) if unknown else Points.nothing()


def _with_new(shot: Shot, known: Ints, points: Points, index: int, first: int) -> View:
    """The view of a new shot; new points are counted from `first`."""
    landmarks = np.maximum(known, -1)
    mine = points.observations[points.observations[:, 0] == index]
    landmarks[mine[:, 1]] = mine[:, 2] + first
    return view_of(shot, landmarks)


def _beside(view: View, views: Sequence[View], outdated: Mask) -> bool:
    """Whether what this held-out view saw is of the past: its nearest mapped view is."""
    centres = np.array([v.map_from_camera.translation for v in views])
    axes = np.array([v.map_from_camera.rotation[:, 2] for v in views])
    away = np.linalg.norm(centres - view.map_from_camera.translation, axis=1)
    turned = axes @ view.map_from_camera.rotation[:, 2]
    alike = np.flatnonzero(turned >= np.cos(np.radians(2 * TURN)))
    among = alike if len(alike) else np.arange(len(views))
    return bool(outdated[among[away[among].argmin()]])


def _compact(landmarks: Landmarks) -> tuple[Landmarks, Mask]:
    """Without those that no view observes, renumbered; which [L] stay."""
    counts = np.bincount(np.concatenate([v.landmarks[v.landmarks >= 0]
                                         for v in landmarks.views]), minlength=len(landmarks))
    kept = counts > 0
    whole = replace(landmarks, track_lengths=counts.astype(np.int32))
    return whole.subset(np.flatnonzero(kept)), kept
