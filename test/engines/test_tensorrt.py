"""The TensorRT backend on a double that takes only what TensorRT 10.3 and pycuda document."""

from __future__ import annotations

import gc
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from engine_inputs import lasting, picture, query, same

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import (
    Arrays,
    Engine,
    EngineError,
    EngineOptions,
    Precision,
    RangeError,
)
from nmap_reloc.engines.shapes import AXES, RANGES, graph_of, profile, warm_up
from nmap_reloc.errors import NmapError

NETWORKS = ("features", "neumap-sift-unfold", "neumap-sift-meet", "neumap-sift-decode")


@pytest.fixture
def weights(feature_weights: Path, neumap_weights: Path) -> Callable[[str], Path]:
    return lambda network: feature_weights if network == "features" else neumap_weights


@pytest.mark.parametrize("network", NETWORKS)
def test_the_same_as_onnxruntime_whatever_the_sizes(gpu: Any, weights: Any, network: str) -> None:
    plan, onnx = (open_engine(network, backend, weights(network), threads=1)
                  for backend in ("tensorrt", "onnx"))
    given: list[Arrays] = [picture(), picture(64, 64, 7), picture(160, 192, 300), picture()]
    if network != "features":
        given = [query(), query(1, 16), query(200, 400), query()]
    if network.endswith("unfold"):
        given = [{"codes": g["positions"][:, [0] * 16], "factors": g["positions"][:, :2]}
                 for g in given]
    if network.endswith("meet"):
        given = [{"descriptors": np.tile(g["asked"], 8), "codes": np.float32(g["marks"])}
                 for g in given]
    for inputs in given:
        same(plan(inputs), onnx(inputs))
        assert gpu.runs
    for name in given[0]:
        assert plan.shape(name) == onnx.shape(name)
        assert np.dtype(plan.dtypes[name]) == np.dtype(onnx.dtypes[name])
    plan.close()
    assert not gpu.memory
    plan.close()


def test_a_repeated_shape_takes_no_memory(gpu: Any, feature_weights: Path) -> None:
    engine = open_engine("features", "tensorrt", feature_weights)
    first = engine(picture())
    taken = gpu.allocated, gpu.pinned
    for _ in range(3):
        same(engine(picture()), first)
    engine(picture(64, 64, 7))  # smaller: what is there suffices
    engine(picture())
    assert (gpu.allocated, gpu.pinned) == taken
    engine(picture(192, 256, 500))
    assert gpu.allocated > taken[0]


def test_outputs_are_the_callers_own(gpu: Any, feature_weights: Path) -> None:
    engine = open_engine("features", "tensorrt", feature_weights)
    first = engine(picture())
    kept = {name: value.copy() for name, value in first.items()}
    engine({**picture(), "image": 1 - picture()["image"]})
    same(first, kept)


def test_what_is_read_only_and_given_again_is_not_sent_again(gpu: Any, neumap_weights: Path
                                                             ) -> None:
    engine = open_engine("neumap-sift-decode", "tensorrt", neumap_weights)
    inputs = lasting(query())
    first = engine(inputs)
    gpu.uploads.clear()
    same(engine(inputs), first)
    assert sorted(gpu.uploads) == sorted(inputs[name].nbytes for name in (
        "asked", "first", "chosen", "side"))
    other = {**inputs, "keys": query(40, 51)["keys"][:, :50]}
    assert not np.array_equal(engine(other)["coordinates"], first["coordinates"])
    same(engine(inputs), first)
    inputs["asked"][:] = query(40, 60)["asked"]
    assert not np.array_equal(engine(inputs)["coordinates"], first["coordinates"])


def test_any_thread_may_call_but_only_one_touches_the_device(gpu: Any, feature_weights: Path
                                                             ) -> None:
    engine = open_engine("features", "tensorrt", feature_weights)
    expected, answers = engine(picture()), []
    threads = [threading.Thread(target=lambda: answers.append(engine(picture())))
               for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 3 and gpu.retained == 2  # one of who built, one of the device thread
    for answer in answers:
        same(answer, expected)
    with pytest.raises(NmapError, match=r"engine features: called from thread MainThread, but its "
                                        r"device memory belongs to nmap_reloc-device; call"):
        engine.run(picture())  # type: ignore[attr-defined]


def test_sizes_outside_of_the_plan_are_named(gpu: Any, feature_weights: Path) -> None:
    engine = open_engine("features", "tensorrt", feature_weights)
    engine(picture())
    with pytest.raises(RangeError, match=r"engine features: slots of 5000 is outside of what it "
                                         r"takes \(1..3072\); give less, or choose the onnx"):
        engine(picture(96, 128, 5000))
    with pytest.raises(RangeError, match=r"image of 1 x 1 x 96 x 1632 .*1 x 1 x 32..1600"):
        engine({**picture(), "image": np.zeros((1, 1, 96, 1632), np.float32)})
    with pytest.raises(RangeError, match="image of 96 x 128"):
        engine({**picture(), "image": np.zeros((96, 128), np.float32)})
    engine(picture())


def test_shapes_that_contradict_each_other_are_an_error(gpu: Any, neumap_weights: Path) -> None:
    engine = open_engine("neumap-sift-decode", "tensorrt", neumap_weights)
    expected = engine(query())
    with pytest.raises(EngineError, match="shape inference failed") as error:
        engine({**query(), "positions": np.zeros((51, 3), np.float32)})
    assert "\n" not in str(error.value)
    same(engine(query()), expected)


def test_fp16_keeps_pixels_and_metres_exact(gpu: Any, weights: Any) -> None:
    for network in NETWORKS:
        open_engine(network, "tensorrt", weights(network))
    exact = gpu.exact
    assert {"keypoints", "scores", "descriptors"} <= exact["image"]
    assert {"coordinates", "confidence"} <= exact["asked"] and "voxel" not in exact["asked"]
    assert not any("Conv" in name for name in exact["image"])  # where the time goes
    assert any("ReduceMean" in name for name in exact["image"])


def test_fp32_pins_nothing(gpu: Any, feature_weights: Path) -> None:
    open_engine("features", "tensorrt", feature_weights,
                options=EngineOptions(precision=Precision.FP32))
    assert gpu.exact["image"] == set()


def test_precision_comes_from_the_environment(gpu: Any, feature_weights: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMAP_ENGINE_PRECISION", "fp32")
    assert "fp32" in open_engine("features", "tensorrt", feature_weights).reason
    monkeypatch.setenv("NMAP_ENGINE_PRECISION", "fp12")
    with pytest.raises(NmapError, match=r"NMAP_ENGINE_PRECISION='fp12': choose one of fp32, fp16"):
        open_engine("features", "tensorrt", feature_weights)


def test_int8_is_calibrated_with_images(gpu: Any, feature_weights: Path) -> None:
    from nmap_reloc.engines.plans import Plans

    options = EngineOptions(precision=Precision.INT8)
    with pytest.raises(EngineError, match=r"calibrated with images; run `nmap-reloc engines "
                                          r"build --precision int8 --images FOLDER` first"):
        open_engine("features", "tensorrt", feature_weights, options=options)
    plans = Plans("features", feature_weights / "features.onnx", options)
    batches = [picture(96, 128, 64) for _ in range(3)]
    plans.build(lambda *_: True, batches)
    assert gpu.calibrated == 3
    assert "int8" in open_engine("features", "tensorrt", feature_weights, options=options).reason
    assert gpu.builds == 1


def test_warm_up_runs_the_usual_size(gpu: Any, feature_weights: Path) -> None:
    engine = open_engine("features", "tensorrt", feature_weights)
    warm_up("features", engine)
    assert gpu.runs == 2
    taken = gpu.allocated
    engine(picture(96, 128, 64))
    assert gpu.allocated == taken


def test_axes_are_those_of_the_exports(weights: Any) -> None:
    for network in NETWORKS:
        engine: Engine = open_engine(network, "onnx", weights(network))
        graph = graph_of(network)
        import onnx

        proto = onnx.load(weights(network) / f"{network}.onnx")
        for value in proto.graph.input:
            named = {k: d.dim_param for k, d in enumerate(value.type.tensor_type.shape.dim)
                     if d.dim_param}
            assert named == AXES[graph][value.name]
        shapes = {v.name: engine.shape(v.name) for v in proto.graph.input}
        for least, usual, most in profile(network, shapes).values():
            assert all(a <= b <= c for a, b, c in zip(least, usual, most, strict=True))
    # what the extractor and the decoder give at most
    from nmap_reloc.features import learned
    from nmap_reloc.representations.neumap import loaded

    assert RANGES["features"]["width"].most == learned.LARGEST
    assert RANGES["neumap-meet"]["codes"].least == loaded.FEWEST_CODES


def test_an_export_of_another_version_gets_no_plan(gpu: Any, weights: Any, tmp_path: Path
                                                   ) -> None:
    import onnx

    model = onnx.load(weights("neumap-sift-decode") / "neumap-sift-decode.onnx")
    first = next(i for i in model.graph.input if i.name == "first")
    first.type.tensor_type.shape.dim[1].dim_value = 16
    onnx.save(model, tmp_path / "neumap-sift-decode.onnx")
    with pytest.raises(NmapError, match="neumap-sift-decode: exported by another version "
                                        r"\(candidates fixed at 16\); run `nmap-reloc engines"):
        open_engine("neumap-sift-decode", "tensorrt", tmp_path)


def test_the_double_is_strict(gpu: Any) -> None:
    import tensorrt as trt
    from pycuda import driver

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            pass
    builder = trt.Builder(Log())
    config = builder.create_builder_config()
    for wrong in (lambda: builder.max_workspace_size, lambda: trt.volume, lambda: driver.Graph):
        with pytest.raises(AttributeError):
            wrong()
    for wrong in (lambda: builder.create_network(1, 2), lambda: builder.create_network(flag=1),
                  lambda: config.set_flag("FP16"), lambda: builder.build_serialized_network(None),
                  trt.IBuilderConfig, lambda: trt.Runtime()):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(driver.Error, match="no currently active context"):
        driver.mem_alloc(16)
    if "tensorrt" in str(inspect.getfile(trt)):
        assert "fake_tensorrt" in inspect.getfile(trt)


def test_an_engine_that_nobody_holds_gives_its_memory_back(gpu: Any, feature_weights: Path
                                                           ) -> None:
    engine = open_engine("features", "tensorrt", feature_weights)
    engine(picture())
    assert gpu.memory
    other = open_engine("features", "tensorrt", feature_weights)
    del engine
    gc.collect()
    other(picture())  # comes after what the device thread had to do
    other.close()
    assert not gpu.memory


PROGRAM = """
import atexit, sys, fake_gpu
from pathlib import Path
import numpy as np
atexit.register(lambda: print(len(fake_gpu.gpu.memory), any(fake_gpu.gpu.stacks.values())))
from nmap_reloc.engines import open_engine
engine = open_engine("features", "tensorrt", Path(sys.argv[1]))
engine({"image": np.zeros((1, 1, 64, 64), np.float32), "slots": np.zeros(9, np.float32)})
print(len(fake_gpu.gpu.memory) > 0)
"""


def test_a_program_that_ends_gives_its_memory_back(feature_weights: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent / "fake_tensorrt"),
                   "NMAP_ENGINE_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(feature_weights)], text=True,
                          capture_output=True, timeout=120, env=environment)
    assert done.returncode == 0 and done.stdout.split() == ["True", "0", "False"], done.stderr
