"""Every parameter of tile_manager."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nmap_reloc.maps.following import FollowOptions
from nmap_reloc.maps.tile_session import SessionOptions
from nmap_reloc.nodes.described import described, expanded

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class TileManagerParameters:
    """See `described` for what each field says of itself."""

    map: str = described(
        "", "Folder of the map (manifest.json and tiles/). Read when the node is configured; a "
        "new value counts at the next configure.", group="Map")
    map_frame: str = described(
        "", "Frame of the poses and the markers; empty: the frame that the map names.")
    verify_tiles: bool = described(
        False, "On configure and reload read every tile and check its SHA-256, not only its size. "
        "The reloc node checks each tile that it loads in any case.")

    radius: float = described(
        FollowOptions.radius, "Tiles within this distance of the robot, or of where it will soon "
        "be, are loaded.", group="Which tiles", unit="m", low=0.1, high=10000.0)
    hysteresis: float = described(
        FollowOptions.hysteresis, "A loaded tile is dropped only beyond radius + hysteresis.",
        unit="m", low=0.0, high=10000.0)
    lookahead: float = described(
        FollowOptions.lookahead, "How far ahead in time the motion is continued to prefetch "
        "tiles.", unit="s", low=0.0, high=120.0)
    planar: bool = described(
        FollowOptions.planar, "Measure distances in the ground plane (x, y): for one storey. "
        "False: in space, so that the floors above and below count as far.")
    memory_budget: float = described(
        512.0, "Memory that loaded tiles may take. While a new set is built the old one stays, so "
        "a set may take half of it; the nearest tiles come first.",
        unit="MB", low=1.0, high=1e6)
    memory_factor: float = described(
        0.0, "Memory of a loaded tile / bytes of its file, until the reloc node has reported what "
        "its tiles really take. 0: what is usual for the map's representation.",
        low=0.0, high=10000.0)

    max_tiles_without_pose: int = described(
        FollowOptions.max_tiles_without_pose, "While the pose is unknown and the whole map does "
        "not fit in memory: load at most so many tiles at a time, those of similar views first.",
        group="Without a pose", low=1, high=10000)
    pose_timeout: float = described(
        FollowOptions.pose_timeout, "Without a pose for so long, where the robot is counts as "
        "unknown.", unit="s", low=0.1, high=3600.0)
    search_dwell: float = described(
        FollowOptions.search_dwell, "While the pose is unknown and no similar view is known: time "
        "for one group of tiles before the next one is tried.", unit="s", low=0.5, high=3600.0)

    update_period: float = described(
        0.5, "How often is decided which tiles are wanted.", group="Timing", unit="s", low=0.02,
        high=60.0)
    velocity_window: float = described(
        FollowOptions.velocity_window, "Poses of this last time give the velocity.", unit="s",
        low=0.05, high=30.0)
    max_speed: float = described(
        FollowOptions.max_speed, "A pose farther off than this speed allows is a jump: nothing is "
        "predicted across it.", unit="m/s", low=0.1, high=200.0)
    confirm_timeout: float = described(
        5.0, "A set of tiles that the reloc node has not confirmed for so long is reported and "
        "sent again.", unit="s", low=0.2, high=600.0)
    refused_retry: float = described(
        30.0, "A tile that the reloc node refused is asked for again after this time; 0: only "
        "after ~/reload.", unit="s", low=0.0, high=86400.0)

    lag_warn: float = described(
        0.5, "WARN when the robot has been in a tile for so long that is not loaded yet: it "
        "travels faster than tiles load.", group="Diagnostics", unit="s", low=0.0, high=600.0)
    lag_error: float = described(
        5.0, "ERROR when it has been there, not loaded, for so long.", unit="s", low=0.0,
        high=600.0)

    @classmethod
    def check(cls, values: TileManagerParameters) -> str | None:
        """What one field alone can't tell."""
        if values.lag_error < values.lag_warn:
            return (f"parameter lag_error {values.lag_error:g}: less than lag_warn "
                    f"({values.lag_warn:g}); choose at least that")
        return None

    def follow_options(self) -> FollowOptions:
        """memory: of one set; there are two of them during a swap."""
        return FollowOptions(
            self.radius, self.hysteresis, self.lookahead, self.planar,
            int(self.memory_budget * MEGABYTE / 2), self.max_tiles_without_pose,
            self.pose_timeout, self.search_dwell, self.velocity_window, self.max_speed)

    def session_options(self) -> SessionOptions:
        return SessionOptions(self.follow_options(), self.verify_tiles, self.memory_factor,
                              self.confirm_timeout, self.refused_retry)

    def map_path(self) -> Path:
        return expanded(self.map)
