"""The camera robot: its frames, after REP-103 and REP-105, and where its camera sits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Doubles

MAP, ODOM, BASE = "map", "odom", "base_link"
LINK, OPTICAL = "camera_link", "camera_optical_frame"
# x ahead, y left, z up -> x right, y down, z ahead.
LINK_FROM_OPTICAL = Rigid(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.zeros(3))


@dataclass(frozen=True)
class Robot:
    """base_from_link: its camera on its base. planar: it drives on the ground, z = 0."""

    base_from_link: Rigid
    planar: bool

    @property
    def base_from_optical(self) -> Rigid:
        return self.base_from_link @ LINK_FROM_OPTICAL


def standing(place: Doubles, yaw: float) -> Rigid:
    """map_from_base of a robot on the ground at ``place`` [2], turned by ``yaw`` radians."""
    c, s = np.cos(yaw), np.sin(yaw)
    return Rigid(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]), np.append(place, 0.0))


def _tilted(yaw: float, pitch: float, translation: tuple[float, float, float]) -> Rigid:
    """Turned to the left by yaw, upwards by pitch."""
    c, s = np.cos(pitch), np.sin(pitch)
    up = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    return Rigid(standing(np.zeros(2), yaw).rotation @ up, np.array(translation))


# A metre above the ground, looking ahead, a little to the left and upwards.
DRIVING = Robot(_tilted(np.radians(15), np.radians(3), (0.2, 0.0, 1.0)), planar=True)
# A camera in somebody's hand: the base is the camera.
HANDHELD = Robot(Rigid.identity(), planar=False)
