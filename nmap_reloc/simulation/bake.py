"""What each light adds to every panel, with soft shadows, on a small grid per panel.

Light is linear: a light condition is a weighted sum of these layers, so that lamps and clouds can
change from picture to picture without another ray.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh

from nmap_reloc.simulation.light import Lighting
from nmap_reloc.simulation.packing import look_up, shelves
from nmap_reloc.simulation.world import Lamp, World
from nmap_reloc.types import Doubles, Floats, Ints

_PER_METRE = 7.0  # samples along each side of a panel
_RAYS = 24  # ambient rays per sample
_SHADOWS = 6  # rays per lamp or sun and sample
_FAR = 60.0  # metres to the sun
_REACH = 9.0  # metres beyond which a lamp gives next to nothing
_GLOW = 2.0
Direction = tuple[float, float, float]


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
class Baked:
    """layers [H x W x K]: share of K lights (sky, indoors, glow, every lamp, every sun) that
    reaches a sample; table [4 x P]: each panel's x, y, last column, last row in it;
    suns: directions towards the suns that were baked."""

    layers: Floats
    table: Floats
    suns: tuple[Direction, ...]

    def mixed(self, light: Lighting) -> Floats:
        """The light map [H x W x 3], linear RGB, of one condition; its sun must be baked."""
        colours = [light.ambient, light.indoors, (_GLOW,) * 3, *(lamp.power for lamp in
                                                                 light.lamps)]
        colours += [light.sun_power if sun == light.sun else (0.0,) * 3 for sun in self.suns]
        return np.asarray(self.layers @ np.array(colours, np.float32), np.float32)

    def sample(self, light_map: Floats, panel: Ints, s: Floats, t: Floats) -> Floats:
        """Bilinear lookup in a mixed light map at s, t in 0..1 over each panel: [N x 3]."""
        left, top, right, bottom = (column[panel] for column in self.table)
        half, zero = np.float32(0.5), np.float32(0)
        x = left + np.clip(s * (right + 1) - half, zero, right)
        y = top + np.clip(t * (bottom + 1) - half, zero, bottom)
        return np.asarray(look_up(light_map, x, y), np.float32)


@dataclass(frozen=True)
class _Samples:
    """points, normal [N x 3]; indoors [N]: under a roof."""

    points: Doubles
    normal: Doubles
    indoors: npt.NDArray[np.bool_]


def bake(world: World, suns: Sequence[Direction], caster: Caster) -> Baked:
    """All lamps of the world and these suns, on grids as fine as the world's detail asks for."""
    per_metre = _PER_METRE * min(1.0, world.detail**0.5)
    sizes = np.stack([np.linalg.norm(edge, axis=1) for edge in (world.edge_v, world.edge_u)], 1)
    shape = np.clip(np.ceil(sizes * per_metre), 1, 90).astype(np.int32)
    shape[world.half] = 1
    places, whole = shelves(shape)
    counts = shape.prod(1).astype(np.int64)
    panel = np.repeat(np.arange(len(world)), counts)
    inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    row, column = inside // shape[panel, 1], inside % shape[panel, 1]
    rng = np.random.default_rng([world.seed, 4])
    values = _shares(world, _samples(world, panel, shape, row, column), suns, caster, rng)
    layers = np.zeros((*whole, values.shape[1]), np.float32)
    layers[places[panel, 1] + row, places[panel, 0] + column] = values
    for k in np.flatnonzero(counts > 8):  # smooth what few rays left noisy
        (x, y), (height, width) = places[k].tolist(), shape[k].tolist()
        part = layers[y:y + height, x:x + width]
        part[:] = cv2.GaussianBlur(part.copy(), (0, 0), 0.8,
                                   borderType=cv2.BORDER_REPLICATE).reshape(part.shape)
    layers[places[panel, 1] + row, places[panel, 0] + column, 2] = world.glow[panel]
    table = np.column_stack([places, shape[:, 1] - 1, shape[:, 0] - 1]).T
    return Baked(layers, np.ascontiguousarray(table, np.float32), tuple(suns))


def _samples(world: World, panel: npt.NDArray[np.int64], shape: Ints, row: npt.NDArray[np.int64],
             column: npt.NDArray[np.int64]) -> _Samples:
    s, t = (column + 0.5) / shape[panel, 1], (row + 0.5) / shape[panel, 0]
    third = world.half[panel]
    s, t = np.where(third, 1 / 3, s), np.where(third, 1 / 3, t)
    normal = world.normal[panel]
    points = (world.origin[panel] + s[:, None] * world.edge_u[panel]
              + t[:, None] * world.edge_v[panel] + 0.004 * normal)
    return _Samples(points, normal, world.sheltered[panel])


def _shares(world: World, at: _Samples, suns: Sequence[Direction], caster: Caster,
            rng: np.random.Generator) -> Floats:
    """[N x K] in the order of Baked.layers; glow is filled in later."""
    ambient = _ambient(at, caster, rng)
    columns = [ambient * ~at.indoors, ambient * at.indoors, np.zeros(len(ambient), np.float32)]
    columns += [_lamp(at, lamp, caster, rng) for lamp in world.lamps]
    for sun in suns:
        total = np.zeros(len(ambient), np.float32)
        for _ in range(_SHADOWS):
            towards = _FAR * (np.array(sun) + 0.015 * rng.standard_normal(at.points.shape))
            total += _shadowed(at.points, at.normal, towards, caster, 1.0) * (_FAR**2 / _SHADOWS)
        columns.append(total)
    return np.asarray(np.stack(columns, 1), np.float32)


def _ambient(at: _Samples, caster: Caster, rng: np.random.Generator) -> Floats:
    """How open it is around: outdoors towards the sky, indoors within arm's reach."""
    reach = np.where(at.indoors, 1.2, 15.0)
    free = np.zeros(len(at.points), np.float32)
    for _ in range(_RAYS):
        ray = rng.standard_normal(at.points.shape)
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        ray = at.normal * 1.001 + ray  # cosine-weighted about the normal
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        free += ~caster.blocked(at.points, ray, reach)
    return np.asarray(0.25 + 0.75 * free / _RAYS, np.float32)


def _lamp(at: _Samples, lamp: Lamp, caster: Caster, rng: np.random.Generator) -> Floats:
    total = np.zeros(len(at.points), np.float32)
    apart = lamp.position - at.points
    facing = np.einsum("nd,nd->n", apart, at.normal) > -lamp.radius
    near = np.flatnonzero(facing & ((apart**2).sum(1) < _REACH**2))
    points, normal = at.points[near], at.normal[near]
    for _ in range(_SHADOWS):
        offset = rng.standard_normal(points.shape)
        offset[:, 2] *= 0.2
        towards = np.array(lamp.position) + lamp.radius * offset * 0.6 - points
        total[near] += _shadowed(points, normal, towards, caster, 0.93)
    return total / np.float32(_SHADOWS)


def _shadowed(points: Doubles, normal: Doubles, towards: Doubles, caster: Caster, reach: float
              ) -> Floats:
    """Lambert's cosine over squared distance [N], zero in shadow."""
    distance = np.linalg.norm(towards, axis=1)
    cosine = np.einsum("nd,nd->n", normal, towards) / distance
    lit = np.flatnonzero(cosine > 0)
    strength = np.zeros(len(points), np.float32)
    free = ~caster.blocked(points[lit], towards[lit], reach)
    strength[lit] = free * cosine[lit] / np.maximum(distance[lit], 0.25) ** 2
    return strength
