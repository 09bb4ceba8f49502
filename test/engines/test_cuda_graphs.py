"""What TensorRT was given once is given again by a CUDA graph, and outputs stay on the device."""

from __future__ import annotations

import ctypes
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_inputs import picture, query, same

from nmap_reloc.engines import cuda_graphs, open_engine


def test_a_shape_that_comes_again_is_replayed(gpu: Any, feature_weights: Path) -> None:
    engine = open_engine("features", "tensorrt", feature_weights)
    onnx = open_engine("features", "onnx", feature_weights)
    for k in range(4):
        image = {**picture(), "image": np.roll(picture()["image"], 7 * k, 3)}
        same(engine(image), onnx(image))
        assert gpu.launches == max(0, k) and len(gpu.graphs) == (k > 0)
    same(engine(picture(64, 64, 7)), onnx(picture(64, 64, 7)))
    assert gpu.launches == 3 and not gpu.graphs
    engine(picture(64, 64, 7))
    assert gpu.launches == 4 and gpu.runs == 6
    engine.close()
    assert not gpu.graphs and not gpu.memory


@pytest.mark.parametrize("fault", ["capture", "capture ends"])
def test_without_graphs_it_runs_as_before(gpu: Any, feature_weights: Path, fault: str,
                                          caplog: pytest.LogCaptureFixture) -> None:
    gpu.faults.add(fault)
    engine = open_engine("features", "tensorrt", feature_weights)
    first = engine(picture())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            same(engine(picture()), first)
    assert gpu.launches == 0 and gpu.runs == 4
    assert caplog.text.count("runs without a CUDA graph: cuStream") == 1


def test_what_another_engine_gave_is_not_sent_again(gpu: Any, neumap_weights: Path) -> None:
    meet, decode = (open_engine(f"neumap-sift-{part}", "tensorrt", neumap_weights)
                    for part in ("meet", "decode"))
    asked = {"descriptors": np.tile(query()["asked"], 8), "codes": np.float32(query()["marks"])}
    met = meet(asked)
    expected = decode({**query(), **{name: value.copy() for name, value in met.items()}})
    gpu.uploads.clear()
    same(decode({**query(), **met}), expected)
    # asked, first and chosen came from the device itself
    assert sorted(gpu.moves) == sorted(value.nbytes for value in met.values())
    assert len(gpu.uploads) == len(query()) - len(met)
    gpu.moves.clear()
    meet({**asked, "codes": -asked["codes"]})  # the device now holds something else there
    same(decode({**query(), **met, "side": np.full(1, 2, np.float32)}),
         decode({**query(), **{name: value.copy() for name, value in met.items()},
                 "side": np.full(1, 2, np.float32)}))
    assert not gpu.moves
    meet.close()
    same(decode({**query(), **met}), expected)


def test_functions_are_declared_as_the_driver_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        def __init__(self, name: str) -> None:
            assert name == "libcuda.so.1"

        def __getattr__(self, name: str) -> Any:
            if name == "cuGraphLaunch" and self.old:
                raise AttributeError(f"undefined symbol: {name}")
            made = type("Function", (), {})()
            setattr(self, name, made)
            return made
        old = False
    monkeypatch.setattr(ctypes, "CDLL", Library)
    cuda_graphs.library.cache_clear()
    made = cuda_graphs.library()
    assert made.cuGraphInstantiateWithFlags.argtypes[2] is ctypes.c_ulonglong
    cuda_graphs.library.cache_clear()
    Library.old = True
    with pytest.raises(cuda_graphs.GraphError, match="undefined symbol: cuGraphLaunch"):
        cuda_graphs.library()
    cuda_graphs.library.cache_clear()
