"""The same networks by torch, for machines that have it. The robot's default never comes here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from nmap_reloc.engines.base import Arrays
from nmap_reloc.engines.export import Exportable, load_network


class TorchEngine:
    """Runs what was exported to ONNX, but from the weights themselves."""

    backend = "torch"

    def __init__(self, name: str, weights: Path | None = None):
        self._network: Exportable | None = load_network(name, weights)

    def shape(self, name: str) -> tuple[int, ...]:
        assert self._network is not None
        return self._network.input_shapes[name]

    @torch.inference_mode()
    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        assert self._network is not None
        given: list[Any] = [torch.from_numpy(np.ascontiguousarray(inputs[name]))
                            for name in self._network.input_shapes]
        outputs = self._network(*given)
        return {name: value.numpy()
                for name, value in zip(self._network.output_names, outputs, strict=True)}

    def close(self) -> None:
        self._network = None
