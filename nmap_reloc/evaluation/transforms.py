"""TF as a robot hears it: transforms arrive one by one, questions may be asked in between."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.trajectory import slerp
from nmap_reloc.types import Doubles


class Link:
    """``parent_from_child`` over time: stamps in ns, ascending; one that is static has no time."""

    def __init__(self, parent: str, static: bool) -> None:
        self.parent, self.static = parent, static
        self.stamps: list[int] = []
        self._rows: list[Doubles] = []  # x, y, z, qw, qx, qy, qz

    def add(self, stamp: int, row: Doubles) -> None:
        """Of two at one stamp the later one holds."""
        at = 0 if self.static else bisect_left(self.stamps, stamp)
        if at < len(self.stamps) and (self.static or self.stamps[at] == stamp):
            self.stamps[at], self._rows[at] = stamp, row
        else:
            self.stamps.insert(at, stamp)
            self._rows.insert(at, row)

    def at(self, stamp: int, max_gap: int | None) -> Rigid | None:
        """Between the two transforms around the stamp, never beyond the first or the last."""
        if self.static:
            return _rigid(self._rows[0])
        after = bisect_left(self.stamps, stamp)
        if after == len(self.stamps):
            return None
        if self.stamps[after] == stamp:
            return _rigid(self._rows[after])
        if after == 0:
            return None
        gap = self.stamps[after] - self.stamps[after - 1]
        if max_gap is not None and gap > max_gap:
            return None
        share = (stamp - self.stamps[after - 1]) / gap
        a, b = self._rows[after - 1], self._rows[after]
        return Rigid.from_quaternion(slerp(a[3:], b[3:], share),
                                     (1 - share) * a[:3] + share * b[:3])


class TransformBuffer:
    """A tree of frames; lookups interpolate and never extrapolate, as tf2's do.

    invalid: how many transforms were not finite and left out.
    """

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}  # by child
        self.invalid = 0

    def add(self, parent: str, child: str, stamp: int, row: tuple[float, ...], static: bool
            ) -> None:
        """stamp: ns; row: x, y, z, qw, qx, qy, qz."""
        numbers = np.array(row, np.float64)
        norm = float(np.linalg.norm(numbers[3:]))
        if not np.isfinite(numbers).all() or norm < 1e-6:
            self.invalid += 1
            return
        numbers[3:] /= norm
        link = self._links.get(child)
        if link is None or link.static != static:
            link = self._links[child] = Link(parent, static)
        link.parent = parent
        link.add(stamp, numbers)

    @property
    def frames(self) -> list[str]:
        return sorted({*self._links, *(link.parent for link in self._links.values())})

    def connected(self, target: str, source: str) -> bool:
        """Whether a chain of transforms leads from source to target."""
        return self._sides(target, source) is not None

    def moving_stamps(self, target: str, source: str) -> list[int]:
        """When any link between the two was stated, ns; none where all of them are static."""
        sides = self._sides(target, source) or ((), ())
        return sorted({stamp for side in sides for link in side if not link.static
                       for stamp in link.stamps})

    def lookup(self, target: str, source: str, stamp: int, max_gap: int | None = None
               ) -> Rigid | None:
        """``target_from_source`` at a stamp in ns; max_gap: ns between two transforms around it.

        None where a link is missing or not known at that stamp (yet).
        """
        sides = self._sides(target, source)
        if sides is None:
            return None
        chains = []
        for side in sides:
            whole = Rigid.identity()  # where the two chains meet, from the side's frame
            for link in side:
                step = link.at(stamp, max_gap)
                if step is None:
                    return None
                whole = step @ whole
            chains.append(whole)
        return chains[0].inverse() @ chains[1]

    def _sides(self, target: str, source: str) -> tuple[list[Link], list[Link]] | None:
        """The links from either frame up to where their chains meet; None: they don't."""
        up, down = self._ancestors(target), self._ancestors(source)
        above = set(up)
        meeting = next((frame for frame in down if frame in above), None)
        if meeting is None:
            return None
        return ([self._links[frame] for frame in up[:up.index(meeting)]],
                [self._links[frame] for frame in down[:down.index(meeting)]])

    def _ancestors(self, frame: str) -> list[str]:
        """The frame itself first; a loop, which no tree has, ends the walk."""
        chain = [frame]
        while (link := self._links.get(chain[-1])) is not None and link.parent not in chain:
            chain.append(link.parent)
        return chain


def _rigid(row: Doubles) -> Rigid:
    return Rigid.from_quaternion(row[3:], row[:3])
