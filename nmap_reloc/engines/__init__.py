"""Engines by name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nmap_reloc.engines.background import AutoEngine
from nmap_reloc.engines.base import Engine, EngineError, EngineOptions, Precision
from nmap_reloc.engines.shapes import graph_of
from nmap_reloc.errors import NmapError
from nmap_reloc.weights import find

if TYPE_CHECKING:
    from nmap_reloc.engines.plans import Plans

BACKENDS = ("auto", "tensorrt", "onnx", "torch")
log = logging.getLogger(__name__)


def open_engine(network: str, backend: str = "auto", weights: Path | None = None,
                threads: int = 0, options: EngineOptions | None = None) -> Engine:
    """`network` ("features", "neumap-unfold", "neumap-decode", …) on a backend.

    auto: the first of BACKENDS that works; its `reason` says which and why. While a TensorRT plan
    is built the next one answers. tensorrt: waits for the plan. weights: folder of the networks,
    None for the shipped ones. options: None: from the environment.
    """
    options = options or EngineOptions.from_environment(threads)
    if backend == "auto":
        engine: Engine = _auto(network, weights, options)
    elif backend == "tensorrt":
        engine = _tensorrt(network, weights, options)
    elif backend == "onnx":
        engine = _onnx(network, weights, options)
    elif backend == "torch":
        engine = _torch(network, weights, options)
    else:
        raise NmapError(f"backend {backend!r}: not an engine; choose one of "
                        f"{', '.join(BACKENDS)}")
    log.info("engine %s: %s: %s", network, engine.backend, engine.reason)
    return engine


def _auto(network: str, weights: Path | None, options: EngineOptions) -> AutoEngine:
    others: dict[str, Callable[[], Engine]] = {
        "onnx": lambda: _onnx(network, weights, options),
        "torch": lambda: _torch(network, weights, options)}
    try:
        plans = _plans(network, weights, options)
    except EngineError as problem:
        return AutoEngine(network, others, {"tensorrt": str(problem)})
    made = plans.cached()
    if made is not None:
        return AutoEngine(network, {"tensorrt": lambda: made, **others})
    if not options.background:
        return AutoEngine(network, {"tensorrt": lambda: plans.build(_go_on), **others})
    engine = AutoEngine(network, others)
    engine.build_in_background(plans.build)
    return engine


def _plans(network: str, weights: Path | None, options: EngineOptions) -> Plans:
    from nmap_reloc.engines.plans import Plans
    return Plans(network, find(f"{network}.onnx", weights), options)


def _tensorrt(network: str, weights: Path | None, options: EngineOptions) -> Engine:
    plans = _plans(network, weights, options)
    made = plans.cached()
    if made is None:
        log.warning("engine %s: no plan for this device yet; building one takes minutes", network)
        made = plans.build(_go_on)
    return made


def _onnx(network: str, weights: Path | None, options: EngineOptions) -> Engine:
    try:
        from nmap_reloc.engines.onnx import INT8, OnnxEngine, quickest
    except ImportError as error:
        raise EngineError(f"backend onnx: {error}; pip install onnxruntime") from error
    if graph_of(network) == "features":
        if options.precision is Precision.INT8:
            return OnnxEngine(find(network + INT8, weights), options)
        if options.precision is None and options.quick:
            return quickest(network, weights, options)
    return OnnxEngine(find(f"{network}.onnx", weights), options)


def _torch(network: str, weights: Path | None, options: EngineOptions) -> Engine:
    try:
        from nmap_reloc.engines.torch import TorchEngine
    except ImportError as error:
        raise EngineError(f"backend torch: {error}; pip install 'nmap_reloc[train]'") from error
    return TorchEngine(network, weights, options)


def _go_on(phase: str, step: int, steps: int) -> bool:
    log.debug("%s: %d of %d", phase, step, steps)
    return True
