"""Which voxels to decode: those in the prior's view, or what similar views saw when lost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmap_reloc.camera import pinhole_params
from nmap_reloc.maps.retrieval import RetrievalIndex
from nmap_reloc.representations.base import Loaded
from nmap_reloc.types import Camera, Features, Ints, PosePrior
from nmap_reloc.undistort import undistort

SIMILAR_VIEWS = 10  # whose voxels are activated when lost
SIGMAS = 3.0  # of the prior's uncertainty by which its view is widened
RADII = 16  # points from the centre to a corner at which a lens is looked through


def select(active: Loaded, index: RetrievalIndex | None, features: Features, camera: Camera,
           prior: PosePrior | None, most: int) -> Ints | None:
    """Indices of at most `most` voxels, None for all of them (paper, section 3.4: small scenes
    need no choice)."""
    if prior is not None:  # whatever the camera can't see costs time and invites wrong answers
        return in_view(active, camera, prior, most)
    if len(active) <= most:
        return None
    if index is None or not len(index.descriptors) or not len(features.global_descriptor):
        return None
    return index.select(features.global_descriptor, SIMILAR_VIEWS)[0][:most].astype(np.int32)


def in_view(active: Loaded, camera: Camera, prior: PosePrior, most: int) -> Ints:
    """Voxels that the prior's camera sees, give or take its uncertainty; the nearest first.

    A voxel counts as a ball around its centre.
    """
    inside = prior.map_from_camera.inverse().apply(active.centres)  # in the camera's frame
    position = float(np.sqrt(np.linalg.eigvalsh(prior.covariance[:3, :3])[-1]))
    turn = float(np.sqrt(np.linalg.eigvalsh(prior.covariance[3:, 3:])[-1]))
    distance = np.linalg.norm(inside, axis=1)
    reach = active.side * 3 ** 0.5 / 2 + SIGMAS * (position + turn * distance)
    corners = np.array([[0, 0], [camera.width, 0], [0, camera.height],
                        [camera.width, camera.height]], np.float64)
    half = _half_angle(camera, corners)
    angle = np.arctan2(np.linalg.norm(inside[:, :2], axis=1), inside[:, 2])
    near = distance <= reach
    slack = np.arcsin(np.clip(reach / np.maximum(distance, 1e-9), 0, 1))
    seen = np.flatnonzero(near | (angle <= half + slack))
    return seen[np.argsort(distance[seen], kind="stable")][:most].astype(np.int32)


def _half_angle(camera: Camera, corners: npt.NDArray[np.float64]) -> float:
    """The widest angle from the axis to a corner, radians; pi where a corner has no ray."""
    _, _, cx, cy = pinhole_params(camera)
    outward = np.linspace(0, 1, RADII)[:, None, None]
    points = (1 - outward) * np.array([cx, cy]) + outward * corners  # [RADII x 4 x 2]
    rays = np.linalg.norm(undistort(points.reshape(-1, 2), camera), axis=1).reshape(RADII, -1)
    # Beyond a fisheye's circle the model folds back: there the rays no longer go outward.
    if not np.isfinite(rays).all() or (np.diff(rays, axis=0) < 0).any():
        return float(np.pi)
    return float(np.arctan(rays).max())
