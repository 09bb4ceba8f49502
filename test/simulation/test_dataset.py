"""A simulated scene folder is complete, exact and left alone once it is there."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("embreex")
pytest.importorskip("trimesh")

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.simulation import dataset
from nmap_reloc.simulation.trajectory import drive
from nmap_reloc.simulation.worlds import build_world

SMALL = {"seed": 1, "map_views": 3, "query_views": 2, "size": (96, 72), "detail": 0.1,
         "extent": 1}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dataset.simulate(tmp_path_factory.mktemp("simulated") / "scene", **SMALL)


def test_the_layout_is_that_of_a_scene(scene: Path) -> None:
    split = json.loads((scene / "split.json").read_text())
    assert len(split["map"]) == 3 and len(split["query"]) == 2
    assert json.loads((scene / "scene.json").read_text())["unit"] == "metre"
    names = sorted(p.name for p in (scene / "images").iterdir())
    assert names == sorted(split["map"] + split["query"])
    assert {p.name for p in (scene / "sparse").iterdir()} == {"cameras.txt", "images.txt",
                                                              "points3D.txt"}
    image = cv2.imread(str(scene / "images" / split["map"][0]))
    assert image is not None and image.shape == (72, 96, 3)
    assert [p.name for p in scene.parent.iterdir()] == ["scene"]  # nothing temporary is left


def test_it_opens_as_a_source_with_exact_poses(scene: Path) -> None:
    source = open_source(scene)
    assert source.unit == "metre" and not source.warnings
    poses = drive(build_world("rooms", 1, 0.1, 1), 1, 3)
    for image, pose in zip(source.named("map"), poses):
        assert image.map_from_camera is not None
        np.testing.assert_allclose(image.map_from_camera.translation, pose.translation, atol=1e-9)
        np.testing.assert_allclose(image.map_from_camera.rotation, pose.rotation, atol=1e-9)
        assert image.read().shape == (72, 96, 3)


def test_a_rerun_does_nothing(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {p: p.stat().st_mtime_ns for p in scene.rglob("*")}
    monkeypatch.setattr(dataset, "build_world", None)  # would fail if it were called
    assert dataset.simulate(scene, **SMALL) == scene
    assert {p: p.stat().st_mtime_ns for p in scene.rglob("*")} == before


def test_the_same_seed_gives_the_same_files(scene: Path, tmp_path: Path) -> None:
    again = dataset.simulate(tmp_path / "scene", **SMALL)
    for path in scene.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(scene)).read_bytes(), path


def test_other_parameters_replace_a_simulation(tmp_path: Path) -> None:
    folder = dataset.simulate(tmp_path / "s", **{**SMALL, "map_views": 1, "query_views": 1})
    dataset.simulate(folder, **{**SMALL, "map_views": 2, "query_views": 1})
    assert len(json.loads((folder / "split.json").read_text())["map"]) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_an_interruption_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                               ) -> None:
    few = {**SMALL, "map_views": 1, "query_views": 1}
    folder = dataset.simulate(tmp_path / "s", **few)
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(dataset, "jpeg", interrupt)
    with pytest.raises(KeyboardInterrupt):
        dataset.simulate(folder, **{**few, "seed": 7})
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(NmapError, match="not a simulated scene; choose another folder"):
        dataset.simulate(tmp_path, **SMALL)
    assert (tmp_path / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize("wrong", [{"map_views": 0}, {"query_views": -1}, {"size": (0, 72)},
                                   {"extent": 0}])
def test_impossible_numbers_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(NmapError, match="or more"):
        dataset.simulate(tmp_path / "s", **{**SMALL, **wrong})
    assert not any(tmp_path.iterdir())
