"""Networks by torch on a GPU, as CUDA graphs, answer as they do on a CPU. Where there is a GPU."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from engine_inputs import SHIPPED, examples, lasting, picture, query

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import Device, EngineOptions, Precision

if not torch.cuda.is_available():
    pytest.skip("no GPU", allow_module_level=True)

CLOSE = {Precision.FP32: 1e-3, Precision.FP16: 3e-2}


def engine(network: str, weights: Path | None, device: Device,
           precision: Precision = Precision.FP32) -> Any:
    return open_engine(network, "torch", weights,
                       options=EngineOptions(precision=precision, device=device))


@pytest.mark.parametrize("network", SHIPPED)
def test_every_network_is_recorded(network: str, caplog: pytest.LogCaptureFixture) -> None:
    """And gives what the CPU gives, in its type."""
    inputs = examples(network)
    here, there = (engine(network, None, device) for device in (Device.CPU, Device.CUDA))
    expected = here(inputs)
    for _ in range(3):
        made = there(inputs)
        assert made.keys() == expected.keys()
        for name, value in expected.items():
            assert (made[name].dtype, made[name].shape) == (value.dtype, value.shape), name
            if network != "features":  # whose keypoints may change places
                np.testing.assert_allclose(made[name], value, atol=1e-3, rtol=1e-3,
                                           err_msg=name)
    assert "CUDA graphs" in there.reason and not caplog.text


@pytest.mark.parametrize("precision", list(CLOSE))
def test_features_of_pictures(feature_weights: Path, precision: Precision) -> None:
    here = engine("features", feature_weights, Device.CPU)
    there = engine("features", feature_weights, Device.CUDA, precision)
    for size in 2 * [(96, 128, 60), (64, 64, 7), (160, 192, 300)]:
        expected, made = here(picture(*size)), there(picture(*size))
        for name in ("scores", "global_descriptor"):
            np.testing.assert_allclose(made[name], expected[name], atol=CLOSE[precision])
        apart = np.linalg.norm(made["keypoints"][:, None] - expected["keypoints"], axis=2)
        best = size[2] // 2
        # pixels: in half precision the logits around a maximum are coarser
        assert np.median(apart[:best].min(1)) < 10 * CLOSE[precision]


def test_what_is_read_only_is_sent_once(neumap_weights: Path) -> None:
    here, there = (engine("neumap-sift-decode", neumap_weights, device)
                   for device in (Device.CPU, Device.CUDA))
    inputs = lasting(query())
    for k in range(4):
        inputs["asked"][:] = np.roll(inputs["asked"], 1, 0)
        if k == 2:  # another tile of the same size
            other = query()
            inputs["keys"] = np.ascontiguousarray(other["keys"][:, ::-1])
            inputs["keys"].setflags(write=False)
        expected, made = here(inputs), there(inputs)
        for name, value in expected.items():
            np.testing.assert_allclose(made[name], value, atol=1e-3, err_msg=name)


def test_maps_come_and_go_without_filling_the_device(neumap_weights: Path) -> None:
    there = engine("neumap-sift-decode", neumap_weights, Device.CUDA)
    taken = []
    for codes in range(100_000, 100_040):
        inputs = lasting(query(8, codes))
        for _ in range(2):
            there(inputs)
        taken.append(torch.cuda.memory_allocated())
    assert max(taken[10:]) < 2 * max(taken[:3])


def test_threads_may_take_turns(neumap_weights: Path) -> None:
    there = engine("neumap-sift-decode", neumap_weights, Device.CUDA)
    expected = there(query())
    answers: list[Any] = []

    def ask(keypoints: int) -> None:
        for _ in range(3):
            there(query(keypoints))
        answers.append(there(query()))
    for keypoints in (1, 40, 77):
        thread = threading.Thread(target=ask, args=(keypoints,))
        thread.start()
        thread.join()
    for answer in answers:
        for name, value in expected.items():
            np.testing.assert_array_equal(answer[name], value)
    there.close()
    there.close()
