"""What a camera may see whose pose is known roughly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nmap_reloc.camera import pinhole_params
from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Camera, Doubles, PosePrior
from nmap_reloc.undistort import undistort

SIGMAS = 3.0  # of the prior's uncertainty by which its view is widened
SAMPLES = 16  # points of each side of the image, and from the centre to a corner, looked through
NARROW = np.radians(75)  # to a corner: a lens no wider sees a pyramid, one that is a cone


@dataclass(frozen=True)
class Outlook:
    """camera_from_map; sides [4 x 3]: inward normals of the pyramid that the image is of, None
    for a cone; half: the cone's angle from axis to side, radians; position, turn: deviations
    along the prior's least certain directions, map units and radians."""

    camera_from_map: Rigid
    sides: Doubles | None
    half: float
    position: float
    turn: float

    @staticmethod
    def of(camera: Camera, prior: PosePrior) -> Outlook:
        position, turn = (float(np.sqrt(np.linalg.eigvalsh(block)[-1])) for block in (
            prior.covariance[:3, :3], prior.covariance[3:, 3:]))
        return Outlook(prior.map_from_camera.inverse(), *_lens(camera), position, turn)

    def sees(self, points: Doubles, radius: float = 0.0) -> npt.NDArray[np.bool_]:
        """points [M x 3] map units -> [M]: whether the camera may see anything of a ball of this
        radius around them, give or take the prior's uncertainty."""
        inside = self.camera_from_map.apply(points).T
        x, y, z = inside  # columns: numpy is fast along them
        across = x * x + y * y
        distance = np.sqrt(across + z * z)
        reach = radius + SIGMAS * (self.position + self.turn * distance)
        if self.sides is not None:
            return np.asarray((self.sides @ inside).min(0) > -reach)
        angle = np.arctan2(np.sqrt(across), z)
        slack = np.arcsin(np.clip(reach / np.maximum(distance, 1e-9), 0, 1))
        return np.asarray((distance <= reach) | (angle <= self.half + slack))


@lru_cache(maxsize=16)
def _lens(camera: Camera) -> tuple[Doubles | None, float]:
    """Sides and half angle, see Outlook; pi where a corner has no ray."""
    half = _half_angle(camera)
    if half > NARROW:
        return None, half
    along = np.linspace(0, 1, SAMPLES)
    zero, one = np.zeros(SAMPLES), np.ones(SAMPLES)
    border = np.concatenate([np.c_[along, zero], np.c_[along, one], np.c_[zero, along],
                             np.c_[one, along]]) * [camera.width, camera.height]
    rays = undistort(border, camera)
    if not np.isfinite(rays).all():
        return None, half
    (left, above), (right, below) = rays.min(0), rays.max(0)
    sides = np.array([[1, 0, -left], [-1, 0, right], [0, 1, -above], [0, -1, below]])
    return sides / np.linalg.norm(sides, axis=1, keepdims=True), half


def _half_angle(camera: Camera) -> float:
    """The widest angle from the axis to a corner, radians; pi where a corner has no ray."""
    _, _, cx, cy = pinhole_params(camera)
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * [camera.width, camera.height]
    outward = np.linspace(0, 1, SAMPLES)[:, None, None]
    points = (1 - outward) * np.array([cx, cy]) + outward * corners  # [SAMPLES x 4 x 2]
    rays = np.linalg.norm(undistort(points.reshape(-1, 2), camera), axis=1).reshape(SAMPLES, -1)
    # Beyond a fisheye's circle the model folds back: there the rays no longer go outward.
    if not np.isfinite(rays).all() or (np.diff(rays, axis=0) < 0).any():
        return float(np.pi)
    return float(np.arctan(rays).max())
