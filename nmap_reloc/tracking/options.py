"""What the tracker believes of the robot's motion, and when it changes its mind."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrackerOptions:
    """Lengths in map units (metres), angles in radians, times in seconds, deviations one sigma."""

    confirm_fixes: int = 3           # fixes that agree before a first pose or a jump is believed
    suspect_frames: int = 20         # frames without a fix until LOST
    suspect_seconds: float = 5.0     # and at most so long
    max_gap: float = 2.0             # between two fixes that may confirm each other
    max_position_sigma: float = 1.0  # of the predicted position; beyond it LOST
    jitter_position: float = 0.02    # of a fix against odometry, whatever the motion
    jitter_rotation: float = 0.01
    drift_position: float = 0.05     # of odometry, per unit of length travelled
    drift_heading: float = 0.02      # rotation per unit of length travelled
    drift_rotation: float = 0.05     # rotation per radian turned
    max_speed: float = 1.5           # where there is no odometry: one sigma of the motion
    max_turn_rate: float = 1.0       # likewise, radians per second
    max_distance: float = 22.46      # squared Mahalanobis; 99.9 % of chi^2 with 6
