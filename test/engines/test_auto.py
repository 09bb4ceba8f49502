"""`auto` takes the first backend that works, says which, and goes on when one fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from engine_inputs import picture

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.background import AutoEngine
from nmap_reloc.engines.base import Arrays, Device, EngineError, EngineOptions, RangeError
from nmap_reloc.engines.shapes import AXES
from nmap_reloc.errors import NmapError


class Stand:
    """An engine that does as it is told; counts its calls."""

    reason = "stands for a real one"

    def __init__(self, backend: str, problem: Exception | None = None) -> None:
        self.backend, self.problem = backend, problem
        self.calls, self.closed = 0, False
        self.dtypes = dict.fromkeys(AXES["features"], np.float32)

    def shape(self, name: str) -> tuple[int, ...]:
        return (-1,) if name == "slots" else (1, 1, -1, -1)

    def __call__(self, inputs: Arrays) -> dict[str, Any]:
        self.calls += 1
        if self.problem is not None:
            raise self.problem
        return {"from": np.array(self.backend)}

    def close(self) -> None:
        self.closed = True


def opens(*engines: Stand | Exception) -> dict[str, Callable[[], Any]]:
    def opener(one: Stand | Exception) -> Callable[[], Any]:
        def take() -> Any:
            if isinstance(one, Exception):
                raise one
            return one
        return take
    return {name: opener(one) for name, one in zip(("tensorrt", "onnx", "torch"), engines,
                                                   strict=False)}


def asked(engine: AutoEngine) -> str:
    return str(engine({})["from"])


def test_the_first_that_opens_is_taken_and_says_why() -> None:
    engine = AutoEngine("features", opens(EngineError("no driver"), Stand("onnx"), Stand("torch")))
    assert asked(engine) == engine.backend == "onnx"
    assert engine.reason == "stands for a real one; not tensorrt: no driver"


def test_none_that_opens_names_all_reasons() -> None:
    with pytest.raises(EngineError, match=r"engine features: no backend runs it \(tensorrt: no "
                                          r"driver; onnx: not here; torch: neither\)"):
        AutoEngine("features", opens(EngineError("no driver"), ImportError("not here"),
                                     EngineError("neither")))


def test_what_the_user_has_to_mend_is_not_hidden() -> None:
    with pytest.raises(NmapError, match="not there; train it"):
        AutoEngine("features", opens(NmapError("network x: not there; train it"), Stand("onnx")))


def test_an_engine_that_fails_is_closed_and_the_next_answers(caplog: Any) -> None:
    first, second = Stand("tensorrt"), Stand("onnx")
    engine = AutoEngine("features", opens(first, second))
    assert asked(engine) == "tensorrt"
    first.problem = EngineError("context lost; restart")
    assert asked(engine) == "onnx" and first.closed and not second.closed
    assert "context lost; restart; onnx takes over" in caplog.text
    assert "not tensorrt: context lost" in engine.reason
    second.problem = EngineError("also broken")
    with pytest.raises(EngineError, match=r"no backend runs it .*context lost.*also broken"):
        asked(engine)


def test_a_size_that_does_not_fit_goes_elsewhere_once(caplog: Any) -> None:
    first, second = Stand("tensorrt", RangeError("too large")), Stand("onnx")
    engine = AutoEngine("features", opens(first, second))
    assert asked(engine) == "onnx" and engine.backend == "tensorrt"
    first.problem = None
    assert asked(engine) == "tensorrt" and not first.closed
    assert "too large; onnx takes it this time" in caplog.text
    alone = AutoEngine("features", opens(Stand("tensorrt", RangeError("too large"))))
    with pytest.raises(RangeError, match="too large"):
        asked(alone)
    with pytest.raises(RangeError, match="too large"):
        asked(alone)


def test_a_plan_built_in_the_background_takes_over_between_two_frames(caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    onnx, built, go = Stand("onnx"), Stand("tensorrt"), threading.Event()
    engine = AutoEngine("features", {"onnx": lambda: onnx})

    def build(progress: Any) -> Any:
        assert progress("phase", 1, 2)
        go.wait(10)
        return built
    engine.build_in_background(build)
    assert asked(engine) == "onnx" and "not tensorrt: its plan is being built" in engine.reason
    assert not engine.wait(0.01)
    go.set()
    assert engine.wait(10)
    assert built.calls == 2, "warmed up before it is used"
    assert engine.backend == "onnx"
    assert asked(engine) == "tensorrt" and engine.backend == "tensorrt"
    assert engine.reason == "stands for a real one" and not onnx.closed
    assert "switched from onnx to" in caplog.text
    built.problem = EngineError("lost")
    assert asked(engine) == "onnx" and built.closed
    engine.close()
    assert onnx.closed


@pytest.mark.parametrize("problem", [EngineError("no memory"), ValueError("a defect")])
def test_a_build_that_fails_leaves_the_other_backend(caplog: Any, problem: Exception) -> None:
    engine = AutoEngine("features", {"onnx": lambda: Stand("onnx")})

    def build(progress: Any) -> Any:
        raise problem
    engine.build_in_background(build)
    assert engine.wait(10) and asked(engine) == "onnx"
    assert f"not tensorrt: {problem}" in engine.reason
    assert f"stays on onnx: {problem}" in caplog.text


def test_a_built_engine_that_does_not_run_is_not_taken() -> None:
    engine = AutoEngine("features", {"onnx": lambda: Stand("onnx")})
    broken = Stand("tensorrt", EngineError("no memory"))
    engine.build_in_background(lambda progress: broken)
    assert engine.wait(10) and asked(engine) == "onnx" and broken.closed


def test_closing_stops_the_build() -> None:
    onnx, built, asked_at_all = Stand("onnx"), Stand("tensorrt"), threading.Event()
    engine = AutoEngine("features", {"onnx": lambda: onnx})

    def build(progress: Any) -> Any:
        while progress("phase", 1, 2):
            asked_at_all.set()
        return built
    engine.build_in_background(build)
    assert asked_at_all.wait(10)
    engine.close()
    assert engine.wait(10) and onnx.closed and built.closed


def test_auto_without_tensorrt_is_onnxruntime(feature_weights: Path) -> None:
    engine = open_engine("features", "auto", feature_weights)
    assert engine.backend == "onnx"
    assert "not tensorrt: backend tensorrt: " in engine.reason and "\n" not in engine.reason


def test_auto_builds_once_and_then_starts_with_the_plan(gpu: Any, neumap_weights: Path) -> None:
    first = open_engine("neumap-sift-unfold", "auto", neumap_weights)
    assert isinstance(first, AutoEngine)
    codes = {"codes": np.eye(20, 16, dtype=np.float32), "factors": np.ones((20, 2), np.float32)}
    before = first(codes)
    assert first.wait(60)
    after = first(codes)
    assert first.backend == "tensorrt" and gpu.builds == 1
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])
    second = open_engine("neumap-sift-unfold", "auto", neumap_weights)
    assert second.backend == "tensorrt" and gpu.builds == 1


@pytest.mark.parametrize("fault", ["execute", "out of memory", "context lost"])
def test_auto_survives_the_gpu(gpu: Any, feature_weights: Path, fault: str) -> None:
    open_engine("features", "tensorrt", feature_weights).close()
    engine = open_engine("features", "auto", feature_weights)
    assert engine.backend == "tensorrt"
    gpu.faults.add(fault)
    answer = engine(picture())
    assert engine.backend == "onnx" and answer["keypoints"].shape == (60, 2)
    engine.close()


@pytest.mark.parametrize("fault", ["build", "parse", "no device", "execution context"])
def test_auto_without_a_plan_stays_where_it_is(gpu: Any, feature_weights: Path, fault: str
                                               ) -> None:
    gpu.faults.add(fault)
    engine = open_engine("features", "auto", feature_weights)
    assert isinstance(engine, AutoEngine) and engine.wait(60)
    assert engine(picture())["keypoints"].shape == (60, 2)
    assert engine.backend == "onnx" and "not tensorrt: " in engine.reason


def test_auto_gives_sizes_outside_of_the_plan_to_the_next(gpu: Any, feature_weights: Path) -> None:
    open_engine("features", "tensorrt", feature_weights).close()
    engine = open_engine("features", "auto", feature_weights)
    large = {**picture(), "slots": np.zeros(3500, np.float32)}
    assert engine(large)["keypoints"].shape == (3500, 2)
    assert engine.backend == "tensorrt"


def test_a_device_that_is_not_here_is_named(feature_weights: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is a GPU")
    cuda = EngineOptions(device=Device.CUDA)
    with pytest.raises(EngineError, match="device cuda: this onnxruntime has no CUDAExec"):
        open_engine("features", "onnx", feature_weights, options=cuda)
    with pytest.raises(EngineError, match=r"device cuda: torch .* sees no GPU; choose cpu"):
        open_engine("features", "torch", feature_weights, options=cuda)
    monkeypatch.setenv("NMAP_ENGINE_DEVICE", "cuda")
    with pytest.raises(EngineError, match="no backend runs it"):
        open_engine("features", "auto", feature_weights)


def test_providers_are_chosen_by_what_there_is(feature_weights: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    from nmap_reloc.engines import onnx

    names = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnx.onnxruntime, "get_available_providers", lambda: names)
    path = feature_weights / "features.onnx"
    assert onnx._providers(path, EngineOptions()) == names[1:]
    assert onnx._providers(path, EngineOptions(device=Device.CPU)) == names[2:]
    first, *rest = onnx._providers(path, EngineOptions(device=Device.TENSORRT))
    assert rest == names[1:] and first[0] == names[0]
    assert first[1]["trt_profile_max_shapes"] == "image:1x1x1600x1600,slots:3072"
