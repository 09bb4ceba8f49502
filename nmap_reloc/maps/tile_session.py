"""An opened map whose tiles follow the robot: what is known comes in, wishes go out. No ROS."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.following import Boxes, Follower, FollowOptions, Plan
from nmap_reloc.maps.handover import Handover, parse_candidates, parse_report
from nmap_reloc.maps.manifest import TileEntry
from nmap_reloc.maps.store import Site

# Memory of a loaded tile / bytes of its file, as measured; keys and values of codes are unfolded.
USUAL_FACTOR = {"neumap": 220.0, "hybrid": 220.0, "squeezer": 25.0, "landmarks": 2.5}
UNKNOWN_FACTOR = 220.0


@dataclass(frozen=True)
class SessionOptions:
    """verify: read every tile, too. factor: see Follower, 0: what is usual. Times in seconds;
    refused_retry 0: not before a reload."""

    follow: FollowOptions = FollowOptions()
    verify: bool = False
    factor: float = 0.0
    confirm_timeout: float = 5.0
    refused_retry: float = 30.0


class TileSession:
    """`now` is seconds of a clock that never goes back; stamps are of the poses' clock.

    refused: id -> reason; refused_set: why a whole set was not loaded. NmapError at the start:
    no map there, it is damaged, or no tile of it is usable.
    """

    def __init__(self, path: Path, options: SessionOptions, handover: Handover, now: float):
        self.options, self.handover = options, handover
        self.site = Site.open(path)
        self.refused = _checked(self.site, options.verify)
        self.refused_set = ""
        factor = options.factor or USUAL_FACTOR.get(self.site.manifest.representation,
                                                    UNKNOWN_FACTOR)
        self.follower = Follower(Boxes.of(self.site.manifest.tiles), options.follow, factor)
        self.plan = Plan((), 0)
        self._retry_at = dict.fromkeys(self.refused, self._retry(now))
        handover.forget()

    def change(self, options: SessionOptions) -> None:
        """New options; a new factor counts from the next map on."""
        self.options = options
        self.follower.options = options.follow

    def saw_pose(self, now: float, stamp: float, position: npt.ArrayLike) -> None:
        self.follower.saw_pose(now, stamp, position)

    def saw_candidates(self, text: str) -> None:
        """`tile_candidates` as received. NmapError."""
        self.follower.saw_candidates(*parse_candidates(text))

    def saw_loaded(self, now: float, text: str) -> None:
        """`loaded_tiles` as received. NmapError: malformed, or of another map."""
        report = parse_report(text)
        if report.site != self.site.manifest.site_id:
            raise NmapError(f"loaded_tiles of map {report.site}: tile_manager has "
                            f"{self.site.manifest.site_id}; start both nodes with the same map")
        self.handover.hear(report)
        self.follower.saw_loaded(report.tiles, report.bytes)
        wish = self.handover.wish
        if self.handover.confirmed:
            self.refused_set = ""
        if wish is not None and report.failed in (None, wish.generation):
            self._refuse(now, report.refused)

    def step(self, now: float) -> str | None:
        """Decides anew; the message for `active_tiles` where there is something to say."""
        self._try_again(now)
        self.follower.unusable = frozenset(self.refused)
        self.plan = self.follower.plan(now)
        text = None
        if self.plan.tiles:  # an empty set could not be loaded: the last one stays
            text = self.handover.want(now, self.site, self.plan.tiles)
        return text or self.handover.resend(now, self.options.confirm_timeout)

    def reload(self, now: float) -> str:
        """Reads the manifest again and says what is new. NmapError: the old map stays."""
        new = Site.open(self.site.path)
        old = self.site.manifest
        if new.manifest.site_id != old.site_id:
            raise NmapError(f"{new.path}: holds map {new.manifest.site_id}, not {old.site_id}; "
                            "to change to another map, clean up and configure again")
        refused = _checked(new, self.options.verify)
        self.site, self.refused, self.refused_set = new, refused, ""
        self._retry_at = dict.fromkeys(refused, self._retry(now))
        self.follower.changed(Boxes.of(new.manifest.tiles))
        return _difference(old.tiles, new.manifest.tiles, old.map_version,
                           new.manifest.map_version)

    def complaint(self, now: float, lag_warn: float) -> str | None:
        """What the robot's owner should read in the log, in one line."""
        lag, plan, handover = self.plan.lag, self.plan, self.handover
        if lag is not None and lag.seconds > lag_warn:
            return (f"travelling at {lag.speed:.2g} m/s, faster than tiles load: in tile "
                    f"{lag.tile} for {lag.seconds:.1f} s, and it is not loaded; drive slower, or "
                    "raise radius or lookahead")
        if plan.left_out:
            return (f"{len(plan.left_out)} of {len(plan.left_out) + len(plan.tiles)} wanted tiles "
                    "do not fit in memory; raise memory_budget or lower radius")
        if handover.resent and not handover.confirmed:
            return (f"no answer to generation {handover.wish.generation if handover.wish else -1} "
                    f"for {handover.waiting(now):.0f} s; is reloc_node running, with the "
                    "parameter tiles set to managed and the topics connected?")
        return None

    def _retry(self, now: float) -> float:
        return now + self.options.refused_retry if self.options.refused_retry > 0 else math.inf

    def _refuse(self, now: float, refused: tuple[tuple[str, str], ...]) -> None:
        for tile, reason in refused:
            if tile in self.follower.boxes.rows:
                self.refused[tile] = reason
                self._retry_at[tile] = self._retry(now)
            else:
                self.refused_set = reason

    def _try_again(self, now: float) -> None:
        """What was refused may have been repaired."""
        for tile in [tile for tile in self.refused if now >= self._retry_at[tile]]:
            reason = _amiss(self.site, self.site.manifest.tile(tile), self.options.verify)
            if reason is None:
                del self.refused[tile], self._retry_at[tile]
            else:
                self.refused[tile] = reason
                self._retry_at[tile] = self._retry(now)


def _checked(site: Site, verify: bool) -> dict[str, str]:
    """The tiles that can't be used and why. NmapError: none can."""
    found = {entry.id: reason for entry in site.manifest.tiles
             if (reason := _amiss(site, entry, verify)) is not None}
    if len(found) == len(site.manifest.tiles):
        raise NmapError(next(iter(found.values())))
    return found


def _amiss(site: Site, entry: TileEntry, verify: bool) -> str | None:
    """What is wrong with a tile's file, None where nothing is seen to be."""
    file = site.path / entry.file
    try:
        if verify or file.stat().st_size != entry.bytes:
            site.read(entry)  # says what is wrong, and what to do
    except NmapError as error:
        return str(error)
    except OSError as error:
        return (f"{file}: can't be read ({error.strerror}); copy the map again or rebuild it "
                "with `nmap-reloc map build`")
    return None


def _difference(old: tuple[TileEntry, ...], new: tuple[TileEntry, ...], before: int, now: int
                ) -> str:
    hashes: Mapping[str, str] = {entry.id: entry.sha256 for entry in old}
    changed = sum(entry.id in hashes and hashes[entry.id] != entry.sha256 for entry in new)
    added = sum(entry.id not in hashes for entry in new)
    removed = len(hashes) - (len(new) - added)
    if before == now and not (changed or added or removed):
        return f"map version {now}: unchanged"
    return (f"map version {before} -> {now}: {changed} tiles changed, {added} added, {removed} "
            "removed")
