"""Clocks, and the environment that engines are opened in."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

Numbers = dict[str, float]


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """What engines are opened with, for the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class Timed:
    """Wall and processor milliseconds of calls, by name, and their ratios to a unit's."""

    def __init__(self) -> None:
        self.wall: defaultdict[str, list[float]] = defaultdict(list)
        self.processor: defaultdict[str, list[float]] = defaultdict(list)

    def __call__(self, name: str, call: Callable[[], Any]) -> Any:
        wall, processor = time.perf_counter(), time.process_time()
        made = call()
        self.processor[name].append((time.process_time() - processor) * 1e3)
        self.wall[name].append((time.perf_counter() - wall) * 1e3)
        return made

    def milliseconds(self) -> Numbers:
        return {name: float(np.median(values)) for name, values in self.wall.items()}

    def ratio(self, name: str, unit: str) -> Numbers:
        """Medians over pairs taken one right after the other."""
        return {kind: float(np.median(np.array(values[name]) / np.array(values[unit])))
                for kind, values in (("wall", self.wall), ("processor", self.processor))}
