"""The double's plans on a real GPU, under the real pycuda: a network runs by torch on the stream,
from and to the addresses, that TensorRT is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from nmap_reloc.engines.export import load_network


class Memory:
    """Device memory that somebody else took, as torch takes it."""

    def __init__(self, shape: tuple[int, ...], kind: Any, address: int) -> None:
        self.__cuda_array_interface__ = {"shape": shape, "typestr": np.dtype(kind).str,
                                         "data": (address, False), "version": 3}


class RealGpu:
    """Stands where execute_async_v3 does. networks: those that plans are made of."""

    def __init__(self) -> None:
        self.runs = 0  # those that a CUDA graph makes are not counted
        self._networks: dict[tuple[str, ...], Any] = {}

    def add(self, name: str, weights: Path) -> None:
        network = load_network(name, weights).to("cuda")
        self._networks[(*network.input_shapes, *network.output_names)] = network

    @torch.inference_mode()
    def __call__(self, tensors: dict[str, tuple[tuple[int, ...], Any, int]], stream: int) -> bool:
        network = self._networks[tuple(tensors)]
        there = {name: torch.as_tensor(Memory(*where), device="cuda")
                 for name, where in tensors.items()}
        self.runs += 1
        with torch.cuda.stream(torch.cuda.ExternalStream(stream)), \
                torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            made = network(*(there[name] for name in network.input_shapes))
            for name, value in zip(network.output_names, made, strict=True):
                there[name].copy_(value)
        return True
