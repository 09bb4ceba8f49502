"""Photographs without poses: structure from motion on our features, up to scale."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap

from nmap_reloc.camera import from_pycolmap
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.colmap import (
    image_name,
    quietly,
    rigid_from,
    scratch,
    write_database,
)
from nmap_reloc.mapping.extract import Progress, Shot
from nmap_reloc.mapping.match import UNPOSED, match
from nmap_reloc.mapping.pairs import pairs_by_appearance
from nmap_reloc.mapping.stage_file import read_stage, write_stage
from nmap_reloc.types import Camera

log = logging.getLogger(__name__)


def structure_from_motion(shots: Sequence[Shot], features: str, work: Path, key: str,
                          progress: Progress) -> list[Shot]:
    """The shots that could be registered, with poses and refined intrinsics. Kept in `work`.

    The unit is arbitrary. Raises NmapError when no two photographs fit together.
    """
    path = work / f"poses-{key[:16]}.safetensors"
    names = [shot.name for shot in shots]
    stored = read_stage(path)
    if stored is None or stored[1]["key"] != [key, names]:
        _register(shots, features, path, [key, names], progress)
        stored = read_stage(path)
    if stored is None:
        raise NmapError(f"{path}: vanished while it was written; leave the work folder alone")
    arrays, header = stored
    if len(header["registered"]) < len(shots):
        log.warning("%d of %d photographs could not be registered; left out",
                    len(shots) - len(header["registered"]), len(shots))
    log.warning("poses by structure from motion: the map is up to scale, its unit arbitrary")
    return [replace(shots[i], camera=Camera(c[0], c[1], c[2], tuple(c[3])),
                    map_from_camera=Rigid(r, t))
            for i, c, r, t in zip(header["registered"], header["cameras"], arrays["rotations"],
                                  arrays["translations"])]


def _register(shots: Sequence[Shot], features: str, path: Path, key: Any,
              progress: Progress) -> None:
    matches = match(shots, pairs_by_appearance(shots), UNPOSED, features, progress, band=None)
    with scratch() as work:
        write_database(work / "database.db", shots, matches, verified=False)
        (work / "pairs.txt").write_text("".join(f"{image_name(a)} {image_name(b)}\n"
                                                for a, b in matches))
        options = pycolmap.TwoViewGeometryOptions()
        options.ransac.random_seed = 0
        with quietly():
            pycolmap.verify_matches(work / "database.db", work / "pairs.txt", options)
        model = _largest(work, len(shots), progress)
    registered = sorted(i - 1 for i in model.reg_image_ids())
    images = [model.images[i + 1] for i in registered]
    poses = [rigid_from(image.cam_from_world()) for image in images]
    cameras = [from_pycolmap(model.cameras[image.camera_id]) for image in images]
    write_stage(path, {"rotations": np.array([pose.rotation for pose in poses]),
                       "translations": np.array([pose.translation for pose in poses])},
                {"key": key, "registered": registered, "cameras": [astuple(c) for c in cameras]})


def _largest(work: Path, count: int, progress: Progress) -> pycolmap.Reconstruction:
    """Incremental mapping; the model with the most images."""
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = options.mapper.random_seed = options.triangulation.random_seed = 0
    options.extract_colors = False
    options.min_model_size = 3
    for _ in progress([0], "structure from motion", total=1):
        with quietly():
            models = pycolmap.incremental_mapping(work / "database.db", work, work, options)
    best = max(models.values(), key=lambda model: model.num_reg_images(), default=None)
    if best is None:
        raise NmapError(f"{count} photographs: no two fit together; give photographs that overlap "
                        "by half or more, taken from different places")
    return best
