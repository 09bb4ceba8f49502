"""Memory of an engine, on the host and on the device.

pycuda frees memory only in the thread and with the context that took it: everything here is
called in the device thread with the context active. cuda: pycuda.driver.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

log = logging.getLogger(__name__)
_retained = threading.local()


def primary_context(cuda: Any) -> Any:
    """The device's primary context, retained once per thread and kept: pycuda lets go of one by
    pushing it a last time, which would leave it current behind our back."""
    if getattr(_retained, "library", None) is not cuda:
        _retained.library, _retained.context = cuda, cuda.Device(0).retain_primary_context()
    return _retained.context


@contextmanager
def active(context: Any) -> Iterator[None]:
    """Current in this thread only inside: pycuda aborts a program whose thread ends with one."""
    context.push()
    try:
        yield
    finally:
        context.pop()


class Tensor:
    """An input or output: pinned host memory and device memory, which only ever grow."""

    def __init__(self, name: str, dtype: Any, is_input: bool) -> None:
        self.name, self.dtype, self.is_input = name, np.dtype(dtype), is_input
        self.shape: tuple[int, ...] = ()
        self.sent: npt.NDArray[Any] | None = None  # the read-only array that lies on the device
        self.bytes: Any = None  # of the host memory, those in use
        self.array: Any = None  # the same as numbers
        self.device: Any = None
        self._host: Any = None

    def fit(self, cuda: Any, shape: tuple[int, ...]) -> None:
        """Room for this shape; called only when shapes change."""
        size = int(np.prod(shape)) * self.dtype.itemsize
        if self._host is None or self._host.nbytes < size:
            self.free()
            room = max(256, size + size // 4)
            host = cuda.pagelocked_empty(room, np.uint8)
            self.device = cuda.mem_alloc(room)
            self._host = host
        self.shape, self.sent = shape, None
        self.bytes = self._host[:size]
        self.array = self.bytes.view(self.dtype).reshape(shape)

    def free(self) -> None:
        if self.device is not None:
            self.device.free()
        self.device = self._host = self.bytes = self.array = self.sent = None


class Holdings:
    """All that an engine has on the device. plan: TensorRT's runtime, engine and context."""

    def __init__(self, cuda: Any, context: Any) -> None:
        self.cuda, self.context = cuda, context
        self.tensors: dict[str, Tensor] = {}
        self.plan: Any = None
        self.stream: Any = None
        self.scratch: Any = None  # what TensorRT works in
        self.scratch_bytes = 0

    def fit_scratch(self, size: int) -> None:
        """Room for `size` bytes, which the shapes at hand need: those for the largest shapes
        would be gigabytes."""
        if size > self.scratch_bytes:
            self._free_scratch()
            room = size + size // 4
            self.scratch = self.cuda.mem_alloc(room)
            self.scratch_bytes = room

    def release(self) -> None:
        """Gives it all back; a device that is lost keeps nobody from closing."""
        try:
            with active(self.context):
                self.plan = None
                self._free_scratch()
                for tensor in self.tensors.values():
                    tensor.free()
                self.stream = None
        except self.cuda.Error as error:
            log.warning("device memory could not be given back: %s", error)
        self.plan = self.stream = None
        self.tensors = {}

    def _free_scratch(self) -> None:
        if self.scratch is not None:
            self.scratch.free()
        self.scratch, self.scratch_bytes = None, 0
