"""The training commands: weights that the package opens, from a scene and a few steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from nmap_reloc.cli.main import app
from nmap_reloc.representations import open_decoder
from nmap_reloc.weights import content_hash

pytest.importorskip("torch")
STEPS = 3


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keeps the landmarks for the commands after the first."""
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def scene(work: Path) -> Path:
    from nmap_reloc.simulation.dataset import simulate

    return simulate(work / "scene", seed=3, map_views=10, query_views=0, size=(320, 240),
                    extent=1)


@pytest.mark.parametrize("name", ["neumap", "maddr", "squeezer"])
def test_a_network_is_trained_and_opens(name: str, scene: Path, work: Path, tmp_path: Path
                                        ) -> None:
    done = CliRunner().invoke(app, [
        "train", name, str(scene), "-o", str(tmp_path), "--features", "sift", "--keypoints",
        "200", "--steps", str(STEPS), "--work", str(work), "--threads", "1"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / f"{name}-sift.log").is_file()
    decoder = open_decoder(name, "sift", "onnx", tmp_path)
    assert decoder.content_hash == content_hash(f"{name}-sift", tmp_path)


def test_a_scene_that_is_not_there_leaves_no_weights(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["train", "maddr", str(tmp_path / "nowhere"), "-o",
                                    str(tmp_path / "weights"), "--work", str(tmp_path)])
    assert done.exit_code == 1
    assert "nowhere" in done.output
    assert not list((tmp_path / "weights").glob("*.safetensors"))


def test_an_ablation_that_the_paper_has_not(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["train", "maddr", "scene", "-o", str(tmp_path),
                                    "--ablation", "everything"])
    assert done.exit_code == 1
    assert "--ablation everything: unknown; choose one of none" in done.output
