"""Training pairs for the extractor: two warped, relit crops of one photograph with its keypoints.

The teacher sees each photograph once, undisturbed; its keypoints and descriptors are carried
through the warps, so that the student learns to give the same answer under any of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy.spatial import cKDTree

from nmap_reloc.errors import NmapError
from nmap_reloc.features.spots import repeatable
from nmap_reloc.features.teacher import Alike, teach
from nmap_reloc.progress import track
from nmap_reloc.types import Floats, Image

SUFFIXES = (".jpg", ".jpeg", ".png")
LONGEST_SIDE = 960
KEYPOINTS = 2000
CROP = 256
SIGMA = 0.7  # pixels, of the peak drawn for a keypoint


@dataclass(frozen=True)
class Lesson:
    """grey [H x W]; keypoints [N x 2] pixels and descriptors [N x D] of the teacher, weights [N];
    spots [S x 2]: where keypoints ought to be found, worth [S] 0..1."""

    grey: Image
    keypoints: Floats
    weights: Floats
    descriptors: Floats
    spots: Floats
    worth: Floats


@dataclass(frozen=True)
class Pair:
    """crops [2 x CROP x CROP] in 0..1, peaks [2 x CROP x CROP] targets of the score map,
    points [2 x M x 2] the same M places in both crops; descriptors [M x D] the teacher's, of zero
    length where the place is not the teacher's."""

    crops: Floats
    peaks: Floats
    points: Floats
    descriptors: Floats


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
        key = hashlib.sha256(f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns} "
                             f"{len(teacher.convhead2.weight)}".encode()).hexdigest()[:24]
        image = _read(path)
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        taught = _kept(cache / f"{key}.safetensors", partial(_ask, teacher, image))
        spots = _kept(cache / f"{key}-spots.safetensors", partial(_look, grey))
        lessons.append(Lesson(
            grey, taught["keypoints"], taught["scores"] + np.float32(0.05), taught["descriptors"],
            spots["keypoints"], worth(spots["keypoints"], spots["again"], taught)))
    return lessons


def _read(path: Path) -> Image:
    """RGB, its longer side at most LONGEST_SIDE."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise NmapError(f"training image {path}: cannot be decoded; remove or repair it")
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
    if not file.exists():
        temporary = file.with_suffix(f".{os.getpid()}.tmp")
        save_file(make(), temporary)
        temporary.replace(file)
    return dict(load_file(file))


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


def random_homography(rng: np.random.Generator, shape: tuple[int, int],
                      strength: float) -> npt.NDArray[np.float64]:
    """crop_from_image [3 x 3]: where to look, turned, scaled and tilted by up to `strength`."""
    height, width = shape
    scale = np.exp(rng.uniform(-0.45, 0.45) * strength)
    turn = rng.normal() * 0.25 * strength
    half = CROP / 2
    cosine, sine = np.cos(turn) * scale, np.sin(turn) * scale
    reach = half / scale
    centre = np.array([rng.uniform(min(reach, width / 2), max(width - reach, width / 2)),
                       rng.uniform(min(reach, height / 2), max(height - reach, height / 2))])
    similarity = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
    away = np.eye(3)
    away[:2, 2] = -centre
    tilt = np.eye(3)
    tilt[2, :2] = rng.normal(size=2) * 0.0007 * strength
    tilt[0, 1] = rng.normal() * 0.1 * strength
    tilt[0, 0] = np.exp(rng.normal() * 0.1 * strength)
    back = np.eye(3)
    back[:2, 2] = half
    return back @ tilt @ similarity @ away


def relight(rng: np.random.Generator, crop: Image) -> Floats:
    """Contrast, gamma, shading, blur, noise and JPEG, as cameras and days differ."""
    if rng.random() < 0.3:
        quality = int(rng.integers(30, 90))
        crop = np.asarray(cv2.imdecode(cv2.imencode(
            ".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE), np.uint8)
    x = crop.astype(np.float32) / 255
    x = x ** np.float32(np.exp(rng.normal() * 0.35))
    if rng.random() < 0.4:  # a light or a shadow from one side
        corners = rng.uniform(0.4, 1.3, (2, 2)).astype(np.float32)
        x = x * cv2.resize(corners, x.shape[::-1], interpolation=cv2.INTER_LINEAR)
    x = (x - 0.5) * np.float32(np.exp(rng.normal() * 0.3)) + 0.5 \
        + np.float32(rng.normal() * 0.1)
    if rng.random() < 0.35:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.4)).astype(np.float32)
    if rng.random() < 0.15:  # motion
        kernel = np.zeros((7, 7), np.float32)
        angle = rng.uniform(0, np.pi)
        end = (round(3 + 3 * float(np.cos(angle))), round(3 + 3 * float(np.sin(angle))))
        cv2.line(kernel, (6 - end[0], 6 - end[1]), end, 1.0)
        x = cv2.filter2D(x, -1, kernel / kernel.sum()).astype(np.float32)
    if rng.random() < 0.6:
        x = x + rng.normal(size=x.shape).astype(np.float32) * np.float32(rng.uniform(0, 0.04))
    return np.clip(x, 0, 1).astype(np.float32)


def carry(homography: npt.NDArray[np.float64], points: Floats) -> Floats:
    """points [N x 2] through a homography of the same pixel convention."""
    moved = np.c_[points, np.ones(len(points))] @ homography.T
    return (moved[:, :2] / moved[:, 2:]).astype(np.float32)


def draw_peaks(points: Floats, scores: Floats) -> Floats:
    """[CROP x CROP]: a small bell of the keypoint's score at its sub-pixel place."""
    image = np.zeros((CROP, CROP), np.float32)
    column, row = np.floor(points).T.astype(int)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            x, y = column + dx, row + dy
            inside = (x >= 0) & (x < CROP) & (y >= 0) & (y < CROP)
            distance = (x + 0.5 - points[:, 0]) ** 2 + (y + 0.5 - points[:, 1]) ** 2
            value = scores * np.exp(-distance / (2 * SIGMA ** 2))
            np.maximum.at(image, (y[inside], x[inside]), value[inside])
    return image


def make_pair(rng: np.random.Generator, lesson: Lesson, count: int) -> Pair | None:
    """Two crops that share at least 32 keypoints, or None when the draw shares fewer."""
    first = random_homography(rng, (lesson.grey.shape[0], lesson.grey.shape[1]), 0.6)
    nudge = random_homography(rng, (CROP, CROP), 1.0)
    second = nudge @ first
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])  # OpenCV's pixel centres are whole
    everywhere = np.concatenate([lesson.keypoints, lesson.spots])
    weight = np.concatenate([lesson.weights, lesson.worth + np.float32(0.02)])
    taught = np.concatenate([lesson.descriptors, np.zeros(
        (len(lesson.spots), lesson.descriptors.shape[1]), np.float32)])
    crops, peaks, places = [], [], []
    inside = np.ones(len(everywhere), bool)
    for matrix in (first, second):
        whole = np.linalg.inv(half) @ matrix @ half
        crop = cv2.warpPerspective(lesson.grey, whole, (CROP, CROP), flags=cv2.INTER_AREA,
                                   borderMode=cv2.BORDER_REFLECT_101)
        crops.append(relight(rng, crop.astype(np.uint8)))
        spots = carry(matrix, lesson.spots)
        shown = ((spots > -2) & (spots < CROP + 2)).all(1)
        peaks.append(draw_peaks(spots[shown], lesson.worth[shown]))
        places.append(carry(matrix, everywhere))
        inside &= ((places[-1] > 4) & (places[-1] < CROP - 4)).all(1)
    shared = np.where(inside)[0]
    if len(shared) < 32:
        return None
    odds = weight[shared] / weight[shared].sum()
    chosen = rng.choice(shared, count, replace=len(shared) < count, p=odds)
    return Pair(np.stack(crops), np.stack(peaks), np.stack([p[chosen] for p in places]),
                taught[chosen])
