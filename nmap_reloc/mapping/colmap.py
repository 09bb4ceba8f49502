"""Our shots and poses as COLMAP's, and back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pycolmap

from nmap_reloc.camera import to_pycolmap
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.extract import Shot
from nmap_reloc.mapping.match import Matches


@contextmanager
def quietly() -> Iterator[None]:
    """COLMAP reports every image to stderr; only its errors are for people."""
    before = pycolmap.logging.minloglevel
    pycolmap.logging.minloglevel = 2
    try:
        yield
    finally:
        pycolmap.logging.minloglevel = before


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for COLMAP's own files, gone afterwards. NmapError when its disk is full."""
    try:
        with tempfile.TemporaryDirectory(prefix="nmap-") as folder:
            yield Path(folder)
    except OSError as error:
        raise NmapError(f"temporary folder {tempfile.gettempdir()}: {error.strerror or error}; "
                        "free space there or set TMPDIR") from error
    except RuntimeError as error:
        if "sqlite" not in str(error).lower():
            raise
        raise NmapError(f"temporary folder {tempfile.gettempdir()}: no room for COLMAP's "
                        "database; free space there or set TMPDIR") from error


def image_name(i: int) -> str:
    """What COLMAP calls shot i: its lists are split at spaces, which our names may have."""
    return f"{i:06d}"


def colmap_from(pose: Rigid) -> pycolmap.Rigid3d:
    """map_from_camera -> COLMAP's camera_from_world."""
    inverse = pose.inverse()
    return pycolmap.Rigid3d(pycolmap.Rotation3d(inverse.rotation), inverse.translation)


def rigid_from(cam_from_world: pycolmap.Rigid3d) -> Rigid:
    """COLMAP's camera_from_world -> map_from_camera."""
    return Rigid(np.array(cam_from_world.rotation.matrix(), np.float64),
                 np.array(cam_from_world.translation, np.float64)).inverse()


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
                camera = to_pycolmap(shot.camera, len(ids) + 1)
                ids[shot.camera] = database.write_camera(camera, use_camera_id=True)
                rig = pycolmap.Rig(rig_id=camera.camera_id)
                rig.add_ref_sensor(camera.sensor_id)
                database.write_rig(rig, use_rig_id=True)
            image = pycolmap.Image(name=image_name(i), camera_id=ids[shot.camera], image_id=i + 1)
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
