"""Training pairs of two photographs of one place: true viewpoints and light, known by poses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.features.crops import (
    FEWEST_SHARED,
    Lesson,
    Pair,
    carry,
    random_homography,
    show,
    well_inside,
)
from nmap_reloc.features.dataset import learn
from nmap_reloc.features.teacher import Alike
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.sources.base import Source
from nmap_reloc.progress import track
from nmap_reloc.types import Floats


@dataclass(frozen=True)
class PosedScene:
    """lessons: of the views; seen: per view the landmarks [K], ascending, and their pixels
    [K x 2]; partners [P x 2]: views that share enough of them."""

    lessons: list[Lesson]
    seen: list[tuple[npt.NDArray[np.int64], Floats]]
    partners: npt.NDArray[np.int64]


def prepare_scene(source: Source, landmarks: Landmarks, cache: Path, teacher: Alike
                  ) -> PosedScene:
    """The map views of a source with poses, and which of their keypoints show the same point."""
    images = {image.name: image for image in source.images}
    lessons, seen = [], []
    for view in track(landmarks.views, "Asking the teacher"):
        pixels = images[view.name].read()
        colour = pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
        lessons.append(learn(np.asarray(colour, np.uint8), f"{source.fingerprint} {view.name}",
                             cache, teacher))
        rows = np.flatnonzero(view.landmarks >= 0)
        rows = rows[np.argsort(view.landmarks[rows], kind="stable")]
        seen.append((view.landmarks[rows].astype(np.int64), view.keypoints[rows]))
    partners = [(a, b) for a in range(len(seen)) for b in range(a)
                if len(np.intersect1d(seen[a][0], seen[b][0])) >= 2 * FEWEST_SHARED]
    return PosedScene(lessons, seen, np.array(partners, np.int64).reshape(-1, 2))


def make_posed_pair(rng: np.random.Generator, scene: PosedScene, count: int, width: int
                    ) -> Pair | None:
    """Crops of two views around a landmark that both see; None when the crops share too few.

    width: of the teacher's descriptors, which here are of zero length.
    """
    if not len(scene.partners):
        return None
    views = rng.permutation(scene.partners[int(rng.integers(len(scene.partners)))])
    _, *rows = np.intersect1d(scene.seen[views[0]][0], scene.seen[views[1]][0],
                              return_indices=True)
    pixels = [scene.seen[view][1][row] for view, row in zip(views, rows, strict=True)]
    middle = int(rng.integers(len(pixels[0])))
    crops, peaks, places = [], [], []
    for view, points in zip(views, pixels, strict=True):
        lesson = scene.lessons[view]
        matrix = random_homography(rng, (lesson.grey.shape[0], lesson.grey.shape[1]), 0.6,
                                   points[middle])
        crop, peak = show(rng, lesson, matrix)
        crops.append(crop)
        peaks.append(peak)
        places.append(carry(matrix, points))
    shared = np.flatnonzero(well_inside(places[0]) & well_inside(places[1]))
    if len(shared) < FEWEST_SHARED:
        return None
    chosen = rng.choice(shared, count, replace=len(shared) < count)
    return Pair(np.stack(crops), np.stack(peaks), np.stack([p[chosen] for p in places]),
                np.zeros((count, width), np.float32))
