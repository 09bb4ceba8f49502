"""Pairs of pictures with exact correspondences, for training features."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from nmap_reloc.geometry import Rigid
from nmap_reloc.simulation.light import lighting
from nmap_reloc.simulation.optics import Optics, pinhole
from nmap_reloc.simulation.render import Renderer
from nmap_reloc.simulation.trajectory import camera_pose, drive
from nmap_reloc.simulation.worlds import build_world
from nmap_reloc.types import Camera, Floats, Image

Pair = tuple[Image, Image, Floats, Floats]


def correspondence_pairs(seed: int, count: int, world: str = "rooms",
                         size: tuple[int, int] = (640, 480), points: int = 2000,
                         detail: float = 1.0, extent: int | None = None) -> Iterator[Pair]:
    """``count`` pairs (image_a, image_b, points_a [N x 2], points_b [N x 2]) from one world.

    Points are pixels (COLMAP convention), exact, and seen in both pictures (occlusion checked by a
    ray). b is moved, turned and often lit differently.
    """
    renderers = _renderers(world, seed, detail, extent)
    rng = np.random.default_rng([seed, 9])
    camera = pinhole(size)
    path = drive(renderers[0].world, seed, 400)
    made = 0
    while made < count:
        a = path[int(rng.integers(len(path)))]
        b = _nearby(a, rng)
        lights = rng.integers(len(renderers), size=2)
        first, second = renderers[int(lights[0])], renderers[int(lights[1])]
        points_a, points_b = matches(first, camera, a, b, points, rng)
        if len(points_a) < points // 10:
            continue  # too little in common, or the camera stands in a wall
        images = [r.render(camera, pose, _optics(rng), int(rng.integers(2**31))).image
                  for r, pose in ((first, a), (second, b))]
        made += 1
        yield images[0], images[1], points_a, points_b


def correspondence_pair(seed: int, world: str = "rooms", size: tuple[int, int] = (640, 480)
                        ) -> Pair:
    """One pair: see correspondence_pairs."""
    return next(correspondence_pairs(seed, 1, world, size))


def matches(renderer: Renderer, camera: Camera, map_from_a: Rigid, map_from_b: Rigid, count: int,
            rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Of ``count`` random places in picture a, those that picture b sees too: [N x 2], [N x 2]."""
    shape = np.array([camera.width, camera.height])
    pixels_a = rng.uniform(0, 1, (count, 2)) * shape
    points, hit = renderer.surface(camera, map_from_a, pixels_a)
    in_b = map_from_b.inverse().apply(points)
    ahead = np.flatnonzero(hit & (in_b[:, 2] > 0.1))
    fx, fy, cx, cy = camera.params
    pixels_b = in_b[ahead, :2] / in_b[ahead, 2:] * (fx, fy) + (cx, cy)
    inside = ((pixels_b > 0) & (pixels_b < shape)).all(1)
    ahead, pixels_b = ahead[inside], pixels_b[inside]
    seen_points, seen = renderer.surface(camera, map_from_b, pixels_b)
    apart = np.linalg.norm(seen_points - points[ahead], axis=1)
    same = seen & (apart < 0.002 * in_b[ahead, 2])
    return pixels_a[ahead[same]].astype(np.float32), pixels_b[same].astype(np.float32)


@lru_cache(maxsize=1)
def _renderers(world: str, seed: int, detail: float, extent: int | None
               ) -> tuple[Renderer, ...]:
    built = build_world(world, seed, detail, extent)
    return tuple(Renderer(built, lighting(built, k)) for k in range(3))


def _nearby(a: Rigid, rng: np.random.Generator) -> Rigid:
    """Another pose within about a metre and 40 degrees."""
    reach = rng.uniform(0.1, 1.0)
    moved = a.translation + reach * rng.standard_normal(3) * (0.6, 0.6, 0.2)
    turn = camera_pose(np.zeros(3), *(rng.uniform(0.2, 1.0) * rng.standard_normal(3)
                                      * (0.3, 0.15, 0.15)))
    level = camera_pose(np.zeros(3), 0.0)
    return Rigid(turn.rotation @ level.rotation.T @ a.rotation, moved)


def _optics(rng: np.random.Generator) -> Optics:
    return Optics(exposure=float(rng.uniform(0.6, 1.5)), noise=float(rng.uniform(0.5, 4.0)),
                  blur=float(rng.uniform(0.2, 1.0)), vignette=float(rng.uniform(0, 0.4)))
