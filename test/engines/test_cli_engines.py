"""`nmap-reloc engines build|list|clear`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("onnx")

from small_networks import textured

import nmap_reloc.engines.check as engines_check
from nmap_reloc.cli.main import app


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["engines", *map(str, arguments)])


def test_build_list_and_clear(gpu: Any, neumap_weights: Path) -> None:
    first = run("build", "--weights", neumap_weights)
    assert first.exit_code == 0, first.output
    assert "neumap-sift-unfold: built in" in first.output
    assert "neumap-sift-decode: built in" in first.output and gpu.builds == 3
    again = run("build", "--weights", neumap_weights)
    assert again.output.count("there already (tensorrt 10.3.0, fp16, on Double of an Orin)") == 3
    assert gpu.builds == 3 and not gpu.memory
    run("build", "neumap-sift-unfold", "--weights", neumap_weights, "--force")
    assert gpu.builds == 4
    listed = run("list").output
    assert "tensorrt: TensorRT 10.3.0 on Double of an Orin, compute capability 8.7" in listed
    assert "onnx: onnxruntime" in listed and listed.count(": ready") == 3
    gpu.name = "Double of a Thor"
    facts = json.loads(run("list", "--json").output)
    assert [plan["state"] for plan in facts["plans"]] == ["of another device or version"] * 3
    assert run("clear").output.startswith("3 plans removed from ")
    assert json.loads(run("list", "--json").output)["plans"] == []


def test_a_damaged_plan_is_listed_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMAP_ENGINE_CACHE", str(tmp_path))
    (tmp_path / "x.plan").write_bytes(b"x")
    listed = run("list").output
    assert "x.plan, 0.0 MB: not used: not a plan of this program" in listed


def test_int8_is_built_from_a_folder_of_images(gpu: Any, feature_weights: Path, tmp_path: Path
                                               ) -> None:
    def build(*more: object) -> Any:
        return run("build", "features", "--weights", feature_weights, "--precision", "int8", *more)
    assert "int8 --images FOLDER" in build().output
    images = tmp_path / "images"
    images.mkdir()
    assert "no images there; give the folder" in build("--images", images).output
    for k in range(5):
        cv2.imwrite(str(images / f"{k}.png"), textured(120, 160, k))
    made = build("--images", images, "--most-images", 3)
    assert made.exit_code == 0 and gpu.calibrated == 3, made.output
    (images / "9.png").write_bytes(b"no image")
    broken = build("--images", images, "--force")
    assert broken.exit_code == 1 and "9.png: can't be read; remove it" in broken.output
    assert not gpu.memory


def test_check_compares_with_onnxruntime(gpu: Any, neumap_weights: Path, feature_weights: Path,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_check, "RUNS", 1)
    for weights in (neumap_weights, feature_weights):
        answer = run("check", "--weights", weights)
        assert answer.exit_code == 0, answer.output
        lines = answer.output.splitlines()
        assert any("tensorrt (tensorrt 10.3.0, fp16, on Double" in line for line in lines)
        found = [line for line in lines if " agree within " in line]
        assert len(found) == 2 * len(list(weights.glob("*.onnx")))
        assert all(": 100.0% agree" in line for line in found)


def test_answers_that_differ_are_seen() -> None:
    right = {"coordinates": np.zeros((4, 3))}
    wrong = {"coordinates": np.array([[0, 0, 0], [0, 0, 1], [0.001, 0, 0], [2, 0, 0]])}
    assert engines_check._agree("neumap-decode", wrong, right)[0] == 0.5
    points = np.array([[0, 0], [10, 10], [20, 20.0]])
    assert engines_check._agree("features", {"keypoints": points[::-1]}, {"keypoints": points}
                                )[0] == 1.0
    assert engines_check._agree("features", {"keypoints": points[:1]}, {"keypoints": points}
                                )[0] == pytest.approx(1 / 3)


def test_without_tensorrt_it_is_one_line(feature_weights: Path) -> None:
    answer = run("build", "--weights", feature_weights)
    assert answer.exit_code == 1 and "error: backend tensorrt: " in answer.output
    assert answer.output.count("\n") == 1


def test_a_folder_without_networks_is_named(gpu: Any, tmp_path: Path) -> None:
    assert "no *.onnx there; train" in run("build", "--weights", tmp_path).output


def test_export_makes_the_graphs_of_all_weights_again(neumap_weights: Path, tmp_path: Path
                                                      ) -> None:
    assert "no *.safetensors there; train networks" in run("export", "--weights", tmp_path).output
    shutil.copy(neumap_weights / "neumap-sift.safetensors", tmp_path)
    made = run("export", "--weights", tmp_path)
    assert made.exit_code == 0, made.output
    for part in ("unfold", "meet", "decode"):
        file = f"neumap-sift-{part}.onnx"
        assert (tmp_path / file).read_bytes() == (neumap_weights / file).read_bytes()
