"""The same networks by torch, for machines that have it. The robot's default never comes here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from nmap_reloc.engines.base import Arrays, Device, EngineError, EngineOptions, Precision
from nmap_reloc.engines.export import Exportable, load_network
from nmap_reloc.engines.torch_graphs import TorchGraphs, for_a_gpu
from nmap_reloc.errors import one_line


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
        given, _ = network.examples()
        types = dict(zip(network.input_shapes, (t.dtype for t in given), strict=True))
        self.dtypes: dict[str, npt.DTypeLike] = {
            n: torch.empty(0, dtype=t).numpy().dtype for n, t in types.items()}
        self._network: Exportable | None = network
        gives = []
        if cuda:
            with torch.inference_mode():
                gives = [value.dtype for value in network(*given)]
            for_a_gpu(network, half)
        run: Any = torch.compile(network) if options.compile else network
        self._run: Any = TorchGraphs(run, types, gives, half) if cuda else run
        where = torch.cuda.get_device_name() if cuda else "CPU"
        self.reason = (f"torch {torch.__version__} on {where}, {'fp16' if half else 'fp32'}"
                       f"{', compiled' if options.compile else ''}"
                       f"{', CUDA graphs' if cuda else ''}")

    def shape(self, name: str) -> tuple[int, ...]:
        assert self._network is not None
        return self._network.input_shapes[name]

    @torch.inference_mode()
    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        if self._network is None:
            raise EngineError(f"engine {self._name}: it was closed; open it again")
        try:
            made = self._run(inputs) if isinstance(self._run, TorchGraphs) else [
                value.numpy() for value in self._run(*self._tensors(inputs))]
        except RuntimeError as error:  # no memory left, a device that is lost, a wrong shape
            raise EngineError(f"engine {self._name}: torch could not run it ({one_line(error)}); "
                              "restart the program, or choose the onnx backend") from error
        return dict(zip(self._network.output_names, made, strict=True))

    def _tensors(self, inputs: Arrays) -> list[Any]:
        """Torch takes no read-only memory."""
        assert self._network is not None
        return [torch.from_numpy(np.require(inputs[name], requirements=["C", "W"]))
                for name in self._network.input_shapes]

    def close(self) -> None:
        if isinstance(self._run, TorchGraphs):
            self._run.close()
        self._network = self._run = None
