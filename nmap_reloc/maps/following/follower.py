"""What is known of the robot -> which tiles are wanted, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from nmap_reloc.maps.following.boxes import Boxes, Doubles
from nmap_reloc.maps.following.motion import Motion
from nmap_reloc.maps.following.options import FollowOptions

Mode = Literal["follow", "outside", "all", "candidates", "search"]
Rows = npt.NDArray[np.intp]
MOVING = 0.05  # units per second: slower is standing
TOUCHING = 1e-6  # map units


@dataclass(frozen=True)
class Lag:
    """The robot moves in a tile that was not loaded in time: seconds it has waited, speed now."""

    tile: str
    seconds: float
    speed: float


@dataclass(frozen=True)
class Plan:
    """tiles: in the order to load them; bytes: of memory, estimated; left_out: wanted, but beyond
    the memory; why: for people."""

    tiles: tuple[str, ...]
    bytes: int
    left_out: tuple[str, ...] = ()
    mode: Mode = "all"
    why: str = ""
    speed: float = 0.0
    lag: Lag | None = None


@dataclass
class Follower:
    """Deterministic: the same calls give the same plans. `now` is seconds of a clock that never
    goes back; stamps are seconds of the poses' clock.

    factor: memory of a loaded tile / bytes of its file. loaded: ids that are confirmed.
    unusable: ids not to ask for. lags: how often the robot was faster than its tiles.
    """

    boxes: Boxes
    options: FollowOptions
    factor: float = 1.0
    loaded: frozenset[str] = frozenset()
    unusable: frozenset[str] = frozenset()
    lags: int = 0
    motion: Motion = field(default_factory=Motion)
    _pose: tuple[float, float] | None = None  # now, stamp
    _candidates: tuple[float, tuple[str, ...]] = (0.0, ())  # stamp, ids best first
    _held: frozenset[str] = frozenset()
    _searching_since: float | None = None
    _lagging_since: float | None = None
    _measured: float = 0.0

    def saw_pose(self, now: float, stamp: float, position: npt.ArrayLike) -> None:
        """position [3] in the map."""
        self.motion.add(stamp, position, self.options)
        self._pose = (now, stamp)
        if stamp > self._candidates[0]:
            self._candidates = (stamp, ())  # found again

    def saw_candidates(self, stamp: float, tiles: Sequence[str]) -> None:
        """Tiles of similar views, best first, while the robot is lost; none when it is not."""
        self._candidates = (stamp, tuple(tile for tile in tiles if tile in self.boxes.rows))

    def saw_loaded(self, tiles: Iterable[str], memory: int = 0) -> None:
        """What is loaded now, and the bytes of memory that it takes where that is known."""
        self.loaded = frozenset(tile for tile in tiles if tile in self.boxes.rows)
        files = sum(self.boxes.bytes[self.boxes.rows[tile]] for tile in self.loaded)
        if memory > 0 and files > 0:
            # The largest so far: a set that fits must not cease to by having been loaded.
            self._measured = max(self._measured, float(memory / files))
            self.factor = self._measured

    def changed(self, boxes: Boxes) -> None:
        """The map was updated: these are its tiles now."""
        self.boxes = boxes
        self.saw_loaded(self.loaded)
        self.saw_candidates(*self._candidates)

    def plan(self, now: float) -> Plan:
        plan = self._choose(now)
        self._held = frozenset(plan.tiles)
        return plan

    def _choose(self, now: float) -> Plan:
        lost = bool(self._candidates[1])
        known = self._pose is not None and now - self._pose[0] <= self.options.pose_timeout
        if known and not lost:
            self._searching_since = None
            return self._follow(now)
        self._lagging_since = None
        usable = np.flatnonzero(self._usable())
        if self._memory(usable) <= self.options.memory:
            return self._made(usable, "all", "the whole map fits in memory")
        if lost:
            self._searching_since = None
            return self._near_candidates()
        return self._search(now, usable)

    def _follow(self, now: float) -> Plan:
        """Tiles within radius of the path, then those held within radius + hysteresis."""
        options, path = self.options, self.motion.path(self.options)
        away = self.boxes.distances(path, options.planar)
        away[:, ~self._usable()] = np.inf
        nearest, held = away.min(axis=0), self._is(self._held)
        wanted = nearest <= options.radius
        kept = held & (nearest <= options.radius + options.hysteresis)
        if not (wanted | kept).any():
            return self._outside(nearest, held)
        here = away[0] <= min(float(away[0].min()), options.radius) + TOUCHING
        travelled = np.linalg.norm(path - path[0], axis=1)
        first = np.argmax(away <= options.radius, axis=0)
        columns = np.arange(len(self.boxes))
        # What is held gives way only to what is nearer by the hysteresis: no swaps to and fro.
        effort = travelled[first] + away[first, columns] - options.hysteresis * held
        group = np.where(here, 0, np.where(wanted, 1, 2))
        order = np.lexsort((columns, effort, group))
        order = order[(wanted | kept)[order]]
        speed = float(np.linalg.norm(self.motion.velocity(options)))
        return self._made(order, "follow", "within reach of the robot and its path", speed,
                          self._lag(now, np.flatnonzero(here), speed))

    def _outside(self, nearest: Doubles, held: npt.NDArray[np.bool_]) -> Plan:
        """Off the map: what is there stays, so that the robot may come back to it."""
        stay = held & self._usable()
        rows = np.flatnonzero(stay) if stay.any() else np.argsort(nearest, kind="stable")[:1]
        rows = rows[np.isfinite(nearest[rows])]
        self._lagging_since = None
        return self._made(rows, "outside", f"off the map: the nearest tile is {nearest.min():.3g} "
                                           "away" if len(rows) else "no tile is usable")

    def _near_candidates(self) -> Plan:
        """Similar views first; then what is held, and what is around the last pose."""
        rows = [self.boxes.rows[tile] for tile in self._candidates[1]]
        rows += np.flatnonzero(self._is(self._held)).tolist()
        position = self.motion.position
        if position is not None:
            away = self.boxes.distances(position, self.options.planar)[0]
            rows += [row for row in np.argsort(away, kind="stable").tolist()
                     if away[row] <= self.options.radius]
        usable = self._usable()
        order = [row for row in dict.fromkeys(rows) if usable[row]]
        return self._made(np.array(order[:self.options.max_tiles_without_pose], np.intp),
                          "candidates", "lost: tiles of similar views")

    def _search(self, now: float, usable: Rows) -> Plan:
        """Nothing is known: one group of tiles after the other, from the last pose outward."""
        if self._searching_since is None:
            self._searching_since = now
        order, position = usable, self.motion.position
        if position is not None:
            away = self.boxes.distances(position, self.options.planar)[0]
            order = usable[np.argsort(away[usable], kind="stable")]
        groups = self._groups(order)
        if not groups:
            return self._made(order, "search", "no tile fits in memory")
        turn = int((now - self._searching_since) / self.options.search_dwell) % len(groups)
        return self._made(np.array(groups[turn], np.intp), "search",
                          f"the pose is unknown: group {turn + 1} of {len(groups)}")

    def _groups(self, order: Rows) -> list[list[int]]:
        groups: list[list[int]] = []
        room = 0.0
        for row in order.tolist():
            needs = self.boxes.bytes[row] * self.factor
            if needs > self.options.memory:
                continue
            if (not groups or needs > room
                    or len(groups[-1]) >= self.options.max_tiles_without_pose):
                groups.append([])
                room = float(self.options.memory)
            groups[-1].append(row)
            room -= needs
        return groups

    def _made(self, order: Rows, mode: Mode, why: str, speed: float = 0.0,
              lag: Lag | None = None) -> Plan:
        """As many as fit in memory, in this order; a smaller one may take a larger one's place."""
        taken: list[int] = []
        left: list[int] = []
        room = float(self.options.memory)
        for row in order.tolist():
            needs = self.boxes.bytes[row] * self.factor
            (taken if needs <= room else left).append(row)
            room -= needs if needs <= room else 0.0
        return Plan(self._ids(taken), int(self._memory(np.array(taken, np.intp))),
                    self._ids(left), mode, why, speed, lag)

    def _lag(self, now: float, here: Rows, speed: float) -> Lag | None:
        """The robot moved into a tile that is not loaded, though others were."""
        missing = len(here) > 0 and not self.loaded & set(self._ids(here.tolist()))
        if not missing or not self.loaded:
            self._lagging_since = None
            return None
        if self._lagging_since is None:
            if speed < MOVING:
                return None
            self._lagging_since = now
            self.lags += 1
        return Lag(self.boxes.ids[here[0]], now - self._lagging_since, speed)

    def _is(self, tiles: Iterable[str]) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(self.boxes), np.bool_)
        found[[self.boxes.rows[tile] for tile in tiles if tile in self.boxes.rows]] = True
        return found

    def _usable(self) -> npt.NDArray[np.bool_]:
        return ~self._is(self.unusable)

    def _memory(self, rows: Rows) -> float:
        return float(self.boxes.bytes[rows].sum() * self.factor)

    def _ids(self, rows: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.boxes.ids[row] for row in rows)
