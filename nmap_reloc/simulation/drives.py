"""Simulated drives through a site, each a recording with ground truth: one that maps it and one
that asks where it is, in other light, on another way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.simulation.bake import Baked, Caster, bake
from nmap_reloc.simulation.crew import Shot, Stage, render_all, usual_workers
from nmap_reloc.simulation.folder import holds, replacing
from nmap_reloc.simulation.light import Lighting, lighting
from nmap_reloc.simulation.motion import SECOND, Motion, check_rate, drive
from nmap_reloc.simulation.optics import Optics, pinhole
from nmap_reloc.simulation.recording import record, start_ns
from nmap_reloc.simulation.rolling import Rolling
from nmap_reloc.simulation.route import follow
from nmap_reloc.simulation.world import World
from nmap_reloc.simulation.worlds import build_world

VERSION = 2  # raise when the same parameters give other recordings
DRIVES = ("map", "query")
KIND = "a simulated drive"
SIDECAR = "simulation.json"
_SPEED = {"map": 1.4, "query": 1.25}  # metres per second where the way is straight
_JPEG = 92


@dataclass(frozen=True)
class DriveOptions:
    """What decides every byte of a drive's recording; see simulate_drives."""

    world: str = "site"
    seed: int = 0
    drive: str = "query"
    rate: float = 5.0
    size: tuple[int, int] = (640, 480)
    compressed: bool = True
    kidnap: float | None = None
    detail: float = 1.0
    extent: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As simulation.json keeps it; VERSION tells recordings of older programs apart."""
        return {"version": VERSION, **asdict(self), "size": list(self.size)}


def simulate_drives(output: Path, drives: Sequence[str] = DRIVES, world: str = "site",
                    seed: int = 0, rate: float = 5.0, map_rate: float = 2.0,
                    size: tuple[int, int] = (640, 480), compressed: bool = True,
                    kidnap: float | None = None, detail: float = 1.0, extent: int | None = None,
                    workers: int | None = None) -> dict[str, Path]:
    """Records the drives as bags OUTPUT/map and OUTPUT/query; returns their folders by name.

    rate, map_rate: pictures per second of the query and the map drive; size (width, height);
    compressed: JPEG files, else raw rgb8; kidnap: seconds into the query drive; world, ``detail``,
    ``extent``: see build_world; workers: processes that render, None: one per processor. What is
    there with the same parameters is kept. NmapError: impossible parameters, a foreign folder.
    """
    output = Path(output)
    options = DriveOptions(world, seed, "query", rate, size, compressed, kidnap, detail, extent)
    wanted = {name: _of_drive(options, name, map_rate) for name in drives}
    missing = {name: given for name, given in wanted.items()
               if not holds(output / name, SIDECAR, given.to_json(), KIND)}
    if missing:
        built = build_world(world, seed, detail, extent)
        motions = {name: _motion(built, given) for name, given in missing.items()}
        lights = {name: lighting(built, DRIVES.index(name)) for name in missing}
        baked = bake(built, [light.sun for light in lights.values() if light.sun is not None],
                     Caster(built))
        for name, given in missing.items():
            with replacing(output / name, f"the recording of the {name} drive") as folder:
                _record(folder, given, motions[name], built, baked, lights[name],
                        workers or usual_workers())
    return {name: output / name for name in wanted}


def _of_drive(options: DriveOptions, name: str, map_rate: float) -> DriveOptions:
    if name not in DRIVES:
        raise NmapError(f"drive {name!r}: there is no such drive; choose from {', '.join(DRIVES)}")
    if min(options.size) < 16:
        raise NmapError(f"size {options.size[0]}x{options.size[1]}: too small; use 16x16 or more")
    check_rate(options.rate if name == "query" else map_rate)
    if not 0 < options.detail <= 4:
        raise NmapError(f"detail {options.detail}: out of range; choose from 0.05 to 4")
    if name == "query":
        return options
    return replace(options, drive=name, rate=map_rate, kidnap=None)


def _motion(world: World, options: DriveOptions) -> Motion:
    if options.drive not in world.routes:
        raise NmapError(f"world {world.name!r}: a robot cannot drive through it; choose site")
    rng = np.random.default_rng([world.seed, DRIVES.index(options.drive), 11])
    route = follow(world.routes[options.drive], _SPEED[options.drive], rng)
    return drive(route, options.rate, rng, options.kidnap)


def _record(folder: Path, options: DriveOptions, motion: Motion, world: World, baked: Baked,
            light: Lighting, workers: int) -> None:
    camera = pinhole(options.size)
    start = start_ns(options.seed) + DRIVES.index(options.drive) * 3600 * SECOND
    stage = Stage(world, baked, camera, _JPEG if options.compressed else None)
    shots = _shots(motion, options, light)
    record(folder, motion, [camera] * len(shots), render_all(stage, shots, workers), start,
           options.compressed, f"rendering the {options.drive} drive")
    end = int(motion.stamps[-1])
    about = {"simulation": options.to_json(), "unit": "metre", "images": len(shots),
             "start_ns": start, "duration_s": end / SECOND,
             "kidnapped_ns": None if motion.kidnapped is None else start + motion.kidnapped}
    (folder / SIDECAR).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _shots(motion: Motion, options: DriveOptions, light: Lighting) -> list[Shot]:
    part = DRIVES.index(options.drive)
    rng = np.random.default_rng([options.seed, part, 12])
    seconds = motion.stamps[motion.images] / SECOND
    rolling = Rolling(light, rng, float(motion.stamps[-1]) / SECOND)
    shots = []
    for k, (pose, stamp) in enumerate(zip(motion.camera_poses, seconds.tolist())):
        optics = Optics(exposure=rolling.exposure(stamp), noise=2.0, blur=0.5)
        shots.append(Shot(pose, rolling.at(stamp), optics, 100_000 * (part + 1) + k))
    return shots
