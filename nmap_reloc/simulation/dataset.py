"""Scene folders without photographs: pictures, exact poses and a map/query split."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.progress import track
from nmap_reloc.simulation.folder import holds, replacing
from nmap_reloc.simulation.light import lighting
from nmap_reloc.simulation.optics import Optics, pinhole
from nmap_reloc.simulation.render import Renderer
from nmap_reloc.simulation.trajectory import drive
from nmap_reloc.simulation.world import World
from nmap_reloc.simulation.worlds import build_world
from nmap_reloc.types import Camera, Image

VERSION = 3  # raise when the same parameters give other pictures


@dataclass(frozen=True)
class Simulation:
    """What decides every byte of a simulated scene."""

    seed: int
    map_views: int
    query_views: int
    size: tuple[int, int]
    world: str
    detail: float
    extent: int | None

    def check(self) -> None:
        """NmapError: a number that no scene can be made of."""
        numbers = {"map_views": (self.map_views, 1), "query_views": (self.query_views, 0),
                   "width": (self.size[0], 16), "height": (self.size[1], 16)}
        for name, (value, least) in numbers.items():
            if value < least:
                raise NmapError(f"{name} {value}: too small; use {least} or more")
        if not 0 < self.detail <= 4:
            raise NmapError(f"detail {self.detail}: out of range; choose from 0.05 to 4")

    def to_json(self) -> dict[str, Any]:
        """As scene.json keeps it; VERSION tells pictures of older programs apart."""
        return {"version": VERSION, **asdict(self), "size": list(self.size)}


def simulate(output: Path, seed: int = 0, map_views: int = 60, query_views: int = 20,
             size: tuple[int, int] = (640, 480), world: str = "rooms",
             detail: float = 1.0, extent: int | None = None) -> Path:
    """Write a scene folder (images, sparse, split.json, scene.json; unit metre) and return it.

    size (width, height) in pixels; world, ``detail``, ``extent``: see build_world. A folder that
    already holds the same simulation is left as it is; one that holds something else is refused.
    """
    output = Path(output)
    wanted = Simulation(seed, map_views, query_views, size, world, detail, extent)
    wanted.check()
    if not holds(output, "scene.json", wanted.to_json(), "a simulated scene"):
        with replacing(output, "the simulated scene") as folder:
            (folder / "images").mkdir(parents=True)
            _write_scene(folder, output.name, wanted)
    return output


def _write_scene(folder: Path, name: str, wanted: Simulation) -> None:
    world = build_world(wanted.world, wanted.seed, wanted.detail, wanted.extent)
    views = {"map": wanted.map_views, "query": wanted.query_views}
    camera = pinhole(wanted.size)
    poses: dict[str, Rigid] = {}
    split: dict[str, list[str]] = {}
    for k, part in enumerate(("map", "query")):
        path = drive(world, wanted.seed, views[part], query=part == "query")
        named = {f"{part}_{n:04d}.jpg": pose for n, pose in enumerate(path)}
        _render(folder / "images", world, camera, named, k, part)
        poses.update(named)
        split[part] = list(named)
    _write_model(folder / "sparse", camera, poses)
    _write_text(folder / "split.json", json.dumps(split, indent=1) + "\n")
    scene = {"name": name, "unit": "metre", "kind": f"simulated {world.name}",
             "pose_source": "exact, from the simulation", "licence": "as this software",
             "simulation": wanted.to_json()}
    _write_text(folder / "scene.json", json.dumps(scene, indent=1) + "\n")


def _render(folder: Path, world: World, camera: Camera, poses: dict[str, Rigid], light: int,
            part: str) -> None:
    if not poses:
        return
    renderer = Renderer(world, lighting(world, light))
    rng = np.random.default_rng([world.seed, light, 8])
    items = list(enumerate(poses.items()))
    for n, (name, pose) in track(items, f"rendering {part} views", len(items)):
        optics = Optics(exposure=float(rng.uniform(0.8, 1.25)), noise=float(rng.uniform(1.0, 2.5)),
                        blur=float(rng.uniform(0.3, 0.7)))
        view = renderer.render(camera, pose, optics, seed=1000 * light + n)
        (folder / name).write_bytes(jpeg(view.image))


def jpeg(image: Image, quality: int = 95) -> bytes:
    """RGB [H x W x 3] or grey [H x W] picture as a JPEG file."""
    bgr = np.ascontiguousarray(image[..., ::-1] if image.ndim == 3 else image)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise NmapError(f"image of shape {image.shape}: OpenCV cannot encode it; check the size")
    return bytes(data.tobytes())


def _write_model(folder: Path, camera: Camera, poses: dict[str, Rigid]) -> None:
    """COLMAP's text model: camera_from_world quaternion (w first) and translation per image."""
    folder.mkdir()
    numbers = " ".join(repr(float(p)) for p in camera.params)
    _write_text(folder / "cameras.txt", "# CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]\n"
                f"1 {camera.model} {camera.width} {camera.height} {numbers}\n")
    lines = ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then a line of 2D points"]
    for n, (name, map_from_camera) in enumerate(poses.items(), 1):
        pose = map_from_camera.inverse()
        values = " ".join(repr(float(v)) for v in (*pose.quaternion(), *pose.translation))
        lines += [f"{n} {values} 1 {name}", ""]
    _write_text(folder / "images.txt", "\n".join(lines) + "\n")
    _write_text(folder / "points3D.txt", "# POINT3D_ID X Y Z R G B ERROR TRACK[]\n")


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
