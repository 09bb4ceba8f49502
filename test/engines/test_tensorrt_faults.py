"""What can go wrong with TensorRT: a clear error, or the next backend, never a crash."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from engine_inputs import picture, same
from small_networks import textured
from synthetic_landmarks import features_of, world

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import EngineError
from nmap_reloc.features.learned import LearnedExtractor
from nmap_reloc.features.sift import SiftExtractor
from nmap_reloc.geometry import Rigid
from nmap_reloc.localizer import Localizer
from nmap_reloc.mapping.build import BuildOptions, build_site
from nmap_reloc.mapping.landmarks import Landmarks


@pytest.mark.parametrize(("fault", "said"), [
    ("build", "TensorRT built nothing.*Could not find any implementation"),
    ("parse", "can't read the ONNX file.*UNSUPPORTED_NODE"),
    ("execution context", "can't prepare to run.*OutOfMemory"),
    ("no device", "no CUDA device .*no CUDA-capable device is detected"),
    ("deserialise", "does not take the plan.*Serialization assertion failed")])
def test_what_fails_while_opening_is_named(gpu: Any, feature_weights: Path, fault: str,
                                           said: str) -> None:
    gpu.faults.add(fault)
    with pytest.raises(EngineError, match=said) as error:
        open_engine("features", "tensorrt", feature_weights)
    assert "\n" not in str(error.value) and not gpu.memory
    gpu.faults.clear()
    open_engine("features", "tensorrt", feature_weights)(picture())


@pytest.mark.parametrize(("fault", "said"), [
    ("out of memory", "the GPU has no memory left .*close what else uses it"),
    ("execute", "could not run it.*illegal memory access"),
    ("context lost", "LaunchError: .*unspecified launch failure; restart the program")])
def test_what_fails_while_running_is_named(gpu: Any, feature_weights: Path, fault: str,
                                           said: str) -> None:
    engine = open_engine("features", "tensorrt", feature_weights)
    if fault != "out of memory":
        engine(picture())
    gpu.faults.add(fault)
    with pytest.raises(EngineError, match=said) as error:
        engine(picture())
    assert "\n" not in str(error.value)
    gpu.faults.clear()
    if gpu.lost:
        with pytest.raises(EngineError, match="context is destroyed"):
            engine(picture())
    else:
        engine(picture())
    engine.close()
    with pytest.raises(EngineError, match="it was closed; open it again"):
        engine(picture())


@pytest.mark.parametrize("version", ["8.6.2", "10.0.1", "11.0.0"])
def test_another_tensorrt_is_refused(gpu: Any, feature_weights: Path, version: str) -> None:
    gpu.version = version
    with pytest.raises(EngineError, match=f"TensorRT {version} is installed, 10.3 or a later 10"):
        open_engine("features", "tensorrt", feature_weights)


def test_without_tensorrt_it_says_what_is_missing(feature_weights: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycuda", None)
    with pytest.raises(EngineError, match=r"backend tensorrt: .*pycuda.*; install TensorRT 10.3"):
        open_engine("features", "tensorrt", feature_weights)


@pytest.fixture(scope="module")
def scene() -> Landmarks:
    return replace(world(5, dimensions=128), extractor_hash=SiftExtractor().content_hash)


@pytest.fixture(scope="module")
def site(scene: Landmarks, neumap_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site") / "neumap"
    build_site(scene, path, "neumap", options=BuildOptions(weights=neumap_weights))
    return path


@pytest.fixture(scope="module")
def poses(site: Path, scene: Landmarks, neumap_weights: Path) -> list[Rigid]:
    """By onnxruntime."""
    localizer = Localizer.open(site, "onnx", weights=neumap_weights)
    return [found(localizer, view) for view in scene.held_out]


def found(localizer: Localizer, view: Any) -> Rigid:
    estimate = localizer.localize_features(features_of(view), view.camera)
    assert estimate.accepted and estimate.map_from_camera is not None
    return estimate.map_from_camera


def equal(a: Rigid, b: Rigid) -> None:
    np.testing.assert_array_equal(a.translation, b.translation)
    np.testing.assert_array_equal(a.rotation, b.rotation)


def test_the_whole_localizer_gives_what_onnxruntime_gives(
        gpu: Any, site: Path, scene: Landmarks, neumap_weights: Path, poses: list[Rigid]) -> None:
    localizer = Localizer.open(site, "tensorrt", weights=neumap_weights)
    for view, pose in zip(scene.held_out, poses, strict=True):
        equal(found(localizer, view), pose)
    assert gpu.runs > len(scene.held_out)


@pytest.mark.parametrize("fault", ["none", "build", "parse", "no device", "execution context",
                                   "deserialise", "out of memory", "execute", "context lost"])
def test_the_localizer_goes_on_whatever_happens_to_the_gpu(
        gpu: Any, site: Path, scene: Landmarks, neumap_weights: Path, poses: list[Rigid],
        fault: str) -> None:
    """Before it is opened, and in the middle of a drive."""
    gpu.faults.add(fault)
    localizer = Localizer.open(site, "auto", weights=neumap_weights)
    equal(found(localizer, scene.held_out[0]), poses[0])
    gpu.faults.clear()
    gpu.lost = False
    for graph in ("unfold", "meet", "decode"):
        open_engine(f"neumap-sift-{graph}", "tensorrt", neumap_weights).close()
    localizer = Localizer.open(site, "auto", weights=neumap_weights)
    runs = gpu.runs
    equal(found(localizer, scene.held_out[0]), poses[0])
    assert gpu.runs > runs
    gpu.faults.add(fault)
    for view, pose in zip(scene.held_out, poses, strict=True):
        equal(found(localizer, view), pose)


def test_the_extractor_gives_what_onnxruntime_gives(gpu: Any, feature_weights: Path) -> None:
    plan, onnx = (LearnedExtractor(200, backend, feature_weights)
                  for backend in ("tensorrt", "onnx"))
    assert plan.backend == "tensorrt" and plan.dimensions == onnx.dimensions
    for size in ((120, 160), (97, 131), (120, 160)):
        a, b = plan(textured(*size)), onnx(textured(*size))
        same({"keypoints": a.keypoints, "descriptors": a.descriptors},
             {"keypoints": b.keypoints, "descriptors": b.descriptors})
