"""From a source to its landmarks: extract, match, triangulate, filter; each stage resumable."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.features.base import Extractor
from nmap_reloc.mapping.extract import Progress, Shot, extract
from nmap_reloc.mapping.landmark_store import load_landmarks, save_landmarks
from nmap_reloc.mapping.landmarks import Landmarks, View
from nmap_reloc.mapping.match import POSED, Matches, match
from nmap_reloc.mapping.pairs import pairs_by_pose
from nmap_reloc.mapping.points import Points, reconstruct, sound_points
from nmap_reloc.mapping.refine import refine
from nmap_reloc.mapping.sfm import structure_from_motion
from nmap_reloc.mapping.sources.base import PosedImage, Source
from nmap_reloc.mapping.stage_file import fingerprint, read_stage, write_stage
from nmap_reloc.progress import track
from nmap_reloc.types import Ints

FORMAT = 1  # raise it whenever the stages below make other landmarks of the same input
FEWEST_LANDMARKS = 100
HELD_OUT_SHARE, MOST_HELD_OUT = 1 / 20, 8
log = logging.getLogger(__name__)


def build_landmarks(source: Source, extractor: Extractor, work: Path, *,
                    refine_poses: bool = False, held_out: int | None = None,
                    progress: Progress = track) -> Landmarks:
    """Landmarks of the source's map images (all images where it has no split).

    work: folder of the stage files; an interrupted build resumes there and an unchanged one does
    nothing. refine_poses: bundle adjustment before triangulation, for poses that are off by some
    pixels. held_out: how many views to keep for checking the map; None: one in twenty, 8 at most.
    Raises NmapError when no image can be used or too little overlaps.
    """
    key = landmarks_key(source, extractor, refine_poses, held_out)
    path = landmarks_file(work, key)
    if path.exists():
        try:
            return load_landmarks(path)
        except NmapError as error:
            log.warning("%s", error)
    images = map_images(source)
    posed = sum(image.map_from_camera is not None for image in images)
    if 0 < posed < len(images):
        log.warning("%d of %d images have no pose; skipped", len(images) - posed, len(images))
        images = [image for image in images if image.map_from_camera is not None]
    shots = extract(images, extractor, work / "features", source.fingerprint, progress)
    unit = source.unit if posed else "arbitrary"
    if not posed:
        shots = structure_from_motion(shots, extractor.name, work, key, progress)
    mapped, checks = hold_out(shots, held_out)
    if refine_poses and posed:
        mapped = refine(mapped, extractor.name, work, key, progress)
    matches = _matches(mapped, extractor.name, work / f"matches-{key[:16]}.safetensors", key,
                       progress)
    points = Points.nothing()
    for _ in progress([0], "triangulation", total=1):
        if matches:
            points = sound_points(mapped, reconstruct(mapped, matches))
    _require_overlap(points, mapped, matches)
    save_landmarks(path, _landmarks(points, mapped, checks, unit, extractor))
    return load_landmarks(path)  # as stored, so that a resumed build gives the same map


def landmarks_key(source: Source, extractor: Extractor, refine_poses: bool,
                  held_out: int | None) -> str:
    """64 hexadecimal digits of all that decides what the landmarks will be."""
    return fingerprint(FORMAT, source.fingerprint, extractor.name, extractor.content_hash,
                       extractor.keypoints, refine_poses, held_out)


def landmarks_file(work: Path, key: str) -> Path:
    return work / f"landmarks-{key[:16]}.nlm"


def map_images(source: Source) -> list[PosedImage]:
    """The images to map, by the source's split. Raises NmapError for a name given twice."""
    names = [image.name for image in source.images]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) \
        else set()
    if twice:
        raise NmapError(f"{source.path}: two images under one name, {min(twice)}; rename one")
    chosen = set(source.split["map"]) if source.split else set(names)
    return [image for image in source.images if image.name in chosen]


def hold_out(shots: Sequence[Shot], count: int | None) -> tuple[list[Shot], list[Shot]]:
    """Interior views, evenly spread, taken out of mapping: (mapped, held out)."""
    if count is None:
        count = min(MOST_HELD_OUT, max(1, round(len(shots) * HELD_OUT_SHARE)))
    count = max(0, min(count, len(shots) - 3))  # two views and one between them can't spare any
    chosen = set(np.linspace(0, len(shots) - 1, count + 2).round().astype(int)[1:-1].tolist())
    return ([shot for i, shot in enumerate(shots) if i not in chosen],
            [shot for i, shot in enumerate(shots) if i in chosen])


def _matches(shots: Sequence[Shot], features: str, path: Path, key: str,
             progress: Progress) -> Matches:
    """Matches of co-visible views; kept in `path`."""
    names = [shot.name for shot in shots]
    stored = read_stage(path)
    if stored is not None and stored[1] == [key, names]:
        return {(int(p[0]), int(p[1])): m for p, m in zip(
            stored[0]["pairs"], np.split(stored[0]["matches"], stored[0]["ends"][:-1]))}
    poses = [shot.map_from_camera for shot in shots if shot.map_from_camera is not None]
    found = match(shots, pairs_by_pose(poses), POSED, features, progress)
    write_stage(path, {
        "pairs": np.array(list(found), np.int32).reshape(-1, 2),
        "matches": np.concatenate([np.zeros((0, 2), np.int32), *found.values()]),
        "ends": np.cumsum([len(m) for m in found.values()], dtype=np.int64)}, [key, names])
    return found


def _require_overlap(points: Points, shots: Sequence[Shot], matches: Matches) -> None:
    seeing = len(np.unique(points.observations[:, 0]))
    if len(points.positions) < FEWEST_LANDMARKS or seeing < 2:
        raise NmapError(
            f"{len(shots)} images: too little overlap, {len(points.positions)} landmarks in "
            f"{seeing} views from {sum(map(len, matches.values()))} matches (needed: "
            f"{FEWEST_LANDMARKS} in 2); give more images of the same place, or check intrinsics "
            "and poses (--refine-poses mends small errors)")


def _landmarks(points: Points, mapped: Sequence[Shot], checks: Sequence[Shot], unit: str,
               extractor: Extractor) -> Landmarks:
    count = len(points.positions)
    lengths = np.bincount(points.observations[:, 2], minlength=count).astype(np.int32)
    views = []
    for i, shot in enumerate(mapped):
        seen = np.full(len(shot.features), -1, np.int32)
        mine = points.observations[points.observations[:, 0] == i]
        seen[mine[:, 1]] = mine[:, 2]
        views.append(view_of(shot, seen))
    unseen = [view_of(shot, np.full(len(shot.features), -1, np.int32)) for shot in checks]
    return Landmarks(points.positions, lengths, points.mean_errors().astype(np.float32),
                     tuple(views), tuple(unseen), unit, extractor.name, extractor.content_hash)


def view_of(shot: Shot, landmarks: Ints) -> View:
    """The view of a shot whose keypoints observe these landmarks [N]."""
    assert shot.map_from_camera is not None
    features = shot.features
    return View(shot.name, shot.camera, shot.map_from_camera, features.keypoints, features.scores,
                features.descriptors, landmarks, features.global_descriptor)
