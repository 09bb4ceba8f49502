"""onnxruntime and torch give the same answers, whatever the sizes; bad networks are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnx
from engine_inputs import SHIPPED, examples
from small_networks import textured

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import Engine, EngineError
from nmap_reloc.engines.onnx import OnnxEngine
from nmap_reloc.engines.shapes import AXES, check_axes, graph_of
from nmap_reloc.errors import NmapError
from nmap_reloc.features.learned import LEAST_SCORE

CLOSE = 1e-3


def both(network: str, weights: Path) -> tuple[Engine, Engine]:
    return (open_engine(network, "onnx", weights, threads=1),
            open_engine(network, "torch", weights))


@pytest.mark.parametrize(("height", "width", "count"),
                         [(64, 96, 50), (224, 256, 100), (160, 320, 300), (64, 64, 7)])
def test_features_agree(feature_weights: Path, height: int, width: int, count: int) -> None:
    here, there = both("features", feature_weights)
    image = (textured(height, width, height) / np.float32(255))[None, None]
    inputs = {"image": image, "slots": np.zeros(count, np.float32)}
    a, b = here(inputs), there(inputs)
    assert {n: v.shape for n, v in a.items()} == {n: v.shape for n, v in b.items()}
    assert a["keypoints"].shape == (count, 2)
    np.testing.assert_allclose(a["scores"], b["scores"], atol=CLOSE)
    np.testing.assert_allclose(a["global_descriptor"], b["global_descriptor"], atol=CLOSE)
    # two keypoints of nearly one score may change places, and the last may differ; what is no
    # keypoint at all fills the slots that are left, in any order
    real = np.flatnonzero(a["scores"] > max(float(a["scores"][-1]) + 1e-5, 2 * LEAST_SCORE))
    apart = np.linalg.norm(a["keypoints"][real, None] - b["keypoints"][None], axis=2)
    assert len(real) > 3
    partner = apart.argmin(1)
    assert apart.min(1, initial=np.inf).max(initial=0) < CLOSE
    np.testing.assert_allclose(a["descriptors"][real], b["descriptors"][partner], atol=CLOSE)


def test_images_of_other_sizes_in_between_change_nothing(feature_weights: Path) -> None:
    engine = OnnxEngine(feature_weights / "features.onnx")
    for height, width, count in 2 * [(64, 96, 50), (96, 64, 50), (64, 96, 40), (64, 96, 50)]:
        image = (textured(height, width, 1) / np.float32(255))[None, None]
        inputs = {"image": image, "slots": np.zeros(count, np.float32)}
        expected = OnnxEngine(feature_weights / "features.onnx")(inputs)
        for _ in range(2):
            for name, value in engine(inputs).items():
                np.testing.assert_array_equal(value, expected[name])
    engine.close()


@pytest.mark.parametrize(("keypoints", "codes", "voxels"),
                         [(1, 16, 1), (40, 50, 5), (300, 700, 9), (129, 17, 3)])
def test_neumap_agrees(neumap_weights: Path, keypoints: int, codes: int, voxels: int) -> None:
    rng = np.random.default_rng(codes)
    made = _unit(rng.normal(size=(codes, 16)))
    unfold, unfold_torch = both("neumap-sift-unfold", neumap_weights)
    given = {"codes": made, "factors": rng.uniform(0, 1, (codes, 2)).astype(np.float32)}
    a, b = unfold(given), unfold_torch(given)
    for name, shape in (("keys", (2, codes, 32)), ("values", (2, codes, 32)),
                        ("marks", (codes, 16))):
        assert a[name].shape == shape
        np.testing.assert_allclose(a[name], b[name], atol=CLOSE)
    meet, meet_torch = both("neumap-sift-meet", neumap_weights)
    inputs = {"descriptors": _unit(rng.normal(size=(keypoints, 128))), "codes": made}
    met, met_torch = meet(inputs), meet_torch(inputs)
    for name in ("asked", "first"):
        np.testing.assert_allclose(met[name], met_torch[name], atol=CLOSE)
    decode, decode_torch = both("neumap-sift-decode", neumap_weights)
    inputs = {**met, **{name: value.astype(np.float16) for name, value in a.items()},
              "positions": rng.uniform(-2, 2, (codes, 3)).astype(np.float32),
              "voxels": rng.integers(0, voxels, codes), "side": np.ones(1, np.float32)}
    c, d = decode(inputs), decode_torch(inputs)
    np.testing.assert_array_equal(c["voxel"], d["voxel"])
    for name, shape in (("coordinates", (keypoints, 3)), ("confidence", (keypoints,))):
        assert c[name].shape == shape
        np.testing.assert_allclose(c[name], d[name], atol=CLOSE)


@pytest.mark.parametrize("network", SHIPPED)
def test_shipped_networks_agree(network: str) -> None:
    here, there = (open_engine(network, backend, threads=1) for backend in ("onnx", "torch"))
    inputs = examples(network)
    a, b = here(inputs), there(inputs)
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert (value.dtype, value.shape) == (b[name].dtype, b[name].shape), name
        if network != "features":  # of noise: its keypoints may change places
            np.testing.assert_allclose(value, b[name], rtol=CLOSE, atol=CLOSE, err_msg=name)


def test_engines_declare_the_same_shapes(neumap_weights: Path, feature_weights: Path) -> None:
    for network, folder in (("features", feature_weights), ("neumap-sift-unfold", neumap_weights),
                            ("neumap-sift-meet", neumap_weights),
                            ("neumap-sift-decode", neumap_weights)):
        here, there = both(network, folder)
        for name in AXES[graph_of(network)]:
            assert here.shape(name) == there.shape(name), name
            assert np.dtype(here.dtypes[name]) == np.dtype(there.dtypes[name]), name
        assert (here.backend, there.backend) == ("onnx", "torch")
        here.close()
        there.close()


def test_torch_says_what_it_could_not_run(neumap_weights: Path) -> None:
    engine = open_engine("neumap-sift-meet", "torch", neumap_weights)
    inputs = {"descriptors": np.ones((5, 128), np.float32), "codes": np.ones((20, 15), np.float32)}
    with pytest.raises(EngineError, match=r"engine neumap-sift-meet: torch could not run it .*; "
                                          "restart the program, or choose the onnx backend"):
        engine(inputs)
    assert len(engine({**inputs, "codes": np.ones((20, 16), np.float32)})["first"]) == 5
    engine.close()
    with pytest.raises(EngineError, match="it was closed; open it again"):
        engine(inputs)


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_a_missing_network_is_named(tmp_path: Path, backend: str) -> None:
    with pytest.raises(NmapError, match=r"network .*features\.\w+: not there; train it") as error:
        open_engine("features", backend, tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize("content", [b"", b"not a network\nat all\n", None])
def test_a_damaged_network_is_named(tmp_path: Path, feature_weights: Path, backend: str,
                                    content: bytes | None) -> None:
    for file in feature_weights.iterdir():
        data = file.read_bytes()
        (tmp_path / file.name).write_bytes(data[:len(data) // 2] if content is None else content)
    with pytest.raises(NmapError, match=r"network .*features\.\w+: .*the package") as error:
        open_engine("features", backend, tmp_path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_networks_are_files_like_any_other(feature_weights: Path) -> None:
    """Readable by whom the umask lets, and nothing temporary beside them."""
    files = sorted(feature_weights.iterdir())
    assert [file.name for file in files] == ["features.onnx", "features.safetensors"]
    plain = feature_weights.parent / "plain"
    plain.write_bytes(b"")
    assert {file.stat().st_mode for file in files} == {plain.stat().st_mode}


def test_weights_of_another_network_are_refused(tmp_path: Path, neumap_weights: Path) -> None:
    shutil.copy(neumap_weights / "neumap-sift.safetensors", tmp_path / "features.safetensors")
    with pytest.raises(NmapError, match="not weights of features"):
        open_engine("features", "torch", tmp_path)


@pytest.mark.parametrize(("change", "why"), [
    ("fixed", "candidates fixed at 16"), ("renamed", "no input first")])
def test_a_file_of_another_version_is_refused(tmp_path: Path, neumap_weights: Path, change: str,
                                              why: str) -> None:
    model = onnx.load(neumap_weights / "neumap-sift-decode.onnx")
    first = next(i for i in model.graph.input if i.name == "first")
    if change == "fixed":
        first.type.tensor_type.shape.dim[1].dim_value = 16
    else:
        model = renamed(model, "first", "similarities")
    onnx.save(model, tmp_path / "neumap-sift-decode.onnx")
    with pytest.raises(NmapError, match=f"neumap-sift-decode.onnx: .*another version \\({why}\\); "
                                        f"run `nmap-reloc engines export --weights {tmp_path}`"):
        open_engine("neumap-sift-decode", "onnx", tmp_path)


@pytest.mark.parametrize(("factors", "why"), [
    ((), "factors without codes"), ((50, 3), "codes fixed at 50")])
def test_what_another_export_lacks_is_named(factors: tuple[int, ...], why: str) -> None:
    with pytest.raises(NmapError, match=f"neumap-unfold: .*version \\({why}\\); .* FOLDER`"):
        check_axes("neumap-unfold", {"codes": (-1, 128), "factors": factors})


def renamed(model: onnx.ModelProto, old: str, new: str) -> onnx.ModelProto:
    """The model with another name for an input."""
    for given in model.graph.input:
        given.name = new if given.name == old else given.name
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
    return model


def test_an_unknown_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NmapError, match=r"backend 'cuda': .*choose one of auto, tensorrt, "
                       "onnx, torch"):
        open_engine("features", "cuda", tmp_path)


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
