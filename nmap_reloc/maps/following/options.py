"""How far around the robot, how far ahead, and within which memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FollowOptions:
    """Lengths in map units, times in seconds, memory in bytes of one set of loaded tiles."""

    radius: float = 30.0             # tiles so near to the robot or its path are wanted
    hysteresis: float = 10.0         # beyond radius + this a held tile is dropped
    lookahead: float = 5.0           # the path is predicted so far
    planar: bool = False             # distances in x, y only
    memory: int = 256_000_000
    max_tiles_without_pose: int = 16
    pose_timeout: float = 10.0       # an older pose says nothing any more
    search_dwell: float = 8.0        # per group of tiles when nothing is known
    velocity_window: float = 1.0
    max_speed: float = 15.0          # what is faster is a jump, not travel
