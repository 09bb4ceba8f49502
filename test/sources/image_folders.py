"""Writes the folders that the tests of sources read: real images, models and pose files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pycolmap

from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Camera, Image

CAMERA = Camera("PINHOLE", 64, 48, (60.0, 60.0, 32.0, 24.0))


def picture(seed: int = 0, width: int = 64, height: int = 48) -> Image:
    """RGB noise [height x width x 3]."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def write_image(path: Path, seed: int = 0, width: int = 64, height: int = 48) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(picture(seed, width, height), cv2.COLOR_RGB2BGR))


def pose(index: float) -> Rigid:
    """map_from_camera number index: 10 cm ahead and 6 degrees further each time."""
    half = np.radians(3.0 * index)
    return Rigid.from_quaternion((np.cos(half), 0, 0, np.sin(half)), (0.1 * index, -0.2, 0.3))


def tum_line(stamp: float, rigid: Rigid) -> str:
    w, x, y, z = rigid.quaternion()
    numbers = [*rigid.translation, x, y, z, w]
    return f"{stamp:.6f} " + " ".join(f"{number:.9f}" for number in numbers) + "\n"


def assert_close(ours: Rigid | None, expected: Rigid, atol: float = 1e-6) -> None:
    assert ours is not None
    np.testing.assert_allclose(ours.rotation, expected.rotation, atol=atol)
    np.testing.assert_allclose(ours.translation, expected.translation, atol=atol)


def reconstruction(names: list[str]) -> pycolmap.Reconstruction:
    """A model with one camera, a pose for each name and three 2D points each."""
    made = pycolmap.Reconstruction()
    made.add_camera_with_trivial_rig(pycolmap.Camera(
        model=CAMERA.model, width=CAMERA.width, height=CAMERA.height, params=CAMERA.params,
        camera_id=1))
    for index, name in enumerate(names):
        inverse = pose(index).inverse()
        image = pycolmap.Image(name=name, camera_id=1, image_id=index + 1,
                               keypoints=np.arange(6, dtype=np.float64).reshape(3, 2))
        made.add_image_with_trivial_frame(image, pycolmap.Rigid3d(
            np.hstack([inverse.rotation, inverse.translation[:, None]])))
    return made


def write_model(folder: Path, names: list[str], binary: bool) -> None:
    folder.mkdir(parents=True)
    made = reconstruction(names)
    if binary:
        made.write_binary(folder)
    else:
        made.write_text(folder)


def images_text(names: list[str], between: str = "\n") -> str:
    """images.txt with what stands between the images: by default an empty line of points."""
    lines = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME"]
    for index, name in enumerate(names):
        inverse = pose(index).inverse()
        numbers = " ".join(map(repr, map(float, [*inverse.quaternion(), *inverse.translation])))
        lines.append(f"{index + 1} {numbers} 1 {name}{between}")
    return "\n".join(lines)


def write_scene(folder: Path, count: int = 6, unit: str = "metre") -> list[str]:
    """A scene folder with `count` images, the even ones to map; returns the names."""
    names = [f"{index:03d}.png" for index in range(count)]
    for index, name in enumerate(names):
        write_image(folder / "images" / name, index)
    sparse = folder / "sparse"
    sparse.mkdir()
    params = " ".join(map(str, CAMERA.params))
    (sparse / "cameras.txt").write_text(f"1 {CAMERA.model} 64 48 {params}\n")
    (sparse / "images.txt").write_text(images_text(names))
    (folder / "split.json").write_text(json.dumps({"map": names[::2], "query": names[1::2]}))
    (folder / "scene.json").write_text(json.dumps({"unit": unit}))
    return names
