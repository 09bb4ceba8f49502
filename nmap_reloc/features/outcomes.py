"""What becomes of keypoints in other views at known poses: what the score map ought to predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.camera import project
from nmap_reloc.features.base import Extractor
from nmap_reloc.features.crops import Lesson
from nmap_reloc.features.learned import LARGEST
from nmap_reloc.features.spots import nearest
from nmap_reloc.mapping.extract import Shot, extract
from nmap_reloc.mapping.landmarks import View
from nmap_reloc.mapping.match import POSED, Matches, match
from nmap_reloc.mapping.pairs import pairs_by_pose
from nmap_reloc.mapping.points import Points, reconstruct, sound_points
from nmap_reloc.mapping.sources.base import PosedImage, Source
from nmap_reloc.mapping.stage_file import fingerprint, read_stage, write_stage
from nmap_reloc.progress import track
from nmap_reloc.types import Doubles, Floats

FORMAT = 2  # raise it whenever the same input would give other outcomes
NEIGHBOURS = 10  # views that a view's keypoints are looked for in
WITHIN = 1.5  # pixels between a keypoint and its landmark, to count as found again
BORDER = 8  # pixels at an image's edge where no keypoint is taken
NOWHERE = np.zeros((0, 2), np.float32), np.zeros(0, np.float32)


def prepare_outcomes(source: Source, views: Sequence[View], extractor: Extractor, cache: Path
                     ) -> list[Lesson]:
    """A lesson per view: where its landmarks are and how often each was found in other views, and
    its other keypoints, worth nothing.

    views: their names, cameras and poses. extractor: gives many more keypoints than will be kept,
    so that there is a choice. The outcomes are kept in `cache`.
    """
    names = [view.name for view in views]
    poses = [[*view.map_from_camera.rotation.ravel(), *view.map_from_camera.translation]
             for view in views]
    key = fingerprint(FORMAT, source.fingerprint, extractor.content_hash, extractor.keypoints,
                      names, poses)
    path = cache / f"outcomes-{key[:24]}.safetensors"
    stored = read_stage(path)
    if stored is None:
        places = _outcomes(source, views, extractor, cache / "candidates")
        arrays = {f"{i}.places": p for i, (p, _) in enumerate(places)}
        write_stage(path, arrays | {f"{i}.worth": w for i, (_, w) in enumerate(places)}, names)
    else:
        places = [(stored[0][f"{i}.places"], stored[0][f"{i}.worth"]) for i in range(len(names))]
    images = {image.name: image for image in source.images}
    return [_lesson(images[name], *found) for name, found in zip(names, places, strict=True)]


def _outcomes(source: Source, views: Sequence[View], extractor: Extractor, folder: Path
              ) -> list[tuple[Floats, Floats]]:
    """Per view the places [K x 2] and their worth [K]; nothing for one that can't be read."""
    known = {view.name: view for view in views}
    chosen = [image for image in source.images if image.name in known]
    shots = [replace(shot, camera=known[shot.name].camera,
                     map_from_camera=known[shot.name].map_from_camera)
             for shot in extract(chosen, extractor, folder, source.fingerprint, track)]
    pairs = pairs_by_pose([known[shot.name].map_from_camera for shot in shots], NEIGHBOURS)
    matches = match(shots, pairs, POSED, extractor.name, track)
    found: dict[str, tuple[Floats, Floats]] = {}
    if matches:
        points = sound_points(shots, reconstruct(shots, matches))
        found = {shot.name: with_failures(shot.features.keypoints, *places) for shot, places in
                 zip(shots, found_again(shots, matches, points), strict=True)}
    return [found.get(view.name, NOWHERE) for view in views]


def found_again(shots: Sequence[Shot], matches: Matches, points: Points
                ) -> list[tuple[Floats, Floats]]:
    """Per shot, where the landmarks it found project [K x 2], and their worth [K] in 0..1.

    The worth of a landmark in a shot: in how many of the shots matched with this one it was found
    within WITHIN pixels, over one more than it lies within the image of, so that a few are not
    trusted as much as many.
    """
    count = len(points.positions)
    matched = np.zeros((len(shots), len(shots)), np.float32)
    for a, b in matches:
        matched[a, b] = matched[b, a] = 1
    near = points.observations[points.errors <= WITHIN]
    found = np.zeros((len(shots), count), np.bool_)
    found[near[:, 0], near[:, 2]] = True
    pixels = [_pixels(shot, points.positions) for shot in shots]
    inside = np.stack([_inside(shot, p) for shot, p in zip(shots, pixels, strict=True)])
    again = matched @ found.astype(np.float32)
    worth = again / (matched @ (inside | found).astype(np.float32) + 1)
    return [(pixels[i][rows].astype(np.float32), worth[i, rows])
            for i, rows in enumerate(np.flatnonzero(row) for row in found)]


def with_failures(keypoints: Floats, places: Floats, worth: Floats) -> tuple[Floats, Floats]:
    """The places, and after them the keypoints [N x 2] that are none of them, worth nothing."""
    failed = keypoints[nearest(keypoints, places) > WITHIN]
    return np.concatenate([places, failed]), np.append(worth, np.zeros(len(failed), np.float32))


def _pixels(shot: Shot, positions: Doubles) -> Doubles:
    assert shot.map_from_camera is not None
    return project(shot.camera, shot.map_from_camera.inverse().apply(positions))


def _inside(shot: Shot, pixels: Doubles) -> npt.NDArray[np.bool_]:
    size = np.array([shot.camera.width, shot.camera.height])
    return np.asarray(((pixels > BORDER) & (pixels < size - BORDER)).all(1))


def _lesson(image: PosedImage, places: Floats, worth: Floats) -> Lesson:
    """At the size at which the extractor sees the image; the teacher's part is empty."""
    pixels = image.read()
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    factor = min(1.0, LARGEST / max(grey.shape))
    if factor < 1:
        grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return Lesson(np.asarray(grey, np.uint8), NOWHERE[0], NOWHERE[1], np.zeros((0, 0), np.float32),
                  places * np.float32(factor), worth)
