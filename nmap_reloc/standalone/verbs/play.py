"""``nmap-reloc play``: publishes a recording as it was recorded."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.verbs.bag import Bag, Topic, open_bag
from nmap_reloc.standalone.verbs.session import absolute, message_class, session, until

CLOCK = "/clock"
TICK = 10_000_000  # ns of recorded time between two messages on /clock
LINGER = 0.5  # s; what was sent last is on its way before the writers go


@dataclass(frozen=True)
class PlayOptions:
    """rate: recorded seconds per second; start_offset: s; topics: empty: all; remap: recorded
    name -> played name; wait_for: topics (as played) that must have a subscriber first."""

    rate: float = 1.0
    loop: bool = False
    clock: bool = False
    start_offset: float = 0.0
    topics: tuple[str, ...] = ()
    remap: tuple[tuple[str, str], ...] = ()
    wait_for: tuple[str, ...] = ()
    wait_timeout: float = 60.0


def play(path: Path, options: PlayOptions) -> None:
    """Publish it all, in order and at the recorded pace. NmapError: it can't be read, or a
    subscriber that is waited for does not come."""
    with open_bag(path) as bag, session("play") as node:
        begin = bag.start + int(options.start_offset * 1e9)
        if begin > bag.end:
            raise NmapError(f"--start-offset {options.start_offset:g}: {path} is only "
                            f"{(bag.end - bag.start) / 1e9:.1f} s long; give less")
        publishers = _publishers(node, _chosen(bag, options), dict(options.remap))
        tick = _clock(node) if options.clock else None
        _wait(node, publishers, options)
        while True:
            _once(bag, begin, publishers, tick, options)
            if not options.loop:
                break
        time.sleep(LINGER)


def _chosen(bag: Bag, options: PlayOptions) -> list[Topic]:
    topics = bag.topics()
    names = {topic.name for topic in topics}
    asked = {absolute(name) for name in options.topics}
    for name in (*asked, *(source for source, _ in options.remap)):
        if absolute(name) not in names:
            raise NmapError(f"{name}: not in the recording; it has {', '.join(sorted(names))}")
    # The recorded time and ours would contradict each other.
    return [topic for topic in topics if (not asked or topic.name in asked)
            and topic.count and not (options.clock and topic.name == CLOCK)]


def _publishers(node: Any, topics: list[Topic], remap: dict[str, str]) -> dict[str, Any]:
    """By recorded name. What this machine has no type for is left out, and named."""
    remap = {absolute(source): absolute(target) for source, target in remap.items()}
    publishers = {}
    for topic in topics:
        try:
            kind = message_class(topic.kind)
        except NmapError as problem:
            print(f"warning: {topic.name} is not played: {problem}", file=sys.stderr)
            continue
        publishers[topic.name] = node.create_publisher(
            kind, remap.get(topic.name, topic.name), _qos(topic))
    if not publishers:
        raise NmapError("none of the recording's topics can be played; see the warnings")
    return publishers


def _qos(topic: Topic) -> Any:
    """What all recorded publishers offered; reliable where that was not recorded.

    Keeps all: a message that waits for a slow subscriber is not dropped for the next.
    """
    offered = topic.offered
    reliable = all(qos.reliability.name != "BEST_EFFORT" for qos in offered)
    latched = bool(offered) and all(qos.durability.name == "TRANSIENT_LOCAL" for qos in offered)
    profile = QoSProfile(
        depth=max((1, *(qos.depth for qos in offered))),
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE)
    if latched:  # several publishers were latched, each with its own last message
        profile.depth = max(profile.depth, topic.count if topic.count < 100 else 1)
    else:
        profile.history = HistoryPolicy.KEEP_ALL
    return profile


def _clock(node: Any) -> Callable[[int], None]:
    """Publishes a time in ns on /clock."""
    kind = message_class("rosgraph_msgs/msg/Clock")
    publisher = node.create_publisher(kind, CLOCK, QoSProfile(depth=10))

    def tick(now: int) -> None:
        message = kind()
        message.clock.sec, message.clock.nanosec = divmod(now, 10**9)
        publisher.publish(message)

    return tick


def _wait(node: Any, publishers: dict[str, Any], options: PlayOptions) -> None:
    played = {publisher.topic_name: publisher for publisher in publishers.values()}
    for name in map(absolute, options.wait_for):
        if name not in played:
            raise NmapError(f"--wait-for-subscribers {name}: not among what is played: "
                            f"{', '.join(sorted(played))}")
        if not until(node, lambda name=name: played[name].get_subscription_count() > 0,  # type: ignore[misc]
                     options.wait_timeout):
            raise NmapError(f"{name}: nobody subscribed within {options.wait_timeout:g} s; start "
                            "the subscriber, or leave out --wait-for-subscribers")


def _once(bag: Bag, begin: int, publishers: dict[str, Any], tick: Callable[[int], None] | None,
          options: PlayOptions) -> None:
    """From begin to the end. Time that a slow machine loses is not caught up by dropping."""
    progress = _Progress(begin, bag.end)
    started = time.monotonic()
    for topic, recorded, raw in _timed(bag, begin, set(publishers), tick is not None):
        due = started + (recorded - begin) / 1e9 / options.rate
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))
        if tick is not None:
            tick(recorded)
        if raw is not None:
            publishers[topic].publish(raw)
        progress.show(recorded)
    progress.end()


def _timed(bag: Bag, begin: int, topics: set[str], ticks: bool
           ) -> Iterator[tuple[str, int, bytes | None]]:
    """The messages, and between them (no message: None) the ticks of the clock."""
    last = begin
    for topic, recorded, raw in bag.messages(topics, begin):
        while ticks and recorded - last > TICK:
            last += TICK
            yield CLOCK, last, None
        last = recorded
        yield topic, recorded, raw


class _Progress:
    """One line on a terminal that is written over; elsewhere the last line only."""

    def __init__(self, begin: int, end: int) -> None:
        self._begin, self._length = begin, max(end - begin, 1)
        self._shown = 0.0
        self._line = ""
        self._terminal = sys.stderr.isatty()

    def show(self, recorded: int) -> None:
        passed = recorded - self._begin
        self._line = (f"played {passed / 1e9:.1f} of {self._length / 1e9:.1f} s "
                      f"({passed / self._length:.0%})")
        if self._terminal and time.monotonic() - self._shown > 0.2:
            self._shown = time.monotonic()
            print(f"\r{self._line}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        print(("\r" if self._terminal else "") + self._line, file=sys.stderr, flush=True)
