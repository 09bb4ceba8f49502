"""What the extractor is taught about each photograph.

The teacher sees each photograph once, undisturbed; its keypoints and descriptors are carried
through the warps, so that the student learns to give the same answer under any of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from nmap_reloc.errors import NmapError
from nmap_reloc.features.crops import Lesson
from nmap_reloc.features.spots import repeatable
from nmap_reloc.features.teacher import Alike, teach
from nmap_reloc.mapping.stage_file import read_stage, write_stage
from nmap_reloc.progress import track
from nmap_reloc.types import Floats, Image

SUFFIXES = (".jpg", ".jpeg", ".png")
LONGEST_SIDE = 960
KEYPOINTS = 2000


def find_images(folders: list[Path], stride: int = 1) -> list[Path]:
    """All photographs below the folders; of a folder over 300 only every `stride`-th."""
    found: list[Path] = []
    for folder in folders:
        by_parent: dict[Path, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES:
                by_parent.setdefault(path.parent, []).append(path)
        if not by_parent:
            raise NmapError(f"training folder {folder}: no photographs in it; "
                            f"give a folder with {', '.join(SUFFIXES)} files")
        for paths in by_parent.values():
            found += paths[::stride] if len(paths) > 300 else paths
    return found


def prepare(images: list[Path], cache: Path, teacher: Alike) -> list[Lesson]:
    """Asks the teacher about every image; the answers are kept in `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    lessons = []
    for path in track(images, "Asking the teacher"):
        stat = path.stat()
        lessons.append(learn(_read(path), f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}",
                             cache, teacher))
    return lessons


def learn(image: Image, identity: str, cache: Path, teacher: Alike) -> Lesson:
    """What is to be learned about one RGB image; identity: under which the answers are kept."""
    key = hashlib.sha256(f"{identity} {len(teacher.convhead2.weight)}".encode()).hexdigest()[:24]
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    taught = _kept(cache / f"{key}.safetensors", partial(_ask, teacher, image))
    spots = _kept(cache / f"{key}-spots.safetensors", partial(_look, grey))
    return Lesson(grey, taught["keypoints"], taught["scores"] + np.float32(0.05),
                  taught["descriptors"], spots["keypoints"],
                  worth(spots["keypoints"], spots["again"], taught))


def _read(path: Path) -> Image:
    """RGB, its longer side at most LONGEST_SIDE."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise NmapError(f"training image {path}: cannot be decoded; remove or repair it")
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    factor = LONGEST_SIDE / max(image.shape[:2])
    if factor < 1:
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8)


def worth(spots: Floats, again: Floats, taught: dict[str, Floats]) -> Floats:
    """[S] in 0..1: how often a spot is found again, more where the teacher sees something too."""
    near = cKDTree(taught["keypoints"]).query(spots, distance_upper_bound=4.0)[1]
    scores = np.append(taught["scores"], 0.0)[near]
    return np.asarray(again * (0.4 + 0.6 * np.sqrt(scores)), np.float32)


def _ask(teacher: Alike, image: Image) -> dict[str, npt.NDArray[Any]]:
    keypoints, scores, descriptors = teach(teacher, image, KEYPOINTS)
    return {"keypoints": keypoints, "scores": scores,
            "descriptors": descriptors.astype(np.float16)}


def _look(grey: Image) -> dict[str, npt.NDArray[Any]]:
    spots, again = repeatable(np.random.default_rng(0), grey)
    return {"keypoints": spots, "again": again}


def _kept(file: Path, make: Callable[[], dict[str, npt.NDArray[Any]]]
          ) -> dict[str, npt.NDArray[Any]]:
    """From `file`, or made and kept there."""
    stored = read_stage(file)
    if stored is None:
        arrays = make()
        write_stage(file, arrays, {})
        return arrays
    return stored[0]


def reduce_descriptors(lessons: list[Lesson], dimensions: int) -> list[Lesson]:
    """The teacher's descriptors by principal components in `dimensions`, unit length."""
    rng = np.random.default_rng(0)
    sample = np.concatenate([d.descriptors[rng.permutation(len(d.descriptors))[:100]]
                             for d in lessons]).astype(np.float32)
    basis = np.linalg.svd(sample, full_matrices=False)[2][:dimensions].T
    reduced = []
    for lesson in lessons:
        small = lesson.descriptors.astype(np.float32) @ basis
        small /= np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-9)
        reduced.append(replace(lesson, descriptors=small))
    return reduced
