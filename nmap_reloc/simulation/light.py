"""Light: lamps or sun and sky, baked into small light maps with soft shadows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh

from nmap_reloc.simulation.world import Lamp, World
from nmap_reloc.types import Doubles, Floats, Ints

_RAYS = 24  # ambient rays per sample


@dataclass(frozen=True)
class Lighting:
    """One light condition. ambient [3] linear RGB; sun: direction towards it, or None;
    overhead, horizon [3]: colours of the sky, linear RGB."""

    lamps: tuple[Lamp, ...]
    ambient: tuple[float, float, float]
    sun: tuple[float, float, float] | None
    sun_power: tuple[float, float, float]
    overhead: tuple[float, float, float]
    horizon: tuple[float, float, float]


def lighting(world: World, seed: int) -> Lighting:
    """A light condition for this world: other lamps lit, another hour, another sky, by seed."""
    rng = np.random.default_rng([world.seed, seed, 3])
    if world.outdoor:
        azimuth, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.1)
        sun = (np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height))
        power, cloud = rng.uniform(0.3, 2.5), rng.uniform(0.45, 0.9)
        return Lighting((), (0.85 * cloud, 0.95 * cloud, 1.1 * cloud), sun,
                        (power, 0.95 * power, 0.82 * power), (0.35, 0.55, 0.95), (0.9, 0.95, 1.0))
    warmth = rng.uniform(0.75, 1.1)
    lamps = tuple(replace(lamp, power=_scaled(lamp.power, rng.uniform(0.35, 1.3), warmth))
                  for lamp in world.lamps)
    level = rng.uniform(0.15, 0.4)
    return Lighting(lamps, _scaled((1.0, 1.0, 1.0), level, rng.uniform(0.9, 1.05)), None,
                    (0, 0, 0), (0.5, 0.6, 0.8), (0.8, 0.85, 0.9))


def _scaled(power: tuple[float, float, float], level: float, warmth: float
            ) -> tuple[float, float, float]:
    return power[0] * level, power[1] * level * (0.5 + 0.5 * warmth), power[2] * level * warmth


class Caster:
    """Rays against the world's mesh, by embree."""

    def __init__(self, world: World) -> None:
        self._scene = rtcore_scene.EmbreeScene()
        # The mesh is kept: the scene refers to it.
        self._mesh = TriangleMesh(self._scene, world.mesh.triangles.astype(np.float32))
        self._panel = np.append(world.panel_of_triangle, -1).astype(np.int32)

    def first(self, origins: npt.ArrayLike, directions: npt.ArrayLike) -> Ints:
        """The panel that each ray [N x 3], [N x 3] meets first, or -1."""
        hit = self._scene.run(*_rays(origins, directions), query="INTERSECT")
        return np.asarray(self._panel[hit], np.int32)

    def blocked(self, origins: npt.ArrayLike, directions: npt.ArrayLike, reach: npt.ArrayLike
                ) -> npt.NDArray[np.bool_]:
        """Whether anything lies within ``reach`` [N] (in lengths of the direction) along rays."""
        start, along = _rays(origins, directions)
        limit = np.ascontiguousarray(np.broadcast_to(reach, len(start)), np.float32)
        return np.asarray(self._scene.run(start, along, dists=limit, query="OCCLUDED") != -1)


def _rays(origins: npt.ArrayLike, directions: npt.ArrayLike) -> tuple[Floats, Floats]:
    along = np.ascontiguousarray(directions, np.float32)
    return np.ascontiguousarray(np.broadcast_to(origins, along.shape), np.float32), along


@dataclass(frozen=True)
class LightMap:
    """Irradiance on a grid per panel: values [L x 3] linear RGB, start [P], shape [P x 2]."""

    values: Floats
    start: npt.NDArray[np.int64]
    shape: Ints

    def sample(self, panel: Ints, s: Floats, t: Floats) -> Floats:
        """Bilinear lookup at s, t in 0..1 over each panel: [N x 3]."""
        rows, columns = self.shape[panel, 0], self.shape[panel, 1]
        x = np.clip(s * columns - np.float32(0.5), 0, columns - 1)
        y = np.clip(t * rows - np.float32(0.5), 0, rows - 1)
        x0, y0 = x.astype(np.int32), y.astype(np.int32)
        fx, fy = (x - x0)[:, None].astype(np.float32), (y - y0)[:, None].astype(np.float32)
        at = self.start[panel] + y0 * columns + x0
        right, down = (x0 < columns - 1).astype(np.int32), (y0 < rows - 1) * columns
        v = self.values
        top = v[at] * (1 - fx) + v[at + right] * fx
        bottom = v[at + down] * (1 - fx) + v[at + down + right] * fx
        return np.asarray(top * (1 - fy) + bottom * fy, np.float32)


def bake(world: World, light: Lighting, caster: Caster, per_metre: float = 7.0) -> LightMap:
    """The light that falls on every panel, with soft shadows and darker corners."""
    sizes = np.stack([np.linalg.norm(edge, axis=1) for edge in (world.edge_v, world.edge_u)], 1)
    shape = np.clip(np.ceil(sizes * per_metre), 1, 90).astype(np.int32)
    shape[world.half] = 1
    counts = shape.prod(1).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(counts)[:-1]])
    panel = np.repeat(np.arange(len(world)), counts)
    inside = np.arange(counts.sum()) - start[panel]
    s = (inside % shape[panel, 1] + 0.5) / shape[panel, 1]
    t = (inside // shape[panel, 1] + 0.5) / shape[panel, 0]
    third = world.half[panel]
    s, t = np.where(third, 1 / 3, s), np.where(third, 1 / 3, t)
    normal = world.normal[panel]
    points = (world.origin[panel] + s[:, None] * world.edge_u[panel]
              + t[:, None] * world.edge_v[panel] + 0.004 * normal)
    rng = np.random.default_rng([world.seed, 4])
    values = _ambient(points, normal, light, caster, world.outdoor, rng)
    values += _direct(points, normal, light, caster, rng)
    for k in np.flatnonzero(counts > 8):  # smooth what few rays left noisy
        part = slice(int(start[k]), int(start[k] + counts[k]))
        values[part] = cv2.GaussianBlur(values[part].reshape(*shape[k], 3), (0, 0), 0.8,
                                        borderType=cv2.BORDER_REPLICATE).reshape(-1, 3)
    values += 2.0 * world.glow[panel][:, None]
    return LightMap(np.asarray(values, np.float32), start, shape)


def _ambient(points: Doubles, normal: Doubles, light: Lighting, caster: Caster, outdoor: bool,
             rng: np.random.Generator) -> Floats:
    reach = 15.0 if outdoor else 1.2
    open_share = np.zeros(len(points), np.float32)
    for _ in range(_RAYS):
        ray = rng.standard_normal(points.shape)
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        ray = normal * 1.001 + ray  # cosine-weighted about the normal
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        open_share += ~caster.blocked(points, ray, reach)
    share = 0.25 + 0.75 * open_share / _RAYS
    return np.asarray(share[:, None] * np.array(light.ambient, np.float32), np.float32)


def _direct(points: Doubles, normal: Doubles, light: Lighting, caster: Caster,
            rng: np.random.Generator) -> Floats:
    total = np.zeros(points.shape, np.float32)
    for lamp in light.lamps:
        for _ in range(6):
            offset = rng.standard_normal(points.shape)
            offset[:, 2] *= 0.2
            towards = np.array(lamp.position) + lamp.radius * offset * 0.6 - points
            total += _shadowed(points, normal, towards, caster, 0.93) * np.array(lamp.power) / 6
    if light.sun is not None:
        for _ in range(6):
            towards = 60.0 * (np.array(light.sun) + 0.015 * rng.standard_normal(points.shape))
            strength = _shadowed(points, normal, towards, caster, 1.0) * (60.0**2)
            total += strength * np.array(light.sun_power) / 6
    return total


def _shadowed(points: Doubles, normal: Doubles, towards: Doubles, caster: Caster, reach: float
              ) -> Floats:
    """Lambert's cosine over squared distance [N x 1], zero in shadow."""
    distance = np.linalg.norm(towards, axis=1)
    cosine = np.einsum("nd,nd->n", normal, towards) / distance
    lit = np.flatnonzero(cosine > 0)
    strength = np.zeros(len(points), np.float32)
    free = ~caster.blocked(points[lit], towards[lit], reach)
    strength[lit] = free * cosine[lit] / np.maximum(distance[lit], 0.25) ** 2
    return strength[:, None]
