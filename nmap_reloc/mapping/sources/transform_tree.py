"""The TF tree of a recording, asked for any two frames at any stamp."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.trajectory import Trajectory

Row = tuple[float, ...]  # stamp, x, y, z, qw, qx, qy, qz


class TransformTree:
    """Frames with one parent each; ``parent_from_child`` is static or a Trajectory over time."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._rows: dict[str, list[Row]] = {}
        self._moving: dict[str, Trajectory] = {}
        self._static: dict[str, Rigid] = {}
        self.invalid = 0

    def add(self, parent: str, child: str, row: Row, static: bool) -> None:
        """One transform as recorded. One that is not finite is dropped and counted in invalid."""
        if static:
            fixed = Trajectory(row[0], row[1:4], row[4:8])
            self.invalid += fixed.invalid
            if len(fixed):
                self._parent[child] = parent
                self._static[child] = Rigid.from_quaternion(fixed.quaternions[0],
                                                            fixed.positions[0])
            return
        self._parent[child] = parent
        self._rows.setdefault(child, []).append(row)

    def close(self) -> None:
        """To be called when all transforms are in, before any question."""
        for child, rows in self._rows.items():
            table = np.asarray(rows, np.float64)
            self._moving[child] = Trajectory(table[:, 0], table[:, 1:4], table[:, 4:8])
            self.invalid += self._moving[child].invalid
        self._rows.clear()

    @property
    def frames(self) -> list[str]:
        return sorted({*self._parent, *self._parent.values()})

    def connected(self, target: str, source: str) -> bool:
        """Whether a chain of transforms leads from source to target."""
        return self._meeting(target, source) is not None

    def is_static(self, target: str, source: str) -> bool:
        """Whether that chain never moves."""
        meeting = self._meeting(target, source)
        return meeting is not None and all(
            frame in self._static for start in (target, source)
            for frame in _until(self._ancestors(start), meeting))

    def lookup(self, target: str, source: str, stamp: float, max_gap: float, tolerance: float
               ) -> Rigid | None:
        """``target_from_source`` at a stamp in seconds; None where a link is missing or has no
        transform then (see Trajectory.at)."""
        meeting = self._meeting(target, source)
        if meeting is None:
            return None
        sides = []
        for start in (target, source):
            whole = Rigid.identity()  # meeting_from_start
            for frame in _until(self._ancestors(start), meeting):
                link = self._static.get(frame)
                if link is None:
                    link = self._moving[frame].at(stamp, max_gap, tolerance)
                if link is None:
                    return None
                whole = link @ whole
            sides.append(whole)
        return sides[0].inverse() @ sides[1]

    def _ancestors(self, frame: str) -> list[str]:
        """The frame itself first; a loop, which no tree has, ends the walk."""
        chain = [frame]
        while (parent := self._parent.get(chain[-1])) is not None and parent not in chain:
            chain.append(parent)
        return chain

    def _meeting(self, target: str, source: str) -> str | None:
        above = set(self._ancestors(target))
        return next((frame for frame in self._ancestors(source) if frame in above), None)


def _until(chain: Iterable[str], last: str) -> list[str]:
    """The chain's frames before last."""
    frames = list(chain)
    return frames[:frames.index(last)]
