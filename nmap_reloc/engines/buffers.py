"""Memory of an engine, on the host and on the device.

pycuda frees memory only in the thread and with the context that took it: everything here is
called in the device thread with the context active. cuda: pycuda.driver.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from nmap_reloc.engines.cuda_graphs import Graph

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
        self._given: weakref.ref[Any] | None = None  # the array that the last run gave
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

    def give(self) -> npt.NDArray[Any]:
        """A read-only copy of what came from the device, which still knows where it lies there."""
        made: npt.NDArray[Any] = self.array.copy()
        made.flags.writeable = False
        self._given = weakref.ref(made)
        _given[id(made)] = self
        return made

    def is_of(self, array: npt.NDArray[Any]) -> bool:
        """Does the device still hold just this array here?"""
        return self._given is not None and self._given() is array

    def forget(self) -> None:
        """The device's memory is written anew."""
        self._given = None

    def free(self) -> None:
        self.forget()
        if self.device is not None:
            self.device.free()
        self.device = self._host = self.bytes = self.array = self.sent = None


_given: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()


def on_device(array: npt.NDArray[Any]) -> Tensor | None:
    """The output of an engine that this array is, while the device still holds it."""
    tensor = _given.get(id(array))
    return tensor if tensor is not None and tensor.is_of(array) else None


class Holdings:
    """All that an engine has on the device. plan: TensorRT's runtime, engine and context."""

    def __init__(self, cuda: Any, context: Any) -> None:
        self.cuda, self.context = cuda, context
        self.tensors: dict[str, Tensor] = {}
        self.plan: Any = None
        self.stream: Any = None
        self.graph: Graph | None = None  # of the shapes at hand
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

    def drop_graph(self) -> None:
        if self.graph is not None:
            self.graph.free()
        self.graph = None

    def release(self) -> None:
        """Gives it all back; a device that is lost keeps nobody from closing."""
        try:
            with active(self.context):
                self.drop_graph()
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
