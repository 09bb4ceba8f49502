"""Third stage: landmarks from matches at known poses, by pycolmap, and only the sound ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pycolmap

from nmap_reloc.camera import project, to_pycolmap
from nmap_reloc.mapping.colmap import (
    colmap_from,
    image_name,
    quietly,
    scratch,
    write_database,
)
from nmap_reloc.mapping.extract import Shot
from nmap_reloc.mapping.match import Matches
from nmap_reloc.types import Doubles, Ints

REPROJECTION = 2.0  # pixels: an observation further off is dropped
ANGLE = 1.0  # degrees between the two rays most apart: less has no depth


@dataclass(frozen=True)
class Points:
    """positions [L x 3]; observations [O x 3] of (shot, keypoint, point); errors [O] pixels."""

    positions: Doubles
    observations: Ints
    errors: Doubles

    def mean_errors(self) -> Doubles:
        """[L] pixels: over each point's observations."""
        owner, count = self.observations[:, 2], len(self.positions)
        return np.asarray(np.bincount(owner, self.errors, count)
                          / np.maximum(np.bincount(owner, minlength=count), 1))

    @staticmethod
    def nothing() -> Points:
        return Points(np.zeros((0, 3)), np.zeros((0, 3), np.int32), np.zeros(0))


def reconstruct(shots: Sequence[Shot], matches: Matches, tolerance: float = REPROJECTION,
                two_view: bool = True) -> pycolmap.Reconstruction:
    """Triangulated tracks at the shots' poses; image ids are shot indices + 1."""
    model = pycolmap.Reconstruction()
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = options.triangulation.random_seed = 0
    options.triangulation.ignore_two_view_tracks = not two_view
    options.triangulation.min_angle = options.mapper.filter_min_tri_angle = ANGLE
    options.triangulation.merge_max_reproj_error = 2 * tolerance
    options.triangulation.complete_max_reproj_error = 2 * tolerance
    options.mapper.filter_max_reproj_error = 2 * tolerance
    options.extract_colors = False
    with scratch() as path:
        ids = write_database(path / "database.db", shots, matches, verified=True)
        for camera_id in sorted(set(ids)):
            camera = to_pycolmap(shots[ids.index(camera_id)].camera, camera_id)
            model.add_camera_with_trivial_rig(camera)
        for i, shot in enumerate(shots):
            assert shot.map_from_camera is not None
            image = pycolmap.Image(name=image_name(i), camera_id=ids[i], image_id=i + 1)
            model.add_image_with_trivial_frame(image, colmap_from(shot.map_from_camera))
        with quietly():
            return pycolmap.triangulate_points(model, path / "database.db", path, path,
                                               options=options)


def sound_points(shots: Sequence[Shot], model: pycolmap.Reconstruction) -> Points:
    """The model's points after the filters: reprojection, one keypoint a view, angle."""
    ids = sorted(model.points3D)
    positions = np.array([model.points3D[i].xyz for i in ids], np.float64).reshape(-1, 3)
    observations: Ints = np.array([(e.image_id - 1, e.point2D_idx, k) for k, i in enumerate(ids)
                                   for e in model.points3D[i].track.elements],
                                  np.int32).reshape(-1, 3)
    errors = _errors(shots, positions, observations)
    kept = errors <= REPROJECTION
    observations, errors = observations[kept], errors[kept]
    # One landmark is one place in a view: of two keypoints the one nearer to it stays.
    order = np.lexsort((errors, observations[:, 2], observations[:, 0]))
    _, first = np.unique(observations[order][:, [0, 2]], axis=0, return_index=True)
    nearest = order[first]
    observations, errors = observations[nearest], errors[nearest]
    wide = _widest_angles(shots, positions, observations) >= ANGLE
    kept = wide[observations[:, 2]]
    observations, errors = observations[kept], errors[kept]
    used, renumbered = np.unique(observations[:, 2], return_inverse=True)
    numbered = np.column_stack([observations[:, :2], renumbered.reshape(-1)])
    return Points(positions[used], numbered.astype(np.int32), errors)


def _errors(shots: Sequence[Shot], positions: Doubles,
            observations: Ints) -> Doubles:
    """[O] pixels between where a point projects and its keypoint; infinite behind the camera."""
    errors = np.full(len(observations), np.inf)
    for i, shot in enumerate(shots):
        assert shot.map_from_camera is not None
        mine = np.flatnonzero(observations[:, 0] == i)
        local = shot.map_from_camera.inverse().apply(positions[observations[mine, 2]])
        keypoints = shot.features.keypoints[observations[mine, 1]]
        errors[mine] = np.linalg.norm(project(shot.camera, local) - keypoints, axis=1)
    return errors


def _widest_angles(shots: Sequence[Shot], positions: Doubles,
                   observations: Ints) -> Doubles:
    """[L] degrees between a point's two rays most apart; 0 for fewer than two observations."""
    centres = np.array([s.map_from_camera.translation for s in shots
                        if s.map_from_camera is not None]).reshape(-1, 3)
    rays = centres[observations[:, 0]] - positions[observations[:, 2]]
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
    angles = np.zeros(len(positions))
    order = np.argsort(observations[:, 2], kind="stable")
    starts = np.flatnonzero(np.diff(observations[order, 2], prepend=-1))
    for group in np.split(order, starts[1:]) if len(order) else []:
        cosine = np.clip((rays[group] @ rays[group].T).min(), -1, 1)
        angles[observations[group[0], 2]] = np.degrees(np.arccos(cosine))
    return angles
