"""Parameters of the tracker: named, and by default set, as TrackerOptions."""

from __future__ import annotations

from dataclasses import dataclass

from nmap_reloc.nodes.described import described
from nmap_reloc.tracking import TrackerOptions


@dataclass(frozen=True)
class TrackerParameters:
    """LOST, TRACKING, SUSPECT: when the node changes its mind."""

    confirm_fixes: int = described(
        TrackerOptions.confirm_fixes, "Fixes that must agree with each other before a first pose, "
        "or a jump against odometry, is believed.", group="From image to image", low=1, high=100)
    suspect_frames: int = described(
        TrackerOptions.suspect_frames, "Images in a row without a fix until LOST.", low=1,
        high=1000)
    suspect_seconds: float = described(
        TrackerOptions.suspect_seconds, "Time without a fix until LOST.", unit="s", low=0.1,
        high=600.0)
    max_gap: float = described(
        TrackerOptions.max_gap, "Between two fixes that may confirm each other, at most.",
        unit="s", low=0.05, high=60.0)
    max_position_sigma: float = described(
        TrackerOptions.max_position_sigma, "Deviation of the position that odometry predicts; "
        "beyond it LOST.", unit="m", low=0.01, high=1000.0)
    jitter_position: float = described(
        TrackerOptions.jitter_position, "Deviation of a fix against odometry, whatever the "
        "motion.", unit="m", low=0.0, high=10.0)
    jitter_rotation: float = described(
        TrackerOptions.jitter_rotation, "Deviation of a fix's rotation against odometry, "
        "whatever the motion.", unit="rad", low=0.0, high=3.0)
    drift_position: float = described(
        TrackerOptions.drift_position, "Drift of odometry: position per distance travelled.",
        unit="m/m", low=0.0, high=1.0)
    drift_heading: float = described(
        TrackerOptions.drift_heading, "Drift of odometry: rotation per distance travelled.",
        unit="rad/m", low=0.0, high=1.0)
    drift_rotation: float = described(
        TrackerOptions.drift_rotation, "Drift of odometry: rotation per rotation.",
        unit="rad/rad", low=0.0, high=1.0)
    max_speed: float = described(
        TrackerOptions.max_speed, "Without odometry: speed that the robot is believed capable of "
        "(one sigma).", unit="m/s", low=0.0, high=100.0)
    max_turn_rate: float = described(
        TrackerOptions.max_turn_rate, "Without odometry: rate of turning that the robot is "
        "believed capable of (one sigma).", unit="rad/s", low=0.0, high=50.0)
    max_distance: float = described(
        TrackerOptions.max_distance, "Squared Mahalanobis distance of a fix to where motion leads "
        "from the last one, at most; beyond it, it is a jump.", low=1.0, high=10000.0)
