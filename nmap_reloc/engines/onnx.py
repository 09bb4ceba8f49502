"""Networks by onnxruntime: CPU, CUDA, or its own TensorRT provider."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from nmap_reloc.engines.base import Arrays, Device, EngineError, EngineOptions
from nmap_reloc.engines.cache import default_folder
from nmap_reloc.engines.processor import eight_bit_products
from nmap_reloc.engines.rows import RowsAtOnce
from nmap_reloc.engines.sessions import Sessions
from nmap_reloc.engines.shapes import AXES, check_axes, graph_of, profile, row_inputs
from nmap_reloc.errors import NmapError
from nmap_reloc.weights import content_hash, find

INT8 = ".int8.onnx"  # `nmap-reloc engines quantize` makes it
CPU = "CPUExecutionProvider"
NAMES = {CPU: "CPU", "CUDAExecutionProvider": "CUDA",
         "TensorrtExecutionProvider": "TensorRT provider"}
TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(float16)": np.float16,
         "tensor(int32)": np.int32, "tensor(bool)": np.bool_}


class OnnxEngine:
    """A network as onnxruntime runs it."""

    backend = "onnx"

    def __init__(self, path: Path, options: EngineOptions | None = None, why: str = ""):
        """why: in this precision. EngineError: the provider that was asked for is not in this
        onnxruntime."""
        options = options or EngineOptions()
        providers = _providers(path, options)
        rows = row_inputs(path.name.partition(".")[0]) if providers == [CPU] else []
        self._rows = RowsAtOnce(rows, options.threads) if rows else None
        self._sessions = Sessions(path, providers, 1 if rows else options.threads)
        session = self._sessions.any
        used = session.get_providers()[0]
        eight = path.name.endswith(INT8)
        self.reason = (f"onnxruntime {onnxruntime.__version__} on {NAMES.get(used, used)}, "
                       f"{'int8' if eight else 'fp32'}{why and f' ({why})'}")
        if eight:
            _check_weights(path, session.get_modelmeta().custom_metadata_map)
        inputs = session.get_inputs()
        self._shapes = {i.name: tuple(d if isinstance(d, int) else -1 for d in i.shape)
                        for i in inputs}
        check_axes(path.name.partition(".")[0], self._shapes, path)
        self.dtypes: dict[str, npt.DTypeLike] = {i.name: TYPES[i.type] for i in inputs}
        self._outputs = [o.name for o in session.get_outputs()]
        self._by_size = "image" in self._shapes and used == CPU

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        given = {name: np.ascontiguousarray(value) for name, value in inputs.items()
                 if name in self._shapes}
        made = self._run(given) if self._rows is None else self._rows(self._run, given)
        return dict(zip(self._outputs, made, strict=True))

    def _run(self, given: Arrays) -> Sequence[npt.NDArray[Any]]:
        session = self._sessions.of_size(given) if self._by_size else self._sessions.any
        made: list[npt.NDArray[Any]] = session.run(self._outputs, given)
        return made

    def close(self) -> None:
        if self._rows is not None:
            self._rows.close()
        self._sessions.close()


def quickest(network: str, weights: Path | None, options: EngineOptions) -> OnnxEngine:
    """In 8 bits where the processor is fast at them and there is a file for it, else in FP32;
    the engine's reason says why. weights: folder, None: the shipped ones."""
    plain = find(f"{network}.onnx", weights)
    if _providers(plain, options)[0] != CPU:
        return OnnxEngine(plain, options)
    instructions = eight_bit_products()
    if instructions is None:
        return OnnxEngine(plain, options, "the processor has no products of 8 bits, or none is "
                                          "known of")
    try:
        return OnnxEngine(find(network + INT8, weights), options,
                          f"the processor has {instructions}")
    except NmapError as problem:
        return OnnxEngine(plain, options, f"not int8: {problem}")


def _check_weights(path: Path, metadata: dict[str, str]) -> None:
    """NmapError: the weights beside it are not those that it was made of."""
    if metadata.get("weights") != content_hash(path.name.removesuffix(INT8), path.parent):
        raise NmapError(f"network {path}: was made of other weights; run `nmap-reloc engines "
                        "quantize`")


def _providers(path: Path, options: EngineOptions) -> list[Any]:
    """Best first; onnxruntime itself falls back to the next one."""
    available = onnxruntime.get_available_providers()
    wanted = {Device.CPU: CPU, Device.CUDA: "CUDAExecutionProvider",
              Device.TENSORRT: "TensorrtExecutionProvider"}.get(options.device)
    if wanted is not None and wanted not in available:
        raise EngineError(f"device {options.device.value}: this onnxruntime has no {wanted} "
                           f"(but {', '.join(available)}); install onnxruntime-gpu, or choose cpu")
    chosen: list[Any] = []
    if options.device is Device.TENSORRT:
        chosen.append((wanted, _tensorrt_options(path, options)))
    if options.device is not Device.CPU and "CUDAExecutionProvider" in available:
        chosen.append("CUDAExecutionProvider")
    return [*chosen, CPU]


def _tensorrt_options(path: Path, options: EngineOptions) -> dict[str, Any]:
    """FP32 always: this provider has no way to keep pixels and metres exact in FP16."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    known = AXES[graph_of(path.stem)]
    ranges = profile(path.stem, {i.name: tuple(d if isinstance(d, int) else -1 for d in i.shape)
                                 for i in session.get_inputs() if i.name in known})

    def shapes(which: int) -> str:
        return ",".join(f"{name}:{'x'.join(map(str, r[which]))}" for name, r in ranges.items())
    return {"trt_engine_cache_enable": True,
            "trt_engine_cache_path": str(options.cache or default_folder()),
            "trt_max_workspace_size": options.workspace,
            "trt_profile_min_shapes": shapes(0), "trt_profile_opt_shapes": shapes(1),
            "trt_profile_max_shapes": shapes(2)}
