"""How a fix is carried on by odometry, and whether two fixes can both be true."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import (
    Rigid,
    angle_degrees,
    covariance_of_attached,
    pose_error,
    rotation_from_vector,
)
from nmap_reloc.tracking.options import TrackerOptions

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fix:
    """Where the robot's base was: covariance [6 x 6] as Estimate says, but of the base;
    odom_from_base at the same stamp, None where odometry has nothing to say."""

    stamp: float
    map_from_base: Rigid
    covariance: Matrix
    odom_from_base: Rigid | None


def carry(fix: Fix, stamp: float, odom_from_base: Rigid | None, options: TrackerOptions
          ) -> tuple[Rigid, Matrix]:
    """The pose at `stamp` and its covariance [6 x 6], which has grown since the fix.

    Without odometry at both ends the robot is taken to stay, uncertain by what it can travel.
    """
    elapsed = abs(stamp - fix.stamp)
    if fix.odom_from_base is None or odom_from_base is None:
        moved = Rigid.identity()
        position = options.jitter_position + options.max_speed * elapsed
        rotation = options.jitter_rotation + options.max_turn_rate * elapsed
    else:
        moved = fix.odom_from_base.inverse() @ odom_from_base
        length = float(np.linalg.norm(moved.translation))
        turned = np.radians(angle_degrees(moved, Rigid.identity()))
        position = options.jitter_position + options.drift_position * length
        rotation = (options.jitter_rotation + options.drift_heading * length
                    + options.drift_rotation * turned)
    covariance = covariance_of_attached(fix.covariance, fix.map_from_base, moved)
    growth = np.diag([position ** 2] * 3 + [rotation ** 2] * 3)
    return fix.map_from_base @ moved, covariance + growth


def disagreement(earlier: Fix, later: Fix, options: TrackerOptions) -> str | None:
    """None where both can be true, else by how much they contradict each other."""
    return contradiction(*carry(earlier, later.stamp, later.odom_from_base, options), later,
                         options)


def contradiction(predicted: Rigid, covariance: Matrix, fix: Fix, options: TrackerOptions
                  ) -> str | None:
    """The same of a fix and of where motion leads, covariance [6 x 6]."""
    error = pose_error(fix.map_from_base, predicted)
    squared = float(error @ np.linalg.solve(covariance + fix.covariance, error))
    if squared <= options.max_distance:
        return None
    turned = angle_degrees(fix.map_from_base, predicted)
    return f"{np.linalg.norm(error[:3]):.3g} m and {turned:.1f} deg off what motion predicts"


def fuse(predicted: Rigid, covariance: Matrix, fix: Fix) -> Fix:
    """The fix, improved by where motion leads: a Kalman update in the tangent of `pose_error`.

    covariance [6 x 6]: of the prediction. A weak fix (few inliers, all far away) moves the pose
    little.
    """
    gain = np.linalg.solve((covariance + fix.covariance).T, covariance.T).T
    step = gain @ pose_error(fix.map_from_base, predicted)
    pose = Rigid(rotation_from_vector(step[3:]) @ predicted.rotation,
                 predicted.translation + step[:3])
    rest = np.eye(6) - gain  # Joseph's form stays positive
    updated = rest @ covariance @ rest.T + gain @ fix.covariance @ gain.T
    return replace(fix, map_from_base=pose, covariance=updated)
