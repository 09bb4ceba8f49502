"""CUDA graphs of the CUDA driver API, which pycuda does not wrap: what a stream was given once is
given again by one call. Needs a driver of CUDA 11.4 or newer.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from functools import cache
from typing import Any

THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may go on meanwhile
log = logging.getLogger(__name__)


class GraphError(RuntimeError):
    """The driver refused; the stream works on without a graph."""


@cache
def library() -> Any:
    """The driver's own library. GraphError: there is none, or an older one."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
        handle, pointer = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)
        for name, arguments in {
                "cuStreamBeginCapture_v2": (handle, ctypes.c_int),
                "cuStreamEndCapture": (handle, pointer),
                "cuGraphInstantiateWithFlags": (pointer, handle, ctypes.c_ulonglong),
                "cuGraphLaunch": (handle, handle),
                "cuGraphExecDestroy": (handle,),
                "cuGraphDestroy": (handle,)}.items():
            function = getattr(cuda, name)
            function.argtypes, function.restype = arguments, ctypes.c_int
    except (OSError, AttributeError) as error:
        raise GraphError(str(error)) from error
    return cuda


class Graph:
    """The work that `enqueue` gives to a stream, ready to be given again: same memory, same sizes.

    Everything here is called in the thread and context of the stream, and does not wait.
    """

    def __init__(self, stream: int, enqueue: Callable[[], bool]) -> None:
        """Records what enqueue does, without doing it. GraphError: it can't be recorded."""
        cuda, graph, made = library(), ctypes.c_void_p(), ctypes.c_void_p()
        _check(cuda.cuStreamBeginCapture_v2(stream, THREAD_LOCAL), "cuStreamBeginCapture")
        try:
            enqueued = enqueue()
        finally:  # whatever happened, the stream must leave the recording
            ended = cuda.cuStreamEndCapture(stream, ctypes.byref(graph))
        _check(ended, "cuStreamEndCapture")
        try:
            if not enqueued:
                raise GraphError("TensorRT could not be recorded")
            _check(cuda.cuGraphInstantiateWithFlags(ctypes.byref(made), graph, 0),
                   "cuGraphInstantiateWithFlags")
        finally:
            cuda.cuGraphDestroy(graph)
        self._executable: ctypes.c_void_p | None = made

    def launch(self, stream: int) -> None:
        _check(library().cuGraphLaunch(self._executable, stream), "cuGraphLaunch")

    def free(self) -> None:
        """May be called again."""
        if self._executable is not None:
            library().cuGraphExecDestroy(self._executable)
            self._executable = None


def recorded(stream: int, enqueue: Callable[[], bool], network: str) -> Graph | None:
    """A graph, or None (said in the log) where the driver makes none."""
    try:
        return Graph(stream, enqueue)
    except GraphError as problem:
        log.warning("engine %s: runs without a CUDA graph: %s", network, problem)
        return None


def _check(result: int, call: str) -> None:
    if result:
        raise GraphError(f"{call} failed with CUDA error {result}")
