"""Third stage: landmarks from matches at known poses, by pycolmap, and only the sound ones."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pycolmap

from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.extract import Shot
from nmap_reloc.mapping.match import Matches, colmap_camera
from nmap_reloc.types import Doubles, Ints

REPROJECTION = 2.0  # pixels: an observation further off is dropped
ANGLE = 1.0  # degrees between the two rays most apart: less has no depth


@dataclass(frozen=True)
class Points:
    """positions [L x 3]; observations [O x 3] of (shot, keypoint, point); errors [O] pixels."""

    positions: Doubles
    observations: Ints
    errors: Doubles

    @staticmethod
    def nothing() -> Points:
        return Points(np.zeros((0, 3)), np.zeros((0, 3), np.int32), np.zeros(0))


def write_database(path: Path, shots: Sequence[Shot], matches: Matches,
                   verified: bool) -> list[int]:
    """A COLMAP database of keypoints and matches; returns each shot's camera id (image id: + 1).

    verified: the matches already agree with known poses, and count as two-view inliers.
    """
    database = pycolmap.Database.open(path)
    with pycolmap.DatabaseTransaction(database):
        ids: dict[object, int] = {}
        for i, shot in enumerate(shots):
            if shot.camera not in ids:
                camera = colmap_camera(shot.camera)
                camera.camera_id = len(ids) + 1
                ids[shot.camera] = database.write_camera(camera, use_camera_id=True)
                rig = pycolmap.Rig(rig_id=camera.camera_id)
                rig.add_ref_sensor(camera.sensor_id)
                database.write_rig(rig, use_rig_id=True)
            image = pycolmap.Image(name=shot.name, camera_id=ids[shot.camera], image_id=i + 1)
            database.write_image(image, use_image_id=True)
            frame = pycolmap.Frame(frame_id=i + 1, rig_id=ids[shot.camera])
            frame.add_data_id(image.data_id)
            database.write_frame(frame, use_frame_id=True)
            database.write_keypoints(i + 1, shot.features.keypoints)
        for (a, b), pairs in matches.items():
            database.write_matches(a + 1, b + 1, pairs.astype(np.uint32))
            if verified:
                geometry = pycolmap.TwoViewGeometry()
                geometry.config = int(pycolmap.TwoViewGeometryConfiguration.CALIBRATED)
                geometry.inlier_matches = pairs.astype(np.uint32)
                database.write_two_view_geometry(a + 1, b + 1, geometry)
    database.close()
    return [ids[shot.camera] for shot in shots]


def colmap_from(pose: Rigid) -> pycolmap.Rigid3d:
    """map_from_camera -> COLMAP's camera_from_world."""
    inverse = pose.inverse()
    return pycolmap.Rigid3d(pycolmap.Rotation3d(inverse.rotation), inverse.translation)


def rigid_from(cam_from_world: pycolmap.Rigid3d) -> Rigid:
    """COLMAP's camera_from_world -> map_from_camera."""
    return Rigid(np.array(cam_from_world.rotation.matrix(), np.float64),
                 np.array(cam_from_world.translation, np.float64)).inverse()


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
    with tempfile.TemporaryDirectory(prefix="nmap-") as folder:
        path = Path(folder)
        ids = write_database(path / "database.db", shots, matches, verified=True)
        for camera_id in sorted(set(ids)):
            camera = colmap_camera(shots[ids.index(camera_id)].camera)
            camera.camera_id = camera_id
            model.add_camera_with_trivial_rig(camera)
        for i, shot in enumerate(shots):
            assert shot.map_from_camera is not None
            image = pycolmap.Image(name=shot.name, camera_id=ids[i], image_id=i + 1)
            model.add_image_with_trivial_frame(image, colmap_from(shot.map_from_camera))
        return pycolmap.triangulate_points(model, path / "database.db", path, path,
                                           options=options)


def sound_points(shots: Sequence[Shot], model: pycolmap.Reconstruction) -> Points:
    """The model's points after the filters: reprojection, one keypoint a view, angle."""
    ids = sorted(model.points3D)
    positions = np.array([model.points3D[i].xyz for i in ids], np.float64).reshape(-1, 3)
    observations = np.array([(e.image_id - 1, e.point2D_idx, k) for k, i in enumerate(ids)
                             for e in model.points3D[i].track.elements], np.int64).reshape(-1, 3)
    errors = _errors(shots, positions, observations)
    kept = errors <= REPROJECTION
    observations, errors = observations[kept], errors[kept]
    # One landmark is one place in a view: of two keypoints the one nearer to it stays.
    order = np.lexsort((errors, observations[:, 2], observations[:, 0]))
    _, first = np.unique(observations[order][:, [0, 2]], axis=0, return_index=True)
    observations, errors = observations[order][first], errors[order][first]
    wide = _widest_angles(shots, positions, observations) >= ANGLE
    kept = wide[observations[:, 2]]
    observations, errors = observations[kept], errors[kept]
    used, renumbered = np.unique(observations[:, 2], return_inverse=True)
    observations = np.column_stack([observations[:, :2], renumbered.reshape(-1)])
    return Points(positions[used], observations.astype(np.int32), errors)


def _errors(shots: Sequence[Shot], positions: Doubles,
            observations: npt.NDArray[np.int64]) -> Doubles:
    """[O] pixels between where a point projects and its keypoint; infinite behind the camera."""
    errors = np.full(len(observations), np.inf)
    for i, shot in enumerate(shots):
        assert shot.map_from_camera is not None
        mine = np.flatnonzero(observations[:, 0] == i)
        local = shot.map_from_camera.inverse().apply(positions[observations[mine, 2]])
        ahead = local[:, 2] > 1e-9
        mine, local = mine[ahead], local[ahead]
        if len(mine):
            seen = np.asarray(colmap_camera(shot.camera).img_from_cam(local), np.float64)
            keypoints = shot.features.keypoints[observations[mine, 1]]
            errors[mine] = np.linalg.norm(seen - keypoints, axis=1)
    return np.where(np.isfinite(errors), errors, np.inf)


def _widest_angles(shots: Sequence[Shot], positions: Doubles,
                   observations: npt.NDArray[np.int64]) -> Doubles:
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
