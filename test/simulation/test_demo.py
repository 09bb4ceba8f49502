"""The demo from nothing to its table, small; with SIFT and no compression it needs no weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("embreex")
pytest.importorskip("trimesh")
pytest.importorskip("pycolmap")

from nmap_reloc.cli.demo import demo
from nmap_reloc.simulation.dataset import simulate


def test_the_demo_localizes_what_it_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]
                                              ) -> None:
    scene = simulate(tmp_path / "scene", 1, 24, 10, (320, 240), extent=1)
    demo(scene, tmp_path / "out", rate=2.0, seconds=5.0, features="sift",
         representation="landmarks", keypoints=512)
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert found["drive"]["live"] and found["drive"]["published"] >= 3
    assert found["drive"]["wrong_accepted"]["count"] == 0
    assert (tmp_path / "out" / "evaluation.html").stat().st_size > 1000
    assert (tmp_path / "out" / "demo.jpg").stat().st_size > 1000
    printed = capsys.readouterr().out
    assert "images with a published pose" in printed and "uncompressed" in printed
