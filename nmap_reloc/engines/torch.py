"""The same networks by torch, for machines that have it. The robot's default never comes here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from nmap_reloc.engines.base import Arrays, Device, EngineError, EngineOptions, Precision
from nmap_reloc.engines.export import Exportable, load_network


class TorchEngine:
    """Runs what was exported to ONNX, but from the weights themselves."""

    backend = "torch"

    def __init__(self, name: str, weights: Path | None = None,
                 options: EngineOptions | None = None):
        """EngineError: no such device here, or a precision that it does not have."""
        options = options or EngineOptions()
        cuda = options.device is not Device.CPU and torch.cuda.is_available()
        if options.device in (Device.CUDA, Device.TENSORRT) and not cuda:
            raise EngineError(f"device {options.device.value}: torch {torch.__version__} sees no "
                               "GPU; choose cpu")
        if options.precision is Precision.INT8:
            raise EngineError("precision int8: torch runs fp32, and fp16 on a GPU; choose these")
        self._device = torch.device("cuda" if cuda else "cpu")
        self._half = cuda and options.precision is Precision.FP16
        network = load_network(name, weights)
        self._network: Exportable | None = network.to(self._device)
        # CUDA graphs for shapes that come again, where there is a GPU.
        self._run: Any = torch.compile(self._network, mode="reduce-overhead" if cuda else None) \
            if options.compile else self._network
        given, _ = network.examples()
        self.dtypes: dict[str, npt.DTypeLike] = {
            n: torch.empty(0, dtype=t.dtype).numpy().dtype
            for n, t in zip(network.input_shapes, given, strict=True)}
        where = torch.cuda.get_device_name() if cuda else "CPU"
        self.reason = (f"torch {torch.__version__} on {where}, {'fp16' if self._half else 'fp32'}"
                       f"{', compiled' if options.compile else ''}")

    def shape(self, name: str) -> tuple[int, ...]:
        assert self._network is not None
        return self._network.input_shapes[name]

    @torch.inference_mode()
    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        assert self._network is not None
        given = [self._tensor(inputs[name]) for name in self._network.input_shapes]
        with torch.autocast(self._device.type, torch.float16, enabled=self._half):
            outputs = self._run(*given)
        # A compiled network gives its own memory, which its next run overwrites.
        return {name: value.float().cpu().numpy() if value.is_floating_point()
                else value.cpu().numpy()
                for name, value in zip(self._network.output_names, outputs, strict=True)}

    def _tensor(self, array: npt.NDArray[Any]) -> Any:
        whole = np.require(array, requirements=["C", "W"])  # torch takes no read-only memory
        return torch.from_numpy(whole).to(self._device)

    def close(self) -> None:
        self._network = self._run = None
