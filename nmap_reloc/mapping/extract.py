"""First stage: the features of every image, kept per image so that a build can resume."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.features.base import Extractor
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.base import PosedImage
from nmap_reloc.mapping.stage_file import fingerprint, read_stage, write_stage
from nmap_reloc.types import Camera, Features

Progress = Callable[..., Iterator[Any]]  # progress(iterable, description, total=None)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shot:
    """One image with its features; its pose is None until structure from motion finds it."""

    name: str
    camera: Camera
    map_from_camera: Rigid | None
    features: Features


def extract(images: Sequence[PosedImage], extractor: Extractor, folder: Path, key: str,
            progress: Progress) -> list[Shot]:
    """Features of all readable images; `key` fingerprints what the images are.

    One that can't be read is skipped with a warning. Raises NmapError when all fail.
    """
    shots: list[Shot] = []
    reasons: list[str] = []
    for image in progress(images, "features", total=len(images)):
        path = folder / (fingerprint(key, image.name, extractor.name, extractor.content_hash,
                                     extractor.keypoints)[:32] + ".safetensors")
        try:
            features = _load(path) or _extract_one(image, extractor, path)
        except _UnusableImageError as reason:
            log.warning("%s", reason)
            reasons.append(str(reason))
            continue
        shots.append(Shot(image.name, image.camera, image.map_from_camera, features))
    if not shots:
        raise NmapError(f"{len(images)} images: none can be used; the first reason: "
                        f"{reasons[0] if reasons else 'there are no images'}")
    if reasons:
        log.warning("%d of %d images skipped", len(reasons), len(images))
    return shots


class _UnusableImageError(Exception):
    """One image among many: a warning, not an error."""


def _extract_one(image: PosedImage, extractor: Extractor, path: Path) -> Features:
    try:
        pixels = image.read()
    except NmapError as error:
        raise _UnusableImageError(str(error)) from error
    if pixels.shape[:2] != (image.camera.height, image.camera.width):
        raise _UnusableImageError(
            f"{image.name} {pixels.shape[1]}x{pixels.shape[0]}: its camera says "
            f"{image.camera.width}x{image.camera.height}; give the intrinsics of this image")
    _save(path, extractor(pixels))
    features = _load(path)  # as stored (float16), so that a resumed build gives the same map
    if features is None:
        raise NmapError(f"{path}: vanished while it was written; leave the work folder alone")
    return features


def _save(path: Path, features: Features) -> None:
    write_stage(path, {"keypoints": features.keypoints, "scores": features.scores,
                       "descriptors": features.descriptors.astype(np.float16),
                       "global": features.global_descriptor},
                {"size": [features.width, features.height]})


def _load(path: Path) -> Features | None:
    stored = read_stage(path)
    if stored is None:
        return None
    arrays, header = stored
    width, height = header["size"]
    return Features(arrays["keypoints"], arrays["scores"],
                    arrays["descriptors"].astype(np.float32), arrays["global"], width, height)

