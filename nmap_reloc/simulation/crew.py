"""Pictures of one world by several processes, in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import cv2

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.simulation.bake import Baked
from nmap_reloc.simulation.dataset import jpeg
from nmap_reloc.simulation.light import Lighting
from nmap_reloc.simulation.optics import Optics
from nmap_reloc.simulation.render import Renderer
from nmap_reloc.simulation.world import World
from nmap_reloc.types import Camera

_THREADS = "OMP_NUM_THREADS"  # what numpy's OpenBLAS goes by, when it is loaded
_AHEAD = 4  # pictures per process that may wait for the one that is next in order


@dataclass(frozen=True)
class Shot:
    """One picture; seed: of the sensor's noise."""

    map_from_camera: Rigid
    light: Lighting
    optics: Optics
    seed: int


@dataclass(frozen=True)
class Stage:
    """What all pictures share. quality: of JPEG files; None: raw pixels."""

    world: World
    baked: Baked
    camera: Camera
    quality: int | None


def usual_workers() -> int:
    """The processors that this process may use, 8 at most."""
    return min(8, len(os.sched_getaffinity(0)))


def render_all(stage: Stage, shots: Sequence[Shot], workers: int) -> Iterator[bytes]:
    """JPEG files, or RGB pixels row by row; the same whatever the number of processes."""
    if workers <= 1 or len(shots) <= 1:
        renderer = Renderer(stage.world, shots[0].light, stage.baked)
        for shot in shots:
            yield _picture(renderer, stage, shot)
        return
    # Spawned, not forked: OpenCV's and embree's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(shots)), context, _prepare, (stage,))
    try:
        yield from _in_order(pool, shots, _AHEAD * workers)
    except BrokenProcessPool as error:
        raise NmapError("rendering: a process was ended from outside; free memory, or use fewer "
                        "workers") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, shots: Sequence[Shot], ahead: int) -> Iterator[bytes]:
    rest = iter(shots)
    with _single_threaded():  # the processes start with what is handed in first
        waiting: deque[Future[bytes]] = deque(pool.submit(_render, shot)
                                              for shot in islice(rest, ahead))
    while waiting:
        yield waiting.popleft().result()
        waiting.extend(pool.submit(_render, shot) for shot in islice(rest, 1))


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes started meanwhile multiply matrices in one thread: one process per processor is
    busy as it is, and threads that wait for each other cost as much again as the picture."""
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before


_prepared: list[tuple[Renderer, Stage]] = []  # in a worker: the one thing it renders


def _prepare(stage: Stage) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    cv2.setNumThreads(1)
    _prepared[:] = [(Renderer(stage.world, None, stage.baked), stage)]


def _render(shot: Shot) -> bytes:
    renderer, stage = _prepared[0]
    return _picture(renderer, stage, shot)


def _picture(renderer: Renderer, stage: Stage, shot: Shot) -> bytes:
    renderer.relight(shot.light)
    image = renderer.render(stage.camera, shot.map_from_camera, shot.optics, shot.seed).image
    return image.tobytes() if stage.quality is None else jpeg(image, stage.quality)
