"""Rows that know nothing of one another, worked on by all of a CPU's cores at once.

A library that shares out every single operator waits for its threads a hundred times a run; here
each core runs the whole network on its part of the rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import numpy.typing as npt

from nmap_reloc.engines.base import Arrays

FEWEST = 128  # rows that are worth a core
Outputs = Sequence[npt.NDArray[Any]]


class RowsAtOnce:
    """Not for several callers at once."""

    def __init__(self, inputs: Sequence[str], threads: int = 0):
        """inputs: whose first axis counts the rows, as that of every output does. threads: 0: as
        many as this process has cores."""
        self._inputs = inputs
        self._threads = threads or len(os.sched_getaffinity(0))
        self._others = ThreadPoolExecutor(max(1, self._threads - 1), "rows")

    def __call__(self, run: Callable[[Arrays], Outputs], given: Arrays) -> Outputs:
        """What run gives for all rows; run is called by several threads. Raises what it does."""
        count = min(self._threads, len(given[self._inputs[0]]) // FEWEST)
        if count < 2:
            return run(given)
        parts = zip(*(np.array_split(given[name], count) for name in self._inputs), strict=True)
        first, *rest = ({**given, **dict(zip(self._inputs, part, strict=True))} for part in parts)
        waiting = [self._others.submit(run, part) for part in rest]
        try:
            answers = [run(first)]
        finally:
            wait(waiting)
        answers += [future.result() for future in waiting]
        return [np.concatenate(part) for part in zip(*answers, strict=True)]

    def close(self) -> None:
        """May be called again."""
        self._others.shutdown()
