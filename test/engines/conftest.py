"""A double of TensorRT and pycuda in the place of the real ones, on a GPU that tests can break."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmap_reloc.engines.device import device_thread
from nmap_reloc.engines.shapes import RANGES

DOUBLE = Path(__file__).parent / "fake_tensorrt"
USUAL = {"height": 96, "width": 128, "keypoints": 64, "candidates": 4, "codes": 256, "views": 2,
         "landmarks": 32}
MODULES = ("tensorrt", "pycuda", "fake_gpu", "fake_libcuda", "documented", "real_gpu")


def _forget(*kept: str) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in {*MODULES} - {*kept}]:
        del sys.modules[name]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Engines that the test opens keep their plans in tmp_path/plans. What is usual is small, so
    that warming up takes no time."""
    for ranges in RANGES.values():
        for axis, sizes in list(ranges.items()):
            monkeypatch.setitem(ranges, axis, replace(sizes, usual=USUAL[axis]))
    monkeypatch.setenv("NMAP_ENGINE_CACHE", str(tmp_path / "plans"))


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, small: None) -> Iterator[Any]:
    """The double's GPU."""
    pytest.importorskip("onnx")
    monkeypatch.syspath_prepend(str(DOUBLE))
    _forget()
    import fake_gpu
    import fake_libcuda

    monkeypatch.setattr("nmap_reloc.engines.cuda_graphs.library", lambda: fake_libcuda)
    yield fake_gpu.gpu
    _forget()
    device_thread().call(lambda: None)  # what it still had to give back is done before this
    # A thread that ends with a context aborts the program: none may be left anywhere.
    assert not any(fake_gpu.gpu.stacks.values())


@pytest.fixture
def real_gpu(monkeypatch: pytest.MonkeyPatch, small: None, feature_weights: Path,
             neumap_weights: Path) -> Iterator[Any]:
    """A real GPU under the real pycuda: of TensorRT alone there is a double (real_gpu.py)."""
    import pycuda.driver  # noqa: F401  before the double's is in the way

    monkeypatch.syspath_prepend(str(DOUBLE))
    import fake_gpu
    from real_gpu import RealGpu

    fake_gpu.gpu.real = made = RealGpu()
    made.add("features", feature_weights)
    for part in ("unfold", "meet", "decode"):
        made.add(f"neumap-sift-{part}", neumap_weights)
    yield made
    gc.collect()
    device_thread().call(lambda: None)
    _forget("pycuda")
