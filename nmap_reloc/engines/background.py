"""`backend: auto`: the first backend that works, the next one when it no longer does.

A TensorRT plan takes minutes to build. Until it is there another backend answers; then one
assignment, between two frames, puts the new engine in its place.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt

from nmap_reloc.engines.base import Arrays, Engine, EngineError, RangeError
from nmap_reloc.engines.shapes import warm_up
from nmap_reloc.errors import NmapError, one_line

Progress = Callable[[str, int, int], bool]  # phase, step, steps -> go on?
log = logging.getLogger(__name__)


class AutoEngine:
    """An engine that may change its backend; `backend` and `reason` say what it is now."""

    def __init__(self, network: str, openers: Mapping[str, Callable[[], Engine]],
                 refusals: Mapping[str, str] | None = None) -> None:
        """openers: by backend, best first. refusals: why better ones are not among them.

        EngineError, with all reasons: none of them works.
        """
        self._network, self._openers = network, dict(openers)
        self._refusals = dict(refusals or {})
        self._open: dict[str, Engine] = {}
        self._lock = threading.RLock()
        self._ready: Engine | None = None
        self._builder: threading.Thread | None = None
        self._closed = False
        self._current = self._next()

    @property
    def backend(self) -> str:
        return self._current.backend

    @property
    def reason(self) -> str:
        return "; ".join([self._current.reason,
                          *(f"not {name}: {why}" for name, why in self._refusals.items())])

    @property
    def dtypes(self) -> Mapping[str, npt.DTypeLike]:
        return self._current.dtypes

    def shape(self, name: str) -> tuple[int, ...]:
        return self._current.shape(name)

    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        if self._ready is not None:
            self._switch()
        while True:
            engine = self._current
            try:
                return engine(inputs)
            except RangeError as problem:
                return self._instead(engine, problem)(inputs)
            except EngineError as problem:
                self._fall_back(engine, problem)

    def build_in_background(self, build: Callable[[Progress], Engine]) -> None:
        """Returns at once; the TensorRT engine that `build` makes takes over before a frame."""
        self._refusals["tensorrt"] = "its plan is being built"
        self._builder = threading.Thread(target=self._build, args=(build,), daemon=True,
                                         name=f"build {self._network}")
        self._builder.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Until what is built in the background is there or has failed; False: it takes longer
        than timeout (seconds)."""
        if self._builder is not None:
            self._builder.join(timeout)
        return self._builder is None or not self._builder.is_alive()

    def close(self) -> None:
        """Also stops what is built in the background."""
        with self._lock:
            self._closed = True
            engines = [*self._open.values(), *([self._ready] if self._ready else [])]
            self._ready = None
        for engine in engines:
            engine.close()

    def _build(self, build: Callable[[Progress], Engine]) -> None:
        engine: Engine | None = None
        try:
            engine = build(self._go_on)
            warm_up(self._network, engine)
        except Exception as problem:  # in this thread nobody else would hear of it
            if not self._closed:
                log.log(logging.WARNING if isinstance(problem, NmapError) else logging.ERROR,
                        "engine %s: stays on %s: %s", self._network, self.backend, problem)
                self._refusals["tensorrt"] = one_line(problem, None)
            if engine is not None:
                engine.close()
            return
        with self._lock:
            if not self._closed:
                self._ready = engine
                return
        engine.close()

    def _go_on(self, phase: str, step: int, steps: int) -> bool:
        log.debug("engine %s: %s, %d of %d", self._network, phase, step, steps)
        return not self._closed

    def _switch(self) -> None:
        """Between two frames. The old one stays open: for sizes that the new one does not take,
        for when it fails, and for whoever is still in it."""
        with self._lock:
            if self._ready is None:
                return
            old, ready, self._ready = self._current, self._ready, None
            self._refusals.pop("tensorrt", None)
            self._open[ready.backend] = ready
            self._openers = {ready.backend: lambda: ready, **self._openers}
            self._current = ready
        log.info("engine %s: switched from %s to %s", self._network, old.backend, ready.reason)

    def _instead(self, engine: Engine, problem: RangeError) -> Engine:
        """Who takes a size that this engine does not; the next frame tries this engine again."""
        with self._lock:
            try:
                other = self._next(after=engine.backend)
            except EngineError:
                raise problem from None
        log.warning("%s; %s takes it this time", problem, other.backend)
        return other

    def _fall_back(self, failed: Engine, problem: EngineError) -> None:
        with self._lock:
            if self._closed:
                raise problem
            if self._current is not failed:  # another thread was here before
                return
            self._refusals[failed.backend] = str(problem)
            self._openers.pop(failed.backend)
            self._open.pop(failed.backend)
            self._current = self._next()
        log.error("%s; %s takes over", problem, self.backend)
        failed.close()

    def _next(self, after: str | None = None) -> Engine:
        """The best backend that opens, of those after one."""
        names = list(self._openers)
        for name in names[names.index(after) + 1 if after else 0:]:
            try:
                if name not in self._open:
                    self._open[name] = self._openers[name]()
                return self._open[name]
            except (EngineError, ImportError) as problem:
                self._refusals[name] = one_line(problem, None)
                del self._openers[name]
        reasons = "; ".join(f"{name}: {why}" for name, why in self._refusals.items())
        raise EngineError(f"engine {self._network}: no backend runs it ({reasons})")
