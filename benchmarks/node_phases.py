"""What is done with the node, one phase after the other: found, followed, tiles swapped."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from node_place import Place
from node_process import NodeProcess
from node_robot import Robot
from node_witness import POLL, Witness, quantiles, wait

from nmap_reloc.errors import NmapError
from nmap_reloc.progress import track

ANSWER = 3.0        # s; an image without a pose by then has none
ONE_VIEW = 0.8      # s likewise, while the robot is found: fixes far apart confirm no other
LEAST_VIEWS = 3
HEADROOM = 1.5      # the period of images, in 95th percentiles of the time that one takes
SHORTEST = 1 / 30   # s


@dataclass
class Following:
    """Images at a steady rate. delays: ms from image handed over to pose heard, of those that
    were answered; dropped, refused: images, as the node counts them."""

    period: float
    images: int = 0
    delays: list[float] = field(default_factory=list)
    dropped: int = 0
    refused: int = 0

    @property
    def lost(self) -> int:
        """Images that were neither answered nor refused by the localizer."""
        return self.images - len(self.delays) - self.refused


class Trial:
    """Robot, node and witness together. views: indices of those that can be localized."""

    def __init__(self, place: Place, robot: Robot, node: NodeProcess, witness: Witness):
        self.place, self.robot, self.node, self.witness = place, robot, node, witness
        self.views: list[int] = []
        self._everything = tuple(entry.id for entry in place.manifest.tiles)
        self._fewer = place.subset(place.views)
        self._generation = 0

    def connect(self, seconds: float = 120.0) -> None:
        """Returns when robot, node and witness hear each other."""
        def ready() -> bool:
            self.node.check()
            return self.robot.connected() and bool(self.witness.loaded and self.witness.state)
        wait(ready, "reloc_node did not start", seconds)

    def swap(self, patience: float = 20.0) -> float:
        """The other set of tiles; ms from asked to confirmed."""
        self._generation += 1
        tiles = self._everything if self._generation % 2 else self._fewer
        start = time.monotonic()
        self.robot.ask(self._generation, tiles)
        wait(lambda: self._generation in self.witness.loaded,
             f"generation {self._generation} of active_tiles was not confirmed", patience)
        return (self.witness.loaded[self._generation] - start) * 1e3

    def find(self) -> list[float]:
        """Each view with either set of tiles, the next when it is answered; keeps the views that
        are localized with both. The times in ms."""
        chosen, spent = list(range(len(self.place.views))), list[float]()
        self.swap()
        self._shown(track(chosen, "the robot is found"))
        for _ in range(2):
            self.swap()
            times = self._shown(track(chosen, "views one by one"))
            chosen = list(times)
            spent += times.values()
        if len(chosen) < LEAST_VIEWS:
            self.witness.news()
            values = self.witness.values
            raise NmapError(f"{self.place.name}: {len(chosen)} of {len(self.place.views)} views "
                            f"can be localized ({values['reason']}; last error: "
                            f"{values['last_error'] or 'none'}); give a map and a scene that fit")
        self.views = chosen
        return spent

    def _shown(self, views: Iterable[int]) -> dict[int, float]:
        """Milliseconds until the pose, of those views that were answered."""
        times: dict[int, float] = {}
        for view in views:
            stamp = self.robot.look(view)
            self._await([stamp], ONE_VIEW)
            times.update((view, delay) for delay in self._delays([stamp]))
        return times

    def follow(self, images: int, period: float, what: str, swaps: int = 0
               ) -> tuple[Following, list[float]]:
        """That many images, meanwhile that many swaps spread over them, each at another moment
        of a period; and the ms that each swap took to be confirmed."""
        found, confirmed = Following(period), list[float]()
        before = self._counts()
        failure: list[NmapError] = []

        def swap() -> None:
            start, step = time.monotonic(), images * period / max(swaps, 1)
            try:
                for k in range(swaps):
                    at = start + k * step + (0.618 * k % 1) * period
                    time.sleep(max(0.0, at - time.monotonic()))
                    confirmed.append(self.swap())
            except NmapError as error:
                failure.append(error)

        swapper = threading.Thread(target=swap, daemon=True)
        swapper.start()
        stamps = list(self._stream(track(range(images), what, total=images), period))
        swapper.join()
        if failure:
            raise failure[0]
        self._await(stamps)
        found.images, found.delays = len(stamps), self._delays(stamps)
        found.dropped, found.refused = (
            b - a for a, b in zip(before, self._counts(), strict=True))
        return found, confirmed

    def _await(self, stamps: Sequence[int], seconds: float = ANSWER) -> None:
        """Returns when each has its pose, or will have none."""
        answered, deadline = self.witness.answered, time.monotonic() + seconds
        while not all(stamp in answered for stamp in stamps) and time.monotonic() < deadline:
            time.sleep(POLL)
        self.node.check()

    def _delays(self, stamps: Sequence[int]) -> list[float]:
        """Milliseconds from image to pose, of those that have one."""
        answered, sent = self.witness.answered, self.robot.sent
        return [(answered[stamp] - sent[stamp]) * 1e3 for stamp in stamps if stamp in answered]

    def _stream(self, ticks: Iterable[int], period: float) -> Iterator[int]:
        """Stamps of the images shown, one a period; there and back through the views."""
        views, begin = self.there_and_back(), time.monotonic()
        for k in ticks:
            time.sleep(max(0.0, begin + k * period - time.monotonic()))
            yield self.robot.look(next(views))

    def there_and_back(self) -> Iterator[int]:
        """No jumps: the way of a robot that turns at both ends, for ever."""
        return itertools.cycle([*self.views, *self.views[-2:0:-1]])

    def _counts(self) -> tuple[int, int]:
        """(images dropped for a newer one, images refused) since the start."""
        self.witness.news()
        values = self.witness.values
        refused = sum(int(value) for key, value in values.items()
                      if key.startswith("refused_by_"))
        return int(values.get("dropped_newer", "0")), refused

    def many_swaps(self, count: int, period: float) -> list[int]:
        """Resident bytes of the node after each swap, while images go on slowly."""
        stop = threading.Event()

        def images() -> None:
            for view in self.there_and_back():
                if stop.wait(period):
                    return
                self.robot.look(view)

        thread = threading.Thread(target=images, daemon=True)
        thread.start()
        resident = []
        try:
            for _ in track(range(count), f"{count:,} swaps", total=count):
                self.swap()
                resident.append(self.node.resident())
        finally:
            stop.set()
            thread.join()
        return resident


def sustainable(times: Sequence[float]) -> float:
    """Seconds from one image to the next that leave the node some rest; times in ms, of images
    one by one."""
    return max(SHORTEST, HEADROOM * quantiles(times)[1] / 1e3)
