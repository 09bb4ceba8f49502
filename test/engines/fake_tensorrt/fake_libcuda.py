"""libcuda.so.1, the six functions of the CUDA driver API that graphs.py declares: their order of
arguments, and results as numbers (0: success, 900 and more: of stream capture)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fake_gpu import gpu

SUCCESS, NOT_SUPPORTED, INVALID = 0, 801, 901
THREAD_LOCAL = 1
_before: dict[int, list[Callable[[], None]]] = {}  # what a stream had to do when recording began


def cuStreamBeginCapture_v2(stream: int, mode: int) -> int:
    if "capture" in gpu.faults or mode != THREAD_LOCAL:
        return NOT_SUPPORTED
    _before[stream], gpu.streams[stream] = gpu.streams[stream], []
    return SUCCESS


def cuStreamEndCapture(stream: int, graph: Any) -> int:
    recorded, gpu.streams[stream] = gpu.streams[stream], _before.pop(stream)
    if "capture ends" in gpu.faults:
        return INVALID
    graph._obj.value = gpu.address(1)
    gpu.graphs[graph._obj.value] = recorded
    return SUCCESS


def cuGraphInstantiateWithFlags(made: Any, graph: Any, flags: int) -> int:
    if flags != 0:
        return NOT_SUPPORTED
    made._obj.value = gpu.address(1)
    gpu.graphs[made._obj.value] = list(gpu.graphs[graph.value])
    return SUCCESS


def cuGraphLaunch(executable: Any, stream: int) -> int:
    gpu.launches += 1
    gpu.streams[stream].extend(gpu.graphs[executable.value])
    return SUCCESS


def cuGraphExecDestroy(executable: Any) -> int:
    del gpu.graphs[executable.value]
    return SUCCESS


def cuGraphDestroy(graph: Any) -> int:
    del gpu.graphs[graph.value]
    return SUCCESS
