"""A torch network on a GPU; sizes that come again are recorded and played again: CUDA graphs.

A network of these is some hundred kernels that take microseconds each, so starting them one by
one would take longer than they do. What is played lies at fixed places: inputs are copied there,
through page-locked memory, unless they are there already.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nmap_reloc.engines.base import Arrays

KEPT = 8  # sets of sizes at a time: a search asks for codes in several sizes
Network = Callable[..., Sequence[Tensor]]
_settings = threading.Lock()  # those of cuDNN are the process's


def for_a_gpu(network: nn.Module, half: bool) -> None:
    """Puts a network on the GPU as that runs it fastest: convolutions do what the normalisation
    after them would; half: in FP16, the channels of a pixel side by side."""
    for part in network.modules():
        if isinstance(part, nn.Sequential):
            for k, (layer, after) in enumerate(pairwise(list(part))):
                if isinstance(layer, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                    part[k] = nn.utils.fuse_conv_bn_eval(layer, after)
                    part[k + 1] = nn.Identity()
        if half and isinstance(part, (nn.Conv2d, nn.Linear)):
            part.half()
    if half:
        network.to(memory_format=torch.channels_last)
    network.to("cuda")


class Place:
    """Where an input of one size lies, on the device and on its way there."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        self.there = torch.empty(shape, dtype=dtype, device="cuda")
        self._here = torch.empty(shape, dtype=dtype, pin_memory=True)
        self._array = self._here.numpy()
        self._holds: weakref.ref[Any] | None = None  # the read-only array that lies there
        self._lasting = False  # and has been asked for more than once

    def put(self, array: npt.NDArray[Any]) -> None:
        """Copies it there; nothing, if it is a read-only array that is there already."""
        if self._holds is not None and self._holds() is array:
            self._lasting = True
            return
        np.copyto(self._array, array)
        self.there.copy_(self._here, non_blocking=True)
        self._holds = None if array.flags.writeable else weakref.ref(array)
        self._lasting = False

    @property
    def outlived(self) -> bool:
        """It held something for longer, a tile, that nobody has any more."""
        return self._lasting and self._holds is not None and self._holds() is None


@dataclass
class Size:
    """A set of sizes: the places that are read; and from the second time on the graph that reads
    them, with page-locked copies of what it gives."""

    places: dict[str, Place]
    graph: Any = None
    given: Sequence[Tensor] = ()


class TorchGraphs:
    """network: takes and gives tensors on the device. types: of its inputs, by name, in order;
    gives: of its outputs. half: in FP16, where that bears it."""

    def __init__(self, network: Network, types: Mapping[str, torch.dtype],
                 gives: Sequence[torch.dtype], half: bool) -> None:
        self.network = network
        self._types, self._gives, self._half = types, gives, half
        self.stream = torch.cuda.Stream()
        self._pool: Any = None  # the graphs' memory: they run one after the other
        self._sizes: dict[tuple[tuple[int, ...], ...], Size] = {}  # the last one used at the end

    def __call__(self, inputs: Arrays) -> list[npt.NDArray[Any]]:
        sizes = tuple(inputs[name].shape for name in self._types)
        size = self._sizes.pop(sizes, None)
        known = size is not None
        with torch.cuda.stream(self.stream):
            if size is None:
                size = self._new(inputs)
            for name, place in size.places.items():
                place.put(inputs[name])
            self._sizes[sizes] = size
            if not known:  # it may never come again
                with self.arithmetic():
                    made = self._run(size)
                return [value.to(dtype).cpu().numpy()
                        for value, dtype in zip(made, self._gives, strict=True)]
            if size.graph is None:
                with self.arithmetic():
                    self._record(size)
            size.graph.replay()
        self.stream.synchronize()
        return [value.numpy().copy() for value in size.given]

    @property
    def last(self) -> Size:
        """What ran last."""
        return next(reversed(self._sizes.values()))

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """No less precision than was asked for, and always the same kernels."""
        with _settings, torch.backends.cudnn.flags(enabled=True, allow_tf32=False), \
                torch.autocast("cuda", torch.float16, enabled=self._half, cache_enabled=False):
            yield

    def _run(self, size: Size) -> Sequence[Tensor]:
        return self.network(*(place.there for place in size.places.values()))

    def _record(self, size: Size) -> None:
        """Not by torch.cuda.graph, which first collects garbage and gives memory back: for longer
        than a robot's camera waits."""
        given = [torch.empty(value.shape, dtype=dtype, pin_memory=True)
                 for value, dtype in zip(self._run(size), self._gives, strict=True)]
        self.stream.synchronize()
        if not any(other.graph for other in self._sizes.values()):  # torch ends it with the last
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        graph.capture_begin(self._pool, "thread_local")  # other threads may go on meanwhile
        try:
            for host, value in zip(given, self._run(size), strict=True):
                host.copy_(value.to(host.dtype), non_blocking=True)
        finally:  # whatever happened, the stream must leave the recording
            graph.capture_end()
        size.graph, size.given = graph, given

    def _new(self, inputs: Arrays) -> Size:
        """Room is made first: by what held tiles that are gone, else by what is oldest."""
        gone = [sizes for sizes, size in self._sizes.items()
                if any(place.outlived for place in size.places.values())]
        for sizes in gone or list(self._sizes)[:max(0, len(self._sizes) + 1 - KEPT)]:
            del self._sizes[sizes]
        shared = {(name, tuple(place.there.shape)): place for size in self._sizes.values()
                  for name, place in size.places.items()}
        return Size({name: shared.get((name, inputs[name].shape))
                     or Place(inputs[name].shape, dtype) for name, dtype in self._types.items()})
