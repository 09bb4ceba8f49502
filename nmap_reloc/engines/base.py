"""What runs a network: named inputs and outputs, dynamic shapes, one owner.

A backend implements `Engine`; `open_engine` chooses one. Which sizes a network meets is declared
in shapes.py, so that backends that plan ahead (TensorRT) and those that don't agree on them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from nmap_reloc.errors import NmapError

Arrays = Mapping[str, npt.NDArray[Any]]


class EngineError(NmapError):
    """This backend can't run the network, or can't any more; another one may."""


class RangeError(NmapError):
    """An input whose size this engine was not made for; another backend may take it."""


class Precision(str, Enum):
    """Arithmetic of the layers that bear it; what comes in and out stays as declared."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"  # the feature network only; the others take FP16


AUTO = "auto"  # the precision that this machine is fastest at (EngineOptions.quick)


class Device(str, Enum):
    """Where onnxruntime and torch run."""

    AUTO = "auto"  # CUDA where there is one, else CPU
    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"  # onnxruntime's own TensorRT provider: its first frames take minutes


@dataclass(frozen=True)
class EngineOptions:
    """precision: None: FP16 by TensorRT, FP32 elsewhere; onnxruntime takes FP32 for FP16.

    quick: where precision is None and onnxruntime runs on a CPU that is fast in 8 bits, the
    feature network takes INT8: what a robot wants. Without it the same image gives the same
    features on every CPU, as maps and measurements need. threads: 0: the library's choice.
    compile: torch compiles the network at its first call. background: with `auto` a missing
    TensorRT plan is built while another backend answers. workspace: bytes a TensorRT layer may
    take besides its tensors. cache: folder of the plans, None: see cache.py.
    """

    precision: Precision | None = None
    device: Device = Device.AUTO
    threads: int = 0
    compile: bool = False
    background: bool = True
    workspace: int = 512 << 20
    cache: Path | None = None
    quick: bool = False

    @staticmethod
    def from_environment(threads: int = 0, precision: str = "") -> EngineOptions:
        """NMAP_ENGINE_PRECISION, NMAP_ENGINE_DEVICE, NMAP_ENGINE_COMPILE (anything: yes).
        precision: what to take instead of the first; AUTO: the first, and `quick` where it is not
        given. NmapError: not one of the choices."""
        named = "" if precision == AUTO else precision
        named = named or os.environ.get("NMAP_ENGINE_PRECISION", "") or precision
        device = os.environ.get("NMAP_ENGINE_DEVICE", Device.AUTO.value)
        return EngineOptions(
            None if named in ("", AUTO) else _choice("NMAP_ENGINE_PRECISION", named, Precision,
                                                     AUTO),
            _choice("NMAP_ENGINE_DEVICE", device, Device), threads,
            bool(os.environ.get("NMAP_ENGINE_COMPILE")), quick=named == AUTO)


class Engine(Protocol):
    """A loaded network. Not thread-safe: one worker calls it, and may be any thread."""

    @property
    def backend(self) -> str:
        """"tensorrt", "onnx" or "torch"."""
        ...

    @property
    def reason(self) -> str:
        """One line: where it runs, and why not on a backend that comes before it."""
        ...

    @property
    def dtypes(self) -> Mapping[str, npt.DTypeLike]:
        """Types of the inputs by name."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Declared shape of an input; -1 where it may vary."""
        ...

    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """Runs once; the outputs by name. The arrays are the caller's own; they may be read-only.

        A read-only array that is given again need not be copied to the device again, nor one that
        another engine of the same device gave: it is still there.
        RangeError, EngineError.
        """
        ...

    def close(self) -> None:
        """Gives back what the engine holds (device memory, threads). May be called again."""
        ...


def _choice(variable: str, value: str, kind: type[Precision] | type[Device], *more: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join([*(member.value for member in kind), *more])
        raise NmapError(f"{variable}={value!r}: choose one of {choices}") from None
