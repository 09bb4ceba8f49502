"""7-Scenes: seq-XX/frame-NNNNNN.color.png with .pose.txt, TrainSplit.txt and TestSplit.txt."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.base import (
    FileImage,
    PosedImage,
    Source,
    Split,
    fingerprint,
    finish,
    nearly_rigid,
    read_text,
)
from nmap_reloc.mapping.sources.calibration import GivenCamera, given_camera
from nmap_reloc.mapping.sources.trajectory import keyframes
from nmap_reloc.types import Camera

# What the data set's page states for the depth camera, used by everybody for colour as well. The
# colour camera itself is nearer to a focal length of 525 and sees from 2.5 cm beside.
DEFAULT_CAMERA = Camera("PINHOLE", 640, 480, (585.0, 585.0, 320.0, 240.0))


def detect(path: Path) -> bool:
    """Whether there are sequences below the folder, or it is one."""
    return path.is_dir() and bool(_sequences(path))


def open_sevenscenes(path: Path, *, camera: GivenCamera = None, every: int = 1,
                     min_translation: float = 0.0, min_rotation_deg: float = 0.0) -> Source:
    """A scene or one sequence of it. camera: instead of 585 px; the rest: see keyframes.

    Poses map_from_camera in metres. NmapError: no frames, one split file without the other.
    """
    intrinsics = given_camera(camera) or DEFAULT_CAMERA
    images: list[PosedImage] = []
    inputs: list[Path] = []
    notes: list[str] = []
    for sequence in _sequences(path):
        files = sorted([*sequence.glob("frame-*.color.png"), *sequence.glob("frame-*.color.jpg")])
        poses = [file.parent / f"{file.name.split('.')[0]}.pose.txt" for file in files]
        inputs += files + [pose for pose in poses if pose.is_file()]
        images += keyframes(
            [PosedImage(file.relative_to(path).as_posix(), intrinsics, _pose(pose),
                        FileImage(file, intrinsics)) for file, pose in zip(files, poses)],
            every, min_translation, min_rotation_deg)
    texts = [path / name for name in ("TrainSplit.txt", "TestSplit.txt")
             if (path / name).is_file()]
    split = _split(path, images, texts, notes)
    options = {"camera": intrinsics, "every": every, "min_translation": min_translation,
               "min_rotation_deg": min_rotation_deg}
    return finish(path, "sevenscenes", images, unit="metre", split=split, warnings=notes,
                  fingerprint=fingerprint("sevenscenes", options, texts, inputs, path))


def _sequences(path: Path) -> list[Path]:
    found = sorted(p for p in path.glob("seq-*") if p.is_dir())
    return found or ([path] if any(path.glob("frame-*.pose.txt")) else [])


def _pose(path: Path) -> Rigid | None:
    """4 x 4 camera-to-world; None where the file is missing or holds no rigid transform."""
    if not path.is_file():
        return None
    try:
        values = [float(field) for field in read_text(path).split()]
    except ValueError:
        return None
    if len(values) != 16:
        return None
    return nearly_rigid(np.reshape(values, (4, 4)))


def _split(path: Path, images: list[PosedImage], texts: list[Path], notes: list[str]
           ) -> Split | None:
    if not texts:
        return None
    if len(texts) == 1:
        raise NmapError(f"{texts[0]}: the other of TrainSplit.txt and TestSplit.txt is missing; "
                        "restore it or remove both")
    parts = {}
    for part, text in zip(("map", "query"), texts):
        numbers = [int(n) for n in re.findall(r"\d+", read_text(text))]
        here = {_number(image.name) for image in images}
        missing = [f"seq-{n:02d}" for n in numbers if n not in here]
        if missing:
            notes.append(f"{text}: {len(missing)} of {len(numbers)} sequences "
                         f"({', '.join(missing[:3])}) have no frames: left out")
        parts[part] = tuple(image.name for image in images if _number(image.name) in numbers)
    if not parts["map"]:
        raise NmapError(f"{texts[0]}: none of its sequences is in {path}; restore them")
    return parts


def _number(name: str) -> int:
    """seq-01/frame-000000.color.png -> 1; -1 for a frame outside of any sequence's folder."""
    match = re.match(r"seq-(\d+)/", name)
    return int(match.group(1)) if match else -1
