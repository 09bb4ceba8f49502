"""The GPU behind the doubles of tensorrt and pycuda: memory, contexts, streams, faults."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Gpu:
    """State of the one device; `reset` before each test.

    real: what runs a plan on a real GPU, see real_gpu.py.
    allocated, pinned: how often memory was taken. uploads: copies to the device, moves: copies on
    it, bytes each. graphs: what was recorded, by handle; launches: how often one ran.
    """

    version: str = "10.3.0"
    name: str = "Double of an Orin"
    real: Callable[..., bool] | None = None
    faults: set[str] = field(default_factory=set)  # see the names where they are asked for
    memory: dict[int, np.ndarray] = field(default_factory=dict)  # address -> bytes
    host: dict[int, int] = field(default_factory=dict)  # address -> bytes, page-locked
    streams: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    stacks: dict[int, list[object]] = field(default_factory=dict)  # thread -> contexts
    lost: bool = False
    allocated: int = 0
    pinned: int = 0
    runs: int = 0
    builds: int = 0
    uploads: list[int] = field(default_factory=list)
    moves: list[int] = field(default_factory=list)
    graphs: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    launches: int = 0
    exact: dict[str, set[str]] = field(default_factory=dict)  # network's input -> FP32 tensors
    calibrated: int = 0
    retained: int = 0  # contexts
    capacity: int = 1 << 34
    _next: int = 0x7F0000000000

    def reset(self) -> None:
        self.__init__()  # type: ignore[misc]

    def address(self, size: int) -> int:
        found = self._next
        self._next += (size + 511) // 256 * 256
        return found

    def stack(self) -> list[object]:
        return self.stacks.setdefault(threading.get_ident(), [])

    def span(self, address: int, size: int) -> np.ndarray | None:
        """Device memory of that size there; None: nobody took it."""
        for start, block in self.memory.items():
            if start <= address and address + size <= start + len(block):
                return block[address - start:address - start + size]
        return None

    def used(self) -> int:
        return sum(len(block) for block in self.memory.values())


gpu = Gpu()
