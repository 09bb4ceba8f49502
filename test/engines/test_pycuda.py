"""The TensorRT backend on a real GPU: pycuda and the driver's CUDA graphs are the real ones, and
only TensorRT itself is the double, whose networks run there by torch. Where there is a GPU."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from engine_inputs import lasting, picture, query

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import Engine
from nmap_reloc.engines.device import device_thread

if not torch.cuda.is_available():
    pytest.skip("no GPU", allow_module_level=True)
pytest.importorskip("pycuda", reason="no pycuda")

CLOSE = 1e-3
DOUBLE = Path(__file__).parent / "fake_tensorrt"


def close(made: Any, expected: Any) -> None:
    for name, value in expected.items():
        np.testing.assert_allclose(made[name], value, atol=CLOSE, err_msg=name)


def both(network: str, weights: Path) -> tuple[Engine, Engine]:
    return open_engine(network, "tensorrt", weights), open_engine(network, "onnx", weights)


def test_a_size_that_comes_again_is_replayed(real_gpu: Any, neumap_weights: Path) -> None:
    plan, onnx = both("neumap-sift-decode", neumap_weights)
    for keypoints, codes in ((40, 50), (200, 400), (1, 16), (40, 50)):
        before = real_gpu.runs
        for k in range(4):
            inputs = query(keypoints, codes)
            inputs["asked"] = np.roll(inputs["asked"], k, 0)
            close(plan(inputs), onnx(inputs))
        assert real_gpu.runs == before + 2  # once by itself, once into the graph
    plan.close()


def test_pictures_of_several_sizes(real_gpu: Any, feature_weights: Path) -> None:
    plan, onnx = both("features", feature_weights)
    for size in ((96, 128, 60), (64, 64, 7), (160, 192, 300), (96, 128, 60)):
        for shift in (0, 8, 16):
            given = {**picture(*size), "image": np.roll(picture(*size)["image"], shift, 3)}
            made, expected = plan(given), onnx(given)
            np.testing.assert_allclose(made["scores"], expected["scores"], atol=CLOSE)
            np.testing.assert_allclose(made["global_descriptor"], expected["global_descriptor"],
                                       atol=CLOSE)
    plan.close()


def test_what_another_engine_gave_is_taken_from_the_device(real_gpu: Any, neumap_weights: Path
                                                           ) -> None:
    meet, meet_onnx = both("neumap-sift-meet", neumap_weights)
    decode, decode_onnx = both("neumap-sift-decode", neumap_weights)
    for seed in range(4):
        asked = {"descriptors": np.tile(query()["asked"], 8) + seed,
                 "codes": np.float32(query()["marks"])}
        met = meet(asked)
        close(met, meet_onnx(asked))
        inputs = lasting({**query(), **met})
        made, expected = decode(inputs), decode_onnx(inputs)
        close(made, expected)
        close(decode(inputs), expected)  # nothing is sent but the side


def test_threads_take_turns(real_gpu: Any, neumap_weights: Path) -> None:
    plan, onnx = both("neumap-sift-decode", neumap_weights)
    expected, wrong = onnx(query()), []

    def ask() -> None:
        for _ in range(20):
            try:
                close(plan(query()), expected)
            except Exception as problem:
                wrong.append(problem)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_memory_is_given_back(real_gpu: Any, feature_weights: Path) -> None:
    def free() -> int:
        torch._C._cuda_clearCublasWorkspaces()  # of the double's networks, for each stream
        torch.cuda.empty_cache()
        return int(torch.cuda.mem_get_info()[0])
    first = open_engine("features", "tensorrt", feature_weights)
    first(picture(1024, 1024, 1000))  # libraries keep what they took for their first work
    first.close()
    before = free()
    engines = [open_engine("features", "tensorrt", feature_weights) for _ in range(3)]
    for engine in engines:
        engine(picture(1024, 1024, 1000))
    assert free() < before - 3 * 4 * 1024 ** 2
    engines.pop().close()
    del engine, engines  # those that nobody closes too
    gc.collect()
    device_thread().call(lambda: None)
    assert free() >= before - (2 << 20)


PROGRAM = """
import sys
from pathlib import Path
import numpy as np, pycuda.driver
sys.path.insert(0, sys.argv[2])
import fake_gpu
from real_gpu import RealGpu
fake_gpu.gpu.real = RealGpu()
fake_gpu.gpu.real.add("features", Path(sys.argv[1]))
from nmap_reloc.engines import open_engine
engine = open_engine("features", "tensorrt", Path(sys.argv[1]))
for _ in range(3):
    engine({"image": np.zeros((1, 1, 64, 64), np.float32), "slots": np.zeros(9, np.float32)})
print("done")
"""


def test_a_program_ends_as_it_should(feature_weights: Path, tmp_path: Path,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """pycuda aborts one that leaves a context behind."""
    monkeypatch.setenv("NMAP_ENGINE_CACHE", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(feature_weights), str(DOUBLE)],
                          text=True, capture_output=True, timeout=300)
    assert (done.returncode, done.stdout.split()) == (0, ["done"])
    assert done.stderr.splitlines()[1:] == []  # after the line that a plan is built
