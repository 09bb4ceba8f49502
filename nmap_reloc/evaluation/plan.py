"""The plan view's geometry: which way is up, and what the two axes of the plan are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Doubles

_SNAP_COSINE = np.cos(np.radians(20))  # nearer to a map axis than this: that axis is up


@dataclass(frozen=True)
class Plan:
    """axes [2 x 3]: unit vectors of the plan's right and top in the map frame; labels: names."""

    axes: Doubles
    labels: tuple[str, str]

    def flatten(self, points: npt.ArrayLike) -> Doubles:
        """points [N x 3] in the map frame -> [N x 2]."""
        return np.asarray(points, np.float64).reshape(-1, 3) @ self.axes.T


def plan_of(poses: Sequence[Rigid]) -> Plan:
    """Looks down from above, the longer side across the page, never mirrored.

    Up is where most cameras hold their upper edge (-y).
    """
    centres = np.array([pose.translation for pose in poses])
    mean_up = -np.mean([pose.rotation[:, 1] for pose in poses], axis=0)
    if np.linalg.norm(mean_up) < 0.3:  # cameras at every roll: the least spread is up
        mean_up = np.linalg.svd(centres - centres.mean(axis=0))[2][-1]
    up = mean_up / np.linalg.norm(mean_up)
    nearest = int(np.argmax(np.abs(up)))
    if abs(up[nearest]) > _SNAP_COSINE:
        return _along_map_axes(nearest, float(np.sign(up[nearest])), np.ptp(centres, axis=0))
    level = (centres - centres.mean(axis=0)) @ (np.eye(3) - np.outer(up, up))
    right = np.linalg.svd(level)[2][0]
    right -= up * (right @ up)
    right /= np.linalg.norm(right)
    return Plan(np.stack([right, np.cross(up, right)]), ("main direction", "across"))


def _along_map_axes(nearest: int, sign: float, extent: Doubles) -> Plan:
    up = np.zeros(3)
    up[nearest] = sign
    right = np.zeros(3)
    right[max((i for i in range(3) if i != nearest), key=lambda i: float(extent[i]))] = 1.0
    top = np.cross(up, right)  # right, top, up are right-handed
    return Plan(np.stack([right, top]), (_name(right), _name(top)))


def _name(axis: npt.ArrayLike) -> str:
    values = np.asarray(axis, np.float64)
    index = int(np.argmax(np.abs(values)))
    return ("−" if values[index] < 0 else "") + "xyz"[index]
