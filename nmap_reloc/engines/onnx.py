"""Networks by onnxruntime on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from nmap_reloc.engines.base import Arrays
from nmap_reloc.errors import NmapError


class OnnxEngine:
    """One onnxruntime session; `threads` 0 leaves their number to onnxruntime."""

    backend = "onnx"

    def __init__(self, path: Path, threads: int = 0):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own types are not public
            reason = " ".join(str(error).split())[:120]
            raise NmapError(f"network {path}: onnxruntime can't load it ({reason}); install the "
                            "package again") from error
        self._shapes = {i.name: tuple(d if isinstance(d, int) else -1 for d in i.shape)
                        for i in self._session.get_inputs()}
        self._outputs = [o.name for o in self._session.get_outputs()]

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def __call__(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        given = {name: np.ascontiguousarray(value) for name, value in inputs.items()
                 if name in self._shapes}
        return dict(zip(self._outputs, self._session.run(self._outputs, given), strict=True))

    def close(self) -> None:
        self._session = None
