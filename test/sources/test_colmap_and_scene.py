"""COLMAP models and scene folders: poses as written, every damage named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.mapping.sources.colmap_model import read_model

from .image_folders import (
    CAMERA,
    assert_close,
    images_text,
    picture,
    pose,
    write_image,
    write_model,
    write_scene,
)

NAMES = ["a/left 1.png", "b.png", "c.png"]


def project_folder(folder: Path, binary: bool, model: str = "sparse/0") -> Path:
    write_model(folder / model, NAMES, binary)
    for index, name in enumerate(NAMES):
        write_image(folder / "images" / name, index)
    return folder


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("model", ["sparse/0", "sparse", "."])
def test_reads_a_model_wherever_it_lies(tmp_path: Path, binary: bool, model: str) -> None:
    folder = project_folder(tmp_path / "project", binary, model if model != "." else "model")
    for path in (folder, folder / model) if model != "." else (folder / "model",):
        source = open_source(path)
        assert (source.kind, source.unit, source.split) == ("colmap", "arbitrary", None)
        assert [image.name for image in source.images] == NAMES
        assert not source.warnings
        for index, image in enumerate(source.images):
            assert image.camera == CAMERA
            assert_close(image.map_from_camera, pose(index), 1e-9)
            np.testing.assert_array_equal(image.read(), picture(index))


@pytest.mark.parametrize("text", [
    images_text(NAMES), images_text(NAMES).rstrip("\n"), images_text(NAMES, ""),
    images_text(NAMES, "\n1 2 -1 3 4 -1"), images_text(NAMES, "\n" + "1.5 2.5 7 " * 20)])
def test_text_model_with_any_kind_of_point_lines(tmp_path: Path, text: str) -> None:
    write_model(tmp_path / "sparse", NAMES, binary=False)
    (tmp_path / "sparse/images.txt").write_text(text)
    (tmp_path / "sparse/points3D.txt").unlink()
    _, images = read_model(tmp_path / "sparse")
    assert [image.name for image in images] == NAMES
    assert_close(images[2].map_from_camera, pose(2), 1e-9)


def test_all_camera_models_survive_the_binary_file(tmp_path: Path) -> None:
    made = pycolmap.Reconstruction()
    for index, model in enumerate(("SIMPLE_RADIAL", "OPENCV", "FULL_OPENCV", "OPENCV_FISHEYE"), 1):
        made.add_camera_with_trivial_rig(
            pycolmap.Camera.create_from_model_name(index, model, 500.0 + index, 640, 480))
    made.write_binary(tmp_path)
    cameras, images = read_model(tmp_path)
    assert not images
    for index, camera in cameras.items():
        assert camera.model == made.cameras[index].model_name
        assert camera.params == tuple(made.cameras[index].params)


@pytest.mark.parametrize(("name", "keep"), [
    ("images.bin", 4), ("images.bin", 90), ("images.bin", 200), ("cameras.bin", 20)])
def test_truncated_binary_model_is_named(tmp_path: Path, name: str, keep: int) -> None:
    folder = project_folder(tmp_path / "p", binary=True)
    damaged = folder / "sparse/0" / name
    damaged.write_bytes(damaged.read_bytes()[:keep])
    with pytest.raises(NmapError, match=f"{name} .{keep} bytes.: truncated"):
        open_source(folder)


@pytest.mark.parametrize(("file", "line", "said"), [
    ("images.txt", "4 1 0 0 0 0 0 0 9 d.png", "its camera 9"),
    ("images.txt", "x y z", "line 5"),
    ("images.txt", "4 1 0 0 0 0 0 0 1 b.png", "two images are named 'b.png'"),
    ("cameras.txt", "2 PINHOLE", "line 2"),
    ("cameras.txt", "1 PINHOLE 64 48 0 60 32 24", "focal length 0"),
    ("cameras.txt", "1 EQUIRECTANGULAR 64 48", "EQUIRECTANGULAR"),
    ("cameras.txt", "1 PINHOLE 640 480 600 600 320 240", "64 x 48 but its intrinsics are for 640"),
])
def test_damaged_text_model_is_named(tmp_path: Path, file: str, line: str, said: str) -> None:
    write_scene(tmp_path)
    if file == "images.txt":
        (tmp_path / "sparse/images.txt").write_text(images_text(["a.png", "b.png", "c.png"], "")
                                                    + f"\n{line}\n")
    else:
        path = tmp_path / "sparse/cameras.txt"
        path.write_text(path.read_text() + line + "\n")
    (tmp_path / "split.json").unlink()
    for name in "abcd":
        write_image(tmp_path / f"images/{name}.png")
    with pytest.raises(NmapError) as refusal:
        open_source(tmp_path)
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


def test_missing_files_and_poses_are_counted(tmp_path: Path) -> None:
    folder = project_folder(tmp_path / "p", binary=True)
    (folder / "images/c.png").unlink()
    write_image(folder / "images/extra.png")
    source = open_source(folder)
    assert [image.name for image in source.images] == NAMES[:2]
    text = " | ".join(source.warnings)
    assert "1 of 4 images (extra.png) has no pose" in text
    assert "1 of 3 images (c.png) has a pose but no file" in text
    (folder / "images/b.png").unlink()
    (folder / "images" / NAMES[0]).unlink()
    with pytest.raises(NmapError, match=r"'a/left 1.png'"):
        open_source(folder)
    with pytest.raises(NmapError, match="none of the model's 3 images"):
        open_source(folder, images=folder / "images")


def test_nan_poses_are_left_out(tmp_path: Path) -> None:
    write_scene(tmp_path)
    path = tmp_path / "sparse/images.txt"
    lines = path.read_text().splitlines()
    lines[1] = "1 nan 0 0 0 0 0 0 1 000.png"
    lines[3] = "2 0 0 0 0 0 0 0 1 001.png"
    path.write_text("\n".join(lines))
    source = open_source(tmp_path)
    assert [image.name for image in source.images] == [f"{i:03d}.png" for i in range(2, 6)]
    assert "2 of 6 images (000.png, 001.png) have no finite pose" in source.warnings[0]
    assert source.split == {"map": ("002.png", "004.png"), "query": ("003.png", "005.png")}


def test_scene_split_unit_and_fingerprint(tmp_path: Path) -> None:
    names = write_scene(tmp_path)
    source = open_source(tmp_path)
    assert (source.kind, source.unit) == ("scene", "metre")
    assert source.split == {"map": tuple(names[::2]), "query": tuple(names[1::2])}
    assert [image.name for image in source.named("query")] == names[1::2]
    assert open_source(tmp_path).fingerprint == source.fingerprint
    assert open_source(tmp_path, unit="arbitrary").fingerprint != source.fingerprint
    write_image(tmp_path / "images/000.png", 9)
    assert open_source(tmp_path).fingerprint != source.fingerprint
    (tmp_path / "scene.json").unlink()
    assert open_source(tmp_path).unit == "arbitrary"


@pytest.mark.parametrize(("split", "said"), [
    ({"map": ["000.png"]}, "not a split"), (["000.png"], "not a split"),
    ({"map": [], "query": ["000.png"]}, "'map': no names"),
    ({"map": [1], "query": []}, "not a list of names"),
    ({"map": ["000.png", "000.png"], "query": []}, "two images are named '000.png'"),
    ({"map": ["000.png"], "query": ["000.png"]}, "in map and in query"),
    ({"map": ["x.png"], "query": ["000.png"]}, "'x.png'"),
    ({"map": ["x.png"], "query": ["y.png"]}, "none of its 2 names"),
])
def test_wrong_split_is_named(tmp_path: Path, split: object, said: str) -> None:
    write_scene(tmp_path)
    (tmp_path / "split.json").write_text(json.dumps(split))
    with pytest.raises(NmapError, match=r"split") as refusal:
        open_source(tmp_path)
    assert said in str(refusal.value)


def test_missing_split_names_are_counted(tmp_path: Path) -> None:
    names = write_scene(tmp_path)
    split = {"map": [*names[:3], "gone.png"], "query": names[3:]}
    (tmp_path / "split.json").write_text(json.dumps(split))
    source = open_source(tmp_path)
    assert source.split is not None and source.split["map"] == tuple(names[:3])
    assert "1 of 7 names (gone.png)" in source.warnings[0]
    (tmp_path / "split.json").write_text("{")
    with pytest.raises(NmapError, match=r"split.json: not JSON"):
        open_source(tmp_path)


def test_unknown_unit_and_missing_parts(tmp_path: Path) -> None:
    write_scene(tmp_path, unit="feet")
    with pytest.raises(NmapError, match="unit 'feet'"):
        open_source(tmp_path)
    with pytest.raises(NmapError, match="sparse_given: no COLMAP model"):
        open_source(tmp_path, model="sparse_given")


@pytest.mark.parametrize("name", ["redkitchen", "street", "fox", "bonsai"])
def test_real_scenes_as_their_text_says(scenes_root: Path, name: str) -> None:
    folder = scenes_root / name
    source = open_source(folder)
    split = json.loads((folder / "split.json").read_text())
    assert source.split == {part: tuple(names) for part, names in split.items()}
    assert source.unit == json.loads((folder / "scene.json").read_text())["unit"]
    assert not source.warnings
    reference = {image.name: image
                 for image in pycolmap.Reconstruction(folder / "sparse").images.values()}
    assert {image.name for image in source.images} == {n for part in split.values() for n in part}
    for image in source.images:
        assert image.map_from_camera is not None
        # fox is written with seven digits: what is not a rotation there is made one
        told = reference[image.name].cam_from_world()
        quaternion = told.rotation.quat / np.linalg.norm(told.rotation.quat)
        rotation = pycolmap.Rotation3d(quaternion).matrix().T
        np.testing.assert_allclose(image.map_from_camera.rotation, rotation, atol=1e-9)
        np.testing.assert_allclose(image.map_from_camera.translation,
                                   -rotation @ told.translation, atol=1e-9)
        assert image.camera.params == tuple(reference[image.name].camera.params)
    assert source.images[0].read().shape[:2] == (source.images[0].camera.height,
                                                  source.images[0].camera.width)
