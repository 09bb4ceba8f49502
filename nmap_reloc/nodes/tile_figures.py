"""The figures of tile_manager at one moment, gathered from who knows them. No ROS."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from nmap_reloc.maps.tile_session import TileSession
from nmap_reloc.nodes.figures import TileFigures


@dataclass
class Complaints:
    """What went wrong last, when, and how many messages could not be used."""

    last: str = ""
    at: float = -math.inf
    bad_messages: int = 0

    def add(self, reason: str, now: float) -> None:
        self.last, self.at = reason, now


def tile_figures(lifecycle: str, session: TileSession | None, now: float,
                 pose_seen: float | None, complaints: Complaints) -> TileFigures:
    """pose_seen, now: seconds of one clock."""
    bare = TileFigures(lifecycle=lifecycle, bad_messages=complaints.bad_messages,
                       last_error=complaints.last, error_age=now - complaints.at)
    if session is None:
        return bare
    plan, handover, manifest = session.plan, session.handover, session.site.manifest
    wish, report = handover.wish, handover.report
    return replace(
        bare, map=str(session.site.path), site=manifest.site_id,
        map_version=manifest.map_version, tiles_total=len(manifest.tiles), mode=plan.mode,
        why=plan.why, generation=-1 if wish is None else wish.generation,
        confirmed=-1 if report is None else report.generation, waiting=handover.waiting(now),
        resent=handover.resent, tiles_wanted=len(plan.tiles),
        tiles_loaded=len(session.follower.loaded), bytes_wanted=plan.bytes,
        bytes_loaded=0 if report is None else report.bytes, left_out=plan.left_out,
        refused=dict(session.refused), refused_set=session.refused_set,
        pose_age=None if pose_seen is None else now - pose_seen, speed=plan.speed,
        lag=None if plan.lag is None else plan.lag.seconds,
        lag_tile="" if plan.lag is None else plan.lag.tile, lags=session.follower.lags)
