"""What is known of one frame: its pose in its parent, over time or for all times.

Stamps are nanoseconds; 0 asks for the latest.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple, Protocol

from tf2_ros._exceptions import ExtrapolationException
from tf2_ros._poses import Pose, interpolate


class Link(NamedTuple):
    """``parent_from_frame`` at one time."""

    parent: str
    pose: Pose


class Cache(Protocol):
    """Either kind."""

    def insert(self, stamp: int, link: Link) -> bool:
        """False where the stamp is older than what is kept."""

    def at(self, stamp: int) -> Link:
        """ExtrapolationException where nothing is known of that time."""

    def latest(self) -> tuple[int, str | None]:
        """The newest stamp and the parent then; (0, None) where nothing is known."""

    def span(self) -> tuple[int, int, int]:
        """The oldest and the newest stamp, and how many."""

    def clear(self) -> None:
        """Forgets what time makes worthless."""


class StaticCache:
    """One pose that holds at all times."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def insert(self, stamp: int, link: Link) -> bool:
        self._link = link
        return True

    def at(self, stamp: int) -> Link:
        return self._link

    def latest(self) -> tuple[int, str | None]:
        return 0, self._link.parent

    def span(self) -> tuple[int, int, int]:
        return 0, 0, 1

    def clear(self) -> None:
        """A static transform stays."""


class TimeCache:
    """Poses of the last ``keep`` nanoseconds before the newest, interpolated in between."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._stamps: list[int] = []  # rising
        self._links: list[Link] = []

    def insert(self, stamp: int, link: Link) -> bool:
        stamps = self._stamps
        if stamps and stamp < stamps[-1] - self._keep:
            return False
        index = bisect_left(stamps, stamp)
        if index < len(stamps) and stamps[index] == stamp:
            self._links[index] = link
        else:
            stamps.insert(index, stamp)
            self._links.insert(index, link)
        old = bisect_left(stamps, stamps[-1] - self._keep)
        del stamps[:old], self._links[:old]
        return True

    def at(self, stamp: int) -> Link:
        if not self._stamps:
            raise ExtrapolationException(_only(stamp, 0))
        if stamp == 0:
            return self._links[-1]
        after = bisect_right(self._stamps, stamp)
        if after and self._stamps[after - 1] == stamp:
            return self._links[after - 1]
        self._refuse_extrapolation(stamp, after)
        before, link, following = self._stamps[after - 1], *self._links[after - 1:after + 1]
        if link.parent != following.parent:  # the frame moved to another parent in between
            return link
        ratio = (stamp - before) / (self._stamps[after] - before)
        return Link(link.parent, interpolate(link.pose, following.pose, ratio))

    def _refuse_extrapolation(self, stamp: int, after: int) -> None:
        stamps = self._stamps
        if len(stamps) == 1:
            raise ExtrapolationException(_only(stamp, stamps[0]))
        if after == len(stamps):
            raise ExtrapolationException(
                "Lookup would require extrapolation into the future.  Requested time "
                f"{seconds(stamp)} but the latest data is at time {seconds(stamps[-1])}")
        if after == 0:
            raise ExtrapolationException(
                "Lookup would require extrapolation into the past.  Requested time "
                f"{seconds(stamp)} but the earliest data is at time {seconds(stamps[0])}")

    def latest(self) -> tuple[int, str | None]:
        return (self._stamps[-1], self._links[-1].parent) if self._stamps else (0, None)

    def span(self) -> tuple[int, int, int]:
        return (self._stamps[0], self._stamps[-1], len(self._stamps)) if self._stamps \
            else (0, 0, 0)

    def clear(self) -> None:
        self._stamps.clear()
        self._links.clear()


def seconds(stamp: int) -> str:
    """Nanoseconds -> seconds as tf2 writes them."""
    return f"{stamp * 1e-9:.6f}"


def _only(stamp: int, only: int) -> str:
    return (f"Lookup would require extrapolation at time {seconds(stamp)}, but only time "
            f"{seconds(only)} is in the buffer")
