"""What the nodes count and time about themselves, for /diagnostics. No ROS."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from nmap_reloc.errors import one_line

MOST_SAMPLES = 4096
HARMLESS = ("newer",)  # an image gave way to a newer one, as it should


class Window:
    """Samples of the last seconds; one thread may add while another asks."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._samples: deque[tuple[float, float]] = deque(maxlen=MOST_SAMPLES)

    def add(self, value: float = 1.0) -> None:
        with self._lock:
            self._samples.append((self._clock(), value))

    def values(self) -> list[float]:
        now = self._clock()
        with self._lock:
            while self._samples and now - self._samples[0][0] > self.seconds:
                self._samples.popleft()
            return [value for _, value in self._samples]

    def rate(self) -> float:
        """Samples per second: over the window, or since the start where that is more recent."""
        count = len(self.values())
        with self._lock:
            full = len(self._samples) == MOST_SAMPLES
            since = self._samples[0][0] if full else self._began
        elapsed = min(self.seconds, self._clock() - since)
        return count / elapsed if elapsed > 0 else 0.0

    def percentile(self, percent: float) -> float | None:
        values = self.values()
        return float(np.percentile(values, percent)) if values else None


@dataclass
class RelocFigures:
    """Of reloc_node. The methods count; plain fields are set by whoever knows.

    camera, odometry: "" where all is well, else what is wrong in one line. sigmas: of the last
    pose, map units and degrees. refused: tile id -> reason.
    """

    seconds: float = 10.0
    clock: Callable[[], float] = time.monotonic
    state: str = "lost"
    reason: str = ""
    position_sigma: float | None = None
    rotation_sigma: float | None = None
    camera: str = "no camera_info yet"
    camera_model: str = ""
    odometry: str = ""
    image_format: str = ""
    engine: str = ""
    site: str = ""
    frame: str = ""
    map_version: int = 0
    tiles_total: int = 0
    tiles_loaded: int = 0
    tile_bytes: int = 0
    generation: int = -1
    swaps: int = 0
    swap_milliseconds: float | None = None
    handover_milliseconds: float | None = None
    refused_tiles: Mapping[str, str] = field(default_factory=dict)
    last_error: str = ""
    errors: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self.images, self.poses, self.bad_images = (self._window() for _ in range(3))
        self.inliers = self._window()
        self.total, self.overhead = self._window(), self._window()
        self.stages: dict[str, Window] = {}
        self.dropped: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.jumps = 0
        self.last_image: float | None = None
        self._lost_since: float | None = self.clock()

    def _window(self) -> Window:
        return Window(self.seconds, self.clock)

    def image_arrived(self) -> None:
        self.last_image = self.clock()
        self.images.add()

    def image_dropped(self, reason: str) -> None:
        """reason: one word, such as newer, stale, encoding, size, camera."""
        with self._lock:
            self.dropped[reason] += 1
        if reason not in HARMLESS:
            self.bad_images.add()

    def image_answered(self, milliseconds: Mapping[str, float], total: float,
                       refused_by: str = "") -> None:
        """milliseconds: per stage; total: from arrival to answer, the stages included;
        refused_by: a stage, "" where the pose was accepted."""
        for stage, spent in milliseconds.items():
            if stage not in self.stages:
                self.stages = {**self.stages, stage: self._window()}
            self.stages[stage].add(spent)
        self.total.add(total)
        self.overhead.add(total - sum(milliseconds.values()))
        if refused_by:
            with self._lock:
                self.refusals[refused_by] += 1

    def pose_published(self, inliers: int, jumped: bool = False) -> None:
        self.poses.add()
        self.inliers.add(inliers)
        self.jumps += jumped

    def state_is(self, state: str, reason: str) -> None:
        """state: lost, tracking or suspect."""
        if state != "lost":
            self._lost_since = None
        elif self._lost_since is None:
            self._lost_since = self.clock()
        self.state, self.reason = state, reason

    def failed(self, error: object) -> None:
        """Something went wrong that a person should read of."""
        self.last_error = one_line(error, 500)
        self.errors += 1

    def resize(self, seconds: float) -> None:
        """The parameter diagnostics_window has changed."""
        self.seconds = seconds
        for window in (self.images, self.poses, self.bad_images, self.inliers, self.total,
                       self.overhead, *self.stages.values()):
            window.seconds = seconds

    @property
    def lost_for(self) -> float:
        """Seconds."""
        return 0.0 if self._lost_since is None else self.clock() - self._lost_since

    @property
    def image_age(self) -> float | None:
        """Seconds since the last image arrived."""
        return None if self.last_image is None else self.clock() - self.last_image


@dataclass(frozen=True)
class TileFigures:
    """Of tile_manager, at one moment. Times in seconds, memory in bytes.

    lifecycle: unconfigured, inactive or active. lag: how long the robot has been in a tile that is
    not loaded, None where it is not. waiting: for the confirmation of the newest set.
    """

    lifecycle: str = "unconfigured"
    map: str = ""
    site: str = ""
    map_version: int = 0
    tiles_total: int = 0
    mode: str = ""
    why: str = ""
    generation: int = -1
    confirmed: int = -1
    waiting: float = 0.0
    resent: int = 0
    tiles_wanted: int = 0
    tiles_loaded: int = 0
    bytes_wanted: int = 0
    bytes_loaded: int = 0
    left_out: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    refused_set: str = ""
    pose_age: float | None = None
    speed: float = 0.0
    lag: float | None = None
    lag_tile: str = ""
    lags: int = 0
    bad_messages: int = 0
    last_error: str = ""
    error_age: float = math.inf
