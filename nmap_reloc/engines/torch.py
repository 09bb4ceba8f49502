"""The same networks by torch, for machines that have it. The robot's default never comes here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from nmap_reloc.engines.base import Arrays, Device, EngineError, EngineOptions, Precision
from nmap_reloc.engines.export import load_network
from nmap_reloc.engines.torch_graphs import Network, TorchGraphs, for_a_gpu
from nmap_reloc.errors import one_line

Run = Callable[[Arrays], list[npt.NDArray[Any]]]


class TorchEngine:
    """Runs what was exported to ONNX, but from the weights themselves."""

    backend = "torch"

    def __init__(self, name: str, weights: Path | None = None,
                 options: EngineOptions | None = None):
        """EngineError: no such device here, or a precision that it does not have."""
        self._name, options = name, options or EngineOptions()
        cuda = options.device is not Device.CPU and torch.cuda.is_available()
        if options.device in (Device.CUDA, Device.TENSORRT) and not cuda:
            raise EngineError(f"device {options.device.value}: torch {torch.__version__} sees no "
                               "GPU; choose cpu")
        if options.precision is Precision.INT8:
            raise EngineError("precision int8: torch runs fp32, and fp16 on a GPU; choose these")
        half = cuda and options.precision is Precision.FP16
        network = load_network(name, weights)
        self._shapes, self._outputs = network.input_shapes, network.output_names
        given, _ = network.examples()
        types = dict(zip(self._shapes, (t.dtype for t in given), strict=True))
        self.dtypes: dict[str, npt.DTypeLike] = {
            n: torch.empty(0, dtype=t).numpy().dtype for n, t in types.items()}
        gives = []
        if cuda:
            with torch.inference_mode():
                gives = [value.dtype for value in network(*given)]
            for_a_gpu(network, half)
        run: Any = torch.compile(network) if options.compile else network
        self._run: Run | None = TorchGraphs(run, types, gives, half) if cuda else _on_the_cpu(
            run, list(types))
        where = torch.cuda.get_device_name() if cuda else "CPU"
        self.reason = (f"torch {torch.__version__} on {where}, {'fp16' if half else 'fp32'}"
                       f"{', compiled' if options.compile else ''}"
                       f"{', CUDA graphs' if cuda else ''}")

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    @torch.inference_mode()
    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        if self._run is None:
            raise EngineError(f"engine {self._name}: it was closed; open it again")
        try:
            made = self._run(inputs)
        except RuntimeError as error:  # no memory left, a device that is lost, a wrong shape
            raise EngineError(f"engine {self._name}: torch could not run it ({one_line(error)}); "
                              "restart the program, or choose the onnx backend") from error
        return dict(zip(self._outputs, made, strict=True))

    def close(self) -> None:
        self._run = None


def _on_the_cpu(network: Network, names: Sequence[str]) -> Run:
    """names: of its inputs, in order."""
    def run(inputs: Arrays) -> list[npt.NDArray[Any]]:
        given = (torch.from_numpy(np.require(inputs[name], requirements=["C", "W"]))
                 for name in names)  # torch takes no read-only memory
        return [value.numpy() for value in network(*given)]
    return run
