"""What runs a network: named inputs and outputs, dynamic shapes, one owner.

The seam for TensorRT: its backend implements `Engine` in engines/tensorrt.py and is opened by
`open_engine` like the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]


class Engine(Protocol):
    """A loaded network. Not thread-safe: one worker owns it."""

    @property
    def backend(self) -> str:
        """"onnx", "torch", ..."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Declared shape of an input; -1 where it may vary."""
        ...

    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Runs once; the outputs by name. The arrays are the caller's own."""
        ...

    def close(self) -> None:
        """Gives back what the engine holds (device memory, threads)."""
        ...
