"""The feature network in 8 bits: nearly the same answers, and never of other weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from engine_inputs import picture
from typer.testing import CliRunner

from nmap_reloc.cli.main import app
from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import EngineOptions, Precision
from nmap_reloc.engines.processor import eight_bit_products
from nmap_reloc.engines.quantize import quantize
from nmap_reloc.errors import NmapError
from nmap_reloc.features.learned import LEAST_SCORE, LearnedExtractor

EIGHT = EngineOptions(precision=Precision.INT8, threads=1)


@pytest.fixture(scope="module")
def weights(feature_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8")
    for file in feature_weights.glob("features.*"):
        shutil.copy(file, folder)
    images = [picture(height, width, 50) for height, width in ((96, 128), (64, 96), (128, 160))]
    assert quantize(images, folder) == folder / "features.int8.onnx"
    return folder


def test_it_answers_nearly_the_same(weights: Path) -> None:
    plain = open_engine("features", "onnx", weights, threads=1)
    eight = open_engine("features", "onnx", weights, options=EIGHT)
    assert eight.reason.endswith("int8") and plain.reason.endswith("fp32")
    inputs = picture(160, 192, 80)
    a, b = plain(inputs), eight(inputs)
    real = a["scores"] > 2 * LEAST_SCORE
    apart = np.linalg.norm(a["keypoints"][real, None] - b["keypoints"][None], axis=2)
    same = apart.min(1) < 1
    assert same.mean() > 0.8 and not np.array_equal(a["scores"], b["scores"])
    described = b["descriptors"][apart.argmin(1)[same]]
    assert np.median((a["descriptors"][real][same] * described).sum(1)) > 0.98
    assert a["global_descriptor"] @ b["global_descriptor"] > 0.98


def test_the_extractor_takes_the_precision_it_is_told(weights: Path) -> None:
    image = (255 * picture(160, 192, 80)["image"][0, 0]).astype(np.uint8)
    plain, eight = (LearnedExtractor(80, "onnx", weights, 1, precision)(image)
                    for precision in ("fp32", "int8"))
    assert len(eight) and not np.array_equal(plain.scores, eight.scores)
    with pytest.raises(NmapError, match="'fp12': choose one of fp32, fp16, int8"):
        LearnedExtractor(80, "onnx", weights, 1, "fp12")


X86 = "processor\t: {}\nmodel name\t: a processor\nflags\t\t: fpu sse2 avx512f{}\n\n"


@pytest.mark.parametrize("text, name", [
    (X86.format(0, " avx512_vnni") + X86.format(1, " avx512_vnni"), "AVX512-VNNI"),
    (X86.format(0, " avx_vnni fma"), "AVX-VNNI"),
    (X86.format(0, " avx512_vnni amx_int8"), "AMX-int8"),
    ("processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp\nCPU part\t: 0xd42\n",
     "ARM's dot product"),
    (X86.format(0, " avx512_vnni") + X86.format(1, ""), None),  # work may move to the other
    ("processor\t: 0\nFeatures\t: fp asimd asimdhp\n", None),
    (X86.format(0, ""), None), ("", None)])
def test_what_the_processor_says(text: str, name: str | None, tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(text)
    assert eight_bit_products(file) == name
    assert eight_bit_products(tmp_path / "none") is None


def test_auto_takes_8_bits_where_the_processor_is_fast_at_them(
        weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NMAP_ENGINE_PRECISION", raising=False)
    monkeypatch.setenv("NMAP_ENGINE_DEVICE", "cpu")
    products = eight_bit_products()

    def reason(precision: str, folder: Path = weights) -> str:
        return LearnedExtractor(80, "auto", folder, 1, precision).reason
    assert ", fp32;" in reason("")
    here = f"int8 (the processor has {products})" if products else "fp32 (the processor has no"
    assert f"on CPU, {here}" in reason("auto")
    monkeypatch.setattr("nmap_reloc.engines.onnx.eight_bit_products", lambda: None)
    assert "fp32 (the processor has no products of 8 bits" in reason("auto")
    monkeypatch.setattr("nmap_reloc.engines.onnx.eight_bit_products", lambda: "them")
    assert "int8 (the processor has them)" in reason("auto")
    for file in weights.glob("features.*"):
        if "int8" not in file.name:
            shutil.copy(file, tmp_path)
    assert "fp32 (not int8: network" in reason("auto", tmp_path)  # and says what is missing
    monkeypatch.setenv("NMAP_ENGINE_PRECISION", "fp32")
    assert ", fp32;" in reason("auto")


def test_only_the_feature_network_has_8_bits(neumap_weights: Path) -> None:
    engine = open_engine("neumap-sift-decode", "onnx", neumap_weights, options=EIGHT)
    assert engine.reason.endswith("fp32")


def test_it_is_not_used_with_other_weights(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(NmapError, match=r"network .*features.int8.onnx: not there"):
        open_engine("features", "onnx", tmp_path, options=EIGHT)
    for file in weights.iterdir():
        shutil.copy(file, tmp_path)
    with (tmp_path / "features.safetensors").open("ab") as file:
        file.write(b" ")
    with pytest.raises(NmapError, match="made of other weights; run `nmap-reloc engines"):
        open_engine("features", "onnx", tmp_path, options=EIGHT)


def test_what_is_shipped_is_of_the_shipped_weights() -> None:
    engine = open_engine("features", "onnx", options=EIGHT)
    assert len(engine(picture(96, 128, 60))["keypoints"]) == 60


def test_the_command_refuses_a_folder_without_images(weights: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["engines", "quantize", "--images", str(tmp_path), "--weights",
                                    str(weights)])
    assert done.exit_code == 1 and "no images there" in done.output
    with pytest.raises(NmapError, match="no images to measure"):
        quantize([], weights)
