"""Engines by name."""

from __future__ import annotations

from pathlib import Path

from nmap_reloc.engines.base import Engine
from nmap_reloc.errors import NmapError
from nmap_reloc.weights import find

BACKENDS = ("auto", "onnx", "torch")


def open_engine(network: str, backend: str = "auto", weights: Path | None = None,
                threads: int = 0) -> Engine:
    """`network` ("features", "neumap-unfold", "neumap-decode", …) on a backend; auto: onnx.

    weights: folder of the networks, None for the shipped ones.
    """
    if backend in ("auto", "onnx"):
        from nmap_reloc.engines.onnx import OnnxEngine
        return OnnxEngine(find(f"{network}.onnx", weights), threads)
    if backend == "torch":
        from nmap_reloc.engines.torch import TorchEngine
        return TorchEngine(network, weights)
    raise NmapError(f"backend {backend!r}: not an engine; choose one of {', '.join(BACKENDS)}")
