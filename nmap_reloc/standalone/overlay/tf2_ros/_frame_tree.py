"""The tree of frames, and the way between two of them at one time.

Stamps are nanoseconds; 0 asks for the latest time at which the whole way is known.
"""

from __future__ import annotations

import math

from tf2_ros._exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
)
from tf2_ros._poses import IDENTITY, Pose
from tf2_ros._time_cache import Cache, Link, StaticCache, TimeCache, seconds

MAX_DEPTH = 1000  # a longer way can only be a loop


class FrameTree:
    """Not locked: BufferCore does that. keep: how long poses stay, in nanoseconds."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        # Every frame that was ever named; roots have no cache.
        self._caches: dict[str, Cache | None] = {}
        self._authorities: dict[str, str] = {}

    def clear(self) -> None:
        """Forgets all poses over time; static ones and the names of frames stay."""
        for cache in self._caches.values():
            if cache is not None:
                cache.clear()

    def insert(self, child: str, stamp: int, link: Link, static: bool, authority: str) -> bool:
        """False where the stamp is older than what is kept."""
        cache = self._caches.get(child)
        if cache is None or isinstance(cache, StaticCache) != static:
            cache = StaticCache(link) if static else TimeCache(self._keep)
            self._caches[child] = cache
        self._caches.setdefault(link.parent, None)
        accepted = cache.insert(stamp, link)
        if accepted:
            self._authorities[child] = authority
        return accepted

    def flaw(self, frame: str) -> str:
        """Why the name is none of a known frame; empty where it is."""
        if not frame:
            return "in tf2 frame_ids cannot be empty"
        if frame.startswith("/"):
            return "in tf2 frame_ids cannot start with a '/'"
        return "" if frame in self._caches else "frame does not exist"

    def check(self, frame: str, argument: str) -> None:
        """InvalidArgumentException or LookupException where no frame has this name."""
        flaw = self.flaw(frame)
        if flaw == "frame does not exist":
            raise LookupException(f'"{frame}" passed to {argument} does not exist. ')
        if flaw:
            raise InvalidArgumentException(f'Invalid argument "{frame}" passed to {argument} - '
                                           f"{flaw}")

    def latest_of(self, frame: str) -> int:
        """The newest stamp of a frame; 0 where there is none."""
        cache = self._caches.get(frame)
        return 0 if cache is None else cache.latest()[0]

    def latest_common_time(self, target: str, source: str) -> int:
        """The newest stamp at which the whole way is known; 0 where all of it is static."""
        above_source = self._ancestors(source)
        for frame, stamp in self._ancestors(target).items():
            if frame in above_source:
                common = min(stamp, above_source[frame])
                return 0 if math.isinf(common) else int(common)
        raise self._no_connection(target, source)

    def _ancestors(self, frame: str) -> dict[str, float]:
        """The frame and all above it, with the newest stamp at which the way there is known."""
        newest = math.inf
        ancestors = {frame: newest}
        while (cache := self._caches.get(frame)) is not None:
            stamp, parent = cache.latest()
            if parent is None:
                break
            if parent in ancestors:
                raise self._loop()
            newest = min(newest, stamp or math.inf)
            ancestors[parent] = newest
            frame = parent
        return ancestors

    def find(self, target: str, source: str, stamp: int) -> tuple[Pose, int]:
        """``target_from_source`` and its stamp. One of tf2's exceptions where there is no way."""
        if stamp == 0:
            stamp = self.latest_common_time(target, source)
        top, top_from_source, failure = self._climb(source, target, stamp)
        if top == target:
            return top_from_source, stamp
        # From the target up to where the first climb ended, or to the source on the way there.
        meeting, meeting_from_target, other_failure = self._climb(target, top, stamp, source)
        if meeting == source:
            return meeting_from_target.inverse(), stamp
        if meeting == top:
            return meeting_from_target.inverse() @ top_from_source, stamp
        failure = other_failure or failure
        if failure is not None:
            raise ExtrapolationException(f"{failure}, when looking up transform from frame "
                                         f"[{source}] to frame [{target}]")
        raise self._no_connection(target, source)

    def _climb(self, frame: str, goal: str, stamp: int, other_goal: str | None = None
               ) -> tuple[str, Pose, ExtrapolationException | None]:
        """As far up as known, or to a goal: where that is, ``there_from_frame``, what ended it."""
        pose = IDENTITY
        for _ in range(MAX_DEPTH):
            cache = self._caches.get(frame)
            if frame in (goal, other_goal) or cache is None:
                return frame, pose, None
            try:
                link = cache.at(stamp)
            except ExtrapolationException as failure:
                return frame, pose, failure
            pose = link.pose @ pose
            frame = link.parent
        raise self._loop()

    def _no_connection(self, target: str, source: str) -> ConnectivityException:
        return ConnectivityException(
            f"Could not find a connection between '{target}' and '{source}' because they are not "
            "part of the same tree.Tf has two or more unconnected trees.")

    def _loop(self) -> LookupException:
        return LookupException("The tf tree is invalid because it contains a loop.\n"
                               f"{self.as_string()}\n")

    def names(self) -> list[str]:
        """All frames ever named."""
        return list(self._caches)

    def as_string(self) -> str:
        """A line for every frame with a parent."""
        parents = {frame: cache.latest()[1] or "NO_PARENT"
                   for frame, cache in self._caches.items() if cache is not None}
        return "".join(f"Frame {frame} exists with parent {parent}.\n"
                       for frame, parent in parents.items())

    def as_yaml(self) -> str:
        """For every frame its parent, who sends it, how often and over what time."""
        text = ""
        for frame, cache in self._caches.items():
            if cache is None or cache.latest()[1] is None:
                continue
            oldest, newest, count = cache.span()
            rate = count * 1e9 / max(newest - oldest, 100_000)
            text += (f"{frame}: \n  parent: '{cache.latest()[1]}'\n"
                     f"  broadcaster: '{self._authorities[frame]}'\n  rate: {rate:.3f}\n"
                     f"  most_recent_transform: {seconds(newest)}\n"
                     f"  oldest_transform: {seconds(oldest)}\n"
                     f"  buffer_length: {(newest - oldest) * 1e-9:.3f}\n")
        return text or "[]"
