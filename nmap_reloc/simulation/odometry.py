"""What wheels believe: every step a little off, and the errors add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmap_reloc.geometry import Rigid, rotation_from_vector, rotation_vector
from nmap_reloc.types import Doubles


@dataclass(frozen=True)
class Drift:
    """How wrong odometry is. scale: of lengths; turn: of angles; heading: radians per unit of
    length; systematic, between half and all of it, with a sign that the seed decides.
    noise_position: units per square root of a unit travelled; noise_rotation: radians per square
    root of a unit or a radian travelled; both one sigma."""

    scale: float = 0.015
    turn: float = 0.012
    heading: float = 0.003
    noise_position: float = 0.004
    noise_rotation: float = 0.003


@dataclass(frozen=True)
class Odometry:
    """odom_from_base, one more than there were steps; steps [S x 6]: what was measured of each
    (translation, rotation vector, in the base's frame)."""

    odom_from_base: list[Rigid]
    steps: Doubles


def measured(steps: Sequence[Rigid], planar: bool, rng: np.random.Generator,
             drift: Drift | None = None) -> Odometry:
    """True steps ``before_from_after`` of the base -> what drifting odometry makes of them.

    planar: on the ground there is no error in z, roll and pitch, and little sideways.
    """
    drift = drift or Drift()
    scale, turn, heading = (rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 1.0) * size
                            for size in (drift.scale, drift.turn, drift.heading))
    shift = np.array([1.0, 0.3, 0.0]) if planar else np.ones(3)
    about = np.array([0.0, 0.0, 1.0])
    axes = about if planar else np.ones(3)
    if not planar:
        about = rng.standard_normal(3)
        about /= np.linalg.norm(about)
    at, poses, found = Rigid.identity(), [Rigid.identity()], []
    for step in steps:
        moved, turned = step.translation, rotation_vector(step.rotation)
        length, angle = float(np.linalg.norm(moved)), float(np.linalg.norm(turned))
        noise = rng.standard_normal((2, 3))
        moved = moved * (1 + scale) + drift.noise_position * np.sqrt(length) * noise[0] * shift
        turned = (turned * (1 + turn) + heading * length * about
                  + drift.noise_rotation * np.sqrt(length + angle) * noise[1] * axes)
        at = at @ Rigid(rotation_from_vector(turned), moved)
        poses.append(at)
        found.append(np.concatenate([moved, turned]))
    return Odometry(poses, np.array(found).reshape(-1, 6))
