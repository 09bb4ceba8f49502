"""Posed photographs played as a camera: a recording with ground truth out of a scene folder."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.mapping.sources.base import FileImage, PosedImage, Source
from nmap_reloc.simulation.dataset import jpeg
from nmap_reloc.simulation.drives import SIDECAR
from nmap_reloc.simulation.folder import holds, replacing
from nmap_reloc.simulation.motion import SECOND, check_rate, shown
from nmap_reloc.simulation.recording import record, start_ns
from nmap_reloc.simulation.robot import HANDHELD

VERSION = 2  # raise when the same scene gives another recording
LONGEST = 3600.0  # seconds of photographs
KIND = "a recording made from a scene"
_FILES = (".jpg", ".jpeg", ".png")  # what CompressedImage carries as it is
_JPEG = 95


def bag_from_scene(scene: Path, output: Path, rate: float = 5.0, part: str = "query",
                   seed: int = 0, compressed: bool = True, seconds: float | None = None) -> Path:
    """Records the scene's query photographs (``part``: "query" or "map"), in the order of the
    split, ``rate`` per second, as the bag ``output``; returns it.

    seconds: shown forth and back until so much time is full; None: once.

    The base is the camera (x ahead, y left, z up); /ground_truth/pose is known at the photographs
    only; odometry is made from it, with a drift by ``seed``. Lengths stay in the map's units.
    What is there from the same files is kept. NmapError: no scene, a camera ROS cannot describe.
    """
    scene, output = Path(scene), Path(output)
    source = open_source(scene)
    images = _forth_and_back(_in_order(source, part), rate, seconds)
    wanted = {"version": VERSION, "scene": source.fingerprint, "part": part, "rate": rate,
              "seed": seed, "compressed": compressed, "seconds": seconds}
    if holds(output, SIDECAR, wanted, KIND):
        return output
    bases = [pose @ HANDHELD.base_from_optical.inverse() for pose in _poses(images)]
    rng = np.random.default_rng([seed, 13])
    motion = shown(bases, rate, HANDHELD, rng)
    start = start_ns(seed)
    with replacing(output, "the recording") as folder:
        record(folder, motion, [image.camera for image in images], _pictures(images, compressed),
               start, compressed, f"recording {scene.resolve().name}")
        about = {"simulation": wanted, "unit": source.unit, "images": len(images),
                 "start_ns": start, "duration_s": int(motion.stamps[-1]) / SECOND,
                 "kidnapped_ns": None}
        (folder / SIDECAR).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return output


def _in_order(source: Source, part: str) -> list[PosedImage]:
    if source.split is None:
        return list(source.images)
    if part not in source.split:
        raise NmapError(f"part {part!r}: a scene has map and query; choose one of them")
    named = {image.name: image for image in source.images}
    if not source.split[part]:
        raise NmapError(f"{source.path} part {part!r}: no images; choose the other part")
    return [named[name] for name in source.split[part]]


def _forth_and_back(images: list[PosedImage], rate: float, seconds: float | None
                    ) -> list[PosedImage]:
    """So that a few photographs fill the time of a camera that takes many, without a jump."""
    if seconds is None:
        return images
    check_rate(rate)
    if not 0 < seconds <= LONGEST:
        raise NmapError(f"seconds {seconds:g}: out of range; choose from above 0 to {LONGEST:g}")
    around = itertools.cycle([*images, *images[-2:0:-1]])
    return list(itertools.islice(around, max(1, round(rate * seconds))))


def _poses(images: Sequence[PosedImage]) -> list[Rigid]:
    poses = [image.map_from_camera for image in images if image.map_from_camera is not None]
    if len(poses) < len(images):
        missing = next(image.name for image in images if image.map_from_camera is None)
        raise NmapError(f"{missing}: no pose; choose a scene whose images all have one")
    return poses


def _pictures(images: Sequence[PosedImage], compressed: bool) -> Iterator[bytes]:
    """The files themselves where they can be carried, else JPEG of quality 95; or raw pixels."""
    whole = set[str]()
    for image in images:
        if not compressed:
            yield image.read().tobytes()
        elif isinstance(image.read, FileImage) and image.read.path.suffix.lower() in _FILES:
            if image.name not in whole:
                image.read()  # refuses what is damaged now, not on the robot
                whole.add(image.name)
            yield image.read.path.read_bytes()
        else:
            yield jpeg(image.read(), _JPEG)
