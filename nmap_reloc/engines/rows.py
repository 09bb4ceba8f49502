"""Rows that know nothing of one another, worked on by all of a CPU's cores at once.

A library that shares out every single operator waits for its threads a hundred times a run; here
each core runs the whole network on some of the rows, few enough to stay near it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from nmap_reloc.engines.base import Arrays

FEWEST = 192  # rows of a part: fewer cost more by the call than they gain
Outputs = Sequence[npt.NDArray[Any]]


class RowsAtOnce:
    """Calls a network for some rows at a time."""

    def __init__(self, inputs: Sequence[str], threads: int = 0):
        """inputs: whose first axis counts the rows, as that of every output does. threads: 0: as
        many as this process has cores."""
        self._inputs = inputs
        self._threads = threads or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self._threads, "rows")

    def __call__(self, run: Callable[[Arrays], Outputs], given: Arrays) -> Outputs:
        """What run gives for all rows; run is called by several threads. Raises what it does."""
        count = len(given[self._inputs[0]]) // FEWEST
        if count > self._threads:
            count -= count % self._threads  # no thread is to wait for another's last part
        if count < 2 or self._threads == 1:
            return run(given)
        parts = zip(*(np.array_split(given[name], count) for name in self._inputs), strict=True)
        answers = self._pool.map(run, [{**given, **dict(zip(self._inputs, part, strict=True))}
                                       for part in parts])
        return [np.concatenate(part) for part in zip(*answers, strict=True)]

    def close(self) -> None:
        """May be called again."""
        self._pool.shutdown()
