"""pycuda.driver as nmap_reloc uses it: names, arguments and rules as in pycuda's documentation.

Rules that the real one has and users trip over: everything needs a current context in this
thread; memory is freed in the thread that retained its context; asynchronous copies happen later
and take page-locked memory only.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np
from fake_gpu import gpu


class Error(Exception):
    pass


class MemoryError(Error):
    pass


class LogicError(Error):
    pass


class LaunchError(Error):
    pass


class RuntimeError(Error):
    pass


def _context(call: str) -> Context:
    if gpu.lost:
        raise LogicError(f"{call} failed: context is destroyed")
    if not gpu.stack():
        raise LogicError("explicit_context_dependent failed: invalid device context - no "
                         "currently active context?")
    return gpu.stack()[-1]


def init(flags: int = 0) -> None:
    if "no device" in gpu.faults:
        raise RuntimeError("cuInit failed: no CUDA-capable device is detected")
    gpu.stacks.setdefault(-1, [])  # initialised


class Device:
    def __init__(self, number: int) -> None:
        if -1 not in gpu.stacks:
            raise LogicError("cuDeviceGet failed: initialization error")
        if number != 0:
            raise LogicError("cuDeviceGet failed: invalid device ordinal")

    def name(self) -> str:
        return gpu.name

    def compute_capability(self) -> tuple[int, int]:
        return (8, 7)

    def retain_primary_context(self) -> Context:
        context = object.__new__(Context)
        context._thread = threading.get_ident()
        gpu.retained += 1
        return context


class Context:
    _thread: int

    def __init__(self) -> None:
        raise TypeError("This class cannot be instantiated from Python")

    def push(self) -> None:
        if gpu.lost:
            raise LogicError("cuCtxPushCurrent failed: context is destroyed")
        gpu.stack().append(self)

    @staticmethod
    def pop() -> None:
        if not gpu.stack():
            raise LogicError("context::pop failed: invalid device context - cannot pop "
                             "non-current context")
        gpu.stack().pop()


class DeviceAllocation:
    _address: int

    def __init__(self) -> None:
        raise TypeError("This class cannot be instantiated from Python")

    def __int__(self) -> int:
        return self._address

    __index__ = __int__

    def free(self) -> None:
        if self._address not in gpu.memory:
            raise LogicError("device_allocation::free failed: invalid resource handle")
        if self._ward._thread != threading.get_ident():
            raise LogicError("cannot activate out-of-thread context")
        _context("cuMemFree")
        del gpu.memory[self._address]


def mem_alloc(bytes: int) -> DeviceAllocation:
    context = _context("cuMemAlloc")
    if bytes <= 0:
        raise LogicError("cuMemAlloc failed: invalid argument")
    if "out of memory" in gpu.faults or gpu.used() + bytes > gpu.capacity:
        raise MemoryError("cuMemAlloc failed: out of memory")
    made = object.__new__(DeviceAllocation)
    made._address, made._ward = gpu.address(bytes), context
    gpu.memory[made._address] = np.zeros(bytes, np.uint8)
    gpu.allocated += 1
    return made


def pagelocked_empty(shape: Any, dtype: Any, order: str = "C", mem_flags: int = 0) -> np.ndarray:
    _context("cuMemHostAlloc")
    made = np.empty(shape, dtype, order)
    address = made.__array_interface__["data"][0]
    gpu.host[address] = made.nbytes
    weakref.finalize(made, gpu.host.pop, address, None)
    gpu.pinned += 1
    return made


class Stream:
    def __init__(self, flags: int = 0) -> None:
        _context("cuStreamCreate")
        self._handle = gpu.address(1)
        gpu.streams[self._handle] = []

    @property
    def handle(self) -> int:
        return self._handle

    def synchronize(self) -> None:
        _context("cuStreamSynchronize")
        work, gpu.streams[self._handle] = gpu.streams[self._handle], []
        for step in work:
            step()


def _pinned(array: np.ndarray) -> np.ndarray:
    start = array.__array_interface__["data"][0]
    if not any(begin <= start and start + array.nbytes <= begin + size
               for begin, size in gpu.host.items()):
        raise LogicError("an asynchronous copy needs page-locked memory")
    if not array.flags.c_contiguous:
        raise ValueError("ndarray is not contiguous")
    return array.reshape(-1).view(np.uint8)


def _device(pointer: Any, size: int, call: str) -> np.ndarray:
    span = gpu.span(int(pointer), size)
    if span is None:
        raise LogicError(f"{call} failed: invalid argument")
    return span


def memcpy_htod(dest: Any, src: np.ndarray) -> None:
    _context("cuMemcpyHtoD")
    _device(dest, src.nbytes, "cuMemcpyHtoD")[:] = np.ascontiguousarray(src).reshape(-1).view(
        np.uint8)


def memcpy_htod_async(dest: Any, src: np.ndarray, stream: Stream | None = None) -> None:
    _context("cuMemcpyHtoDAsync")
    assert isinstance(stream, Stream)
    target, source = _device(dest, src.nbytes, "cuMemcpyHtoDAsync"), _pinned(src)
    gpu.uploads.append(src.nbytes)
    gpu.streams[stream.handle].append(lambda: np.copyto(target, source))


def memcpy_dtod_async(dest: Any, src: Any, size: int, stream: Stream | None = None) -> None:
    _context("cuMemcpyDtoDAsync")
    assert isinstance(stream, Stream)
    target, source = (_device(pointer, size, "cuMemcpyDtoDAsync") for pointer in (dest, src))
    gpu.moves.append(size)
    gpu.streams[stream.handle].append(lambda: np.copyto(target, source))


def memcpy_dtoh_async(dest: np.ndarray, src: Any, stream: Stream | None = None) -> None:
    _context("cuMemcpyDtoHAsync")
    assert isinstance(stream, Stream)
    source, target = _device(src, dest.nbytes, "cuMemcpyDtoHAsync"), _pinned(dest)
    gpu.streams[stream.handle].append(lambda: np.copyto(target, source))
