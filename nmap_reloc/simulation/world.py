"""A textured world made of flat panels, and the tools to build one.

World frame: metres, x along the rooms or the lane, z up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import trimesh

from nmap_reloc.geometry import Rigid
from nmap_reloc.simulation.atlas import Atlas
from nmap_reloc.simulation.textures import Random
from nmap_reloc.types import Doubles, Floats, Image, Ints


@dataclass(frozen=True)
class Lamp:
    """A light at ``position`` [3]; ``power`` [3] linear RGB at one metre; ``radius`` metres."""

    position: tuple[float, float, float]
    power: tuple[float, float, float]
    radius: float = 0.3


@dataclass(frozen=True)
class Station:
    """Somewhere a drive passes: ``centre`` [3], ``reach`` [2] how far it is free, metres."""

    centre: tuple[float, float, float]
    reach: tuple[float, float]


@dataclass(frozen=True)
class World:
    """Panels: parallelograms (or their first triangles) ``origin + s * edge_u + t * edge_v``.

    origin, edge_u, edge_v [P x 3] metres, u to the right and v down as seen from the front;
    half [P] only the triangle s + t <= 1; texture [P]; region [P x 4] (u, v, du, dv) of the
    picture that the panel shows; glow [P] light of its own; sheltered [P] under a roof, so that
    the sky gives it nothing. outdoor: sky above and a sun. routes: ways [K x 2] over the ground
    (x, y) that a robot can drive, by name. detail: how fine textures and light are, 1: fully.
    """

    name: str
    seed: int
    origin: Doubles
    edge_u: Doubles
    edge_v: Doubles
    half: npt.NDArray[np.bool_]
    texture: Ints
    region: Doubles
    glow: Floats
    sheltered: npt.NDArray[np.bool_]
    atlas: Atlas
    lamps: tuple[Lamp, ...]
    stations: tuple[Station, ...]
    outdoor: bool
    routes: dict[str, Doubles]
    detail: float

    def __len__(self) -> int:
        return len(self.origin)

    @cached_property
    def normal(self) -> Doubles:
        """[P x 3] unit normals towards the side that shows the picture upright."""
        across = np.cross(self.edge_v, self.edge_u)
        return np.asarray(across / np.linalg.norm(across, axis=1, keepdims=True), np.float64)

    @cached_property
    def panel_of_triangle(self) -> Ints:
        """[T] the panel of each triangle of ``mesh``."""
        panels = np.arange(len(self), dtype=np.int32)
        return np.concatenate([panels, panels[~self.half]])

    @cached_property
    def mesh(self) -> trimesh.Trimesh:
        """All panels as one triangle mesh."""
        a, b, d = self.origin, self.origin + self.edge_u, self.origin + self.edge_v
        full = ~self.half
        second = np.stack([b[full], (b + self.edge_v)[full], d[full]], 1)
        corners = np.concatenate([np.stack([a, b, d], 1), second])
        return trimesh.Trimesh(corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3),
                               process=False)


@dataclass(frozen=True)
class Skin:
    """A picture in the atlas and how large it is in the world, metres."""

    texture: int
    width: float
    height: float


Painter = Callable[..., Image]
# origin, edge_u, edge_v, half, texture, region, glow, sheltered: as in World
_Panel = tuple[Doubles, Doubles, Doubles, bool, int, tuple[float, ...], float, bool]


class Builder:
    """Collects panels in local frames: ``with builder.at(x, y, z, yaw): builder.box(...)``."""

    def __init__(self, rng: Random, detail: float = 1.0) -> None:
        self.rng, self.detail, self.atlas = rng, detail, Atlas()
        self.lamps: list[Lamp] = []
        self.stations: list[Station] = []
        self.routes: dict[str, Doubles] = {}
        self._sheltered = False
        self._frame = Rigid.identity()
        self._panels: list[_Panel] = []

    @contextmanager
    def at(self, x: float, y: float, z: float = 0.0, yaw: float = 0.0) -> Iterator[None]:
        """Build in a frame shifted by (x, y, z) metres and turned by yaw radians about z."""
        outer, c, s = self._frame, np.cos(yaw), np.sin(yaw)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
        self._frame = outer @ Rigid(turn, np.array([x, y, z], np.float64))
        try:
            yield
        finally:
            self._frame = outer

    @contextmanager
    def under_a_roof(self) -> Iterator[None]:
        """What is built here gets no light from the sky."""
        outer, self._sheltered = self._sheltered, True
        try:
            yield
        finally:
            self._sheltered = outer

    def paint(self, painter: Painter, width: float, height: float, ppm: float,
              **options: object) -> Skin:
        """A new picture of width x height metres at ``ppm`` pixels per metre times the detail."""
        ppm *= self.detail
        size = (max(8, round(height * ppm)), max(8, round(width * ppm)))
        return Skin(self.atlas.add(painter(self.rng, size, ppm, **options)), width, height)

    def panel(self, origin: npt.ArrayLike, edge_u: npt.ArrayLike, edge_v: npt.ArrayLike,
              skin: Skin, region: tuple[float, float, float, float] | None = None,
              glow: float = 0.0, half: bool = False) -> None:
        """One panel in the local frame; without ``region`` it shows the whole picture."""
        place = self._frame.apply(np.atleast_2d(np.asarray(origin, np.float64)))[0]
        turn = self._frame.rotation
        u, v = turn @ np.asarray(edge_u, np.float64), turn @ np.asarray(edge_v, np.float64)
        self._panels.append((place, u, v, half, skin.texture, region or (0, 0, 1, 1), glow,
                             self._sheltered))

    def cut(self, skin: Skin, width: float, height: float) -> tuple[float, float, float, float]:
        """A random piece of the skin of width x height metres (all where it is too small)."""
        du, dv = min(1.0, width / skin.width), min(1.0, height / skin.height)
        return self.rng.uniform(0, 1 - du), self.rng.uniform(0, 1 - dv), du, dv

    def box(self, low: npt.ArrayLike, high: npt.ArrayLike, skin: Skin, front: Skin | None = None,
            top: Skin | None = None, glow: float = 0.0) -> None:
        """An upright box between two corners; ``front`` covers the face towards +y."""
        (x0, y0, z0), (x1, y1, z1) = np.asarray(low, float), np.asarray(high, float)
        w, d, h = x1 - x0, y1 - y0, z1 - z0
        faces: list[tuple[tuple[float, float, float], tuple[float, float, float],
                          tuple[float, float, float], Skin | None]] = [
            ((x1, y1, z1), (-w, 0, 0), (0, 0, -h), front),
            ((x0, y0, z1), (w, 0, 0), (0, 0, -h), None),
            ((x0, y1, z1), (0, -d, 0), (0, 0, -h), None),
            ((x1, y0, z1), (0, d, 0), (0, 0, -h), None),
            ((x1, y0, z1), (-w, 0, 0), (0, d, 0), top),
            ((x0, y0, z0), (w, 0, 0), (0, d, 0), None),
        ]
        for origin, u, v, special in faces:
            size = (float(np.linalg.norm(u)), float(np.linalg.norm(v)))
            self.panel(origin, u, v, special or skin,
                       None if special else self.cut(skin, *size), glow)

    def prism(self, radius: float, z0: float, z1: float, skin: Skin, sides: int = 12,
              taper: float = 1.0) -> None:
        """A round post about the local z axis, with a lid; the top is ``taper`` times as wide."""
        angle = np.linspace(0, 2 * np.pi, sides + 1)
        ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
        low, high = radius * ring + (0, 0, z0), taper * radius * ring + (0, 0, z1)
        u0, v0, du, dv = self.cut(skin, 2 * np.pi * radius, z1 - z0)
        for k in range(sides):
            part = (u0 + du * k / sides, v0, du / sides, dv)
            edge = high[k + 1] - high[k]
            self.panel(high[k], edge, low[k] - high[k], skin, part, half=taper != 1.0)
            if taper != 1.0:  # the other triangle, so that the sides close
                back = (part[0] + part[2], part[1] + part[3], -part[2], -part[3])
                self.panel(low[k + 1], low[k] - low[k + 1], high[k + 1] - low[k + 1], skin, back,
                           half=True)
            centre = np.array([0, 0, z1])
            self.panel(centre, high[k + 1] - centre, high[k] - centre, skin,
                       self.cut(skin, radius, radius), half=True)

    def blob(self, radius: npt.ArrayLike, skin: Skin, roughness: float = 0.2,
             subdivisions: int = 2) -> None:
        """A lumpy ball about the local origin (bushes, crowns, cushions); radius [3] metres."""
        ball = trimesh.creation.icosphere(subdivisions)
        lumps = 1 + roughness * self.rng.uniform(-1, 1, len(ball.vertices))
        vertices = self._frame.apply(ball.vertices * lumps[:, None] * np.asarray(radius, float))
        a, b, c = vertices[ball.faces].transpose(1, 0, 2)
        # u x v is reversed on purpose: the normal of a panel is v x u and must point outwards.
        u, v = c - a, b - a
        share = np.minimum(1, np.stack([np.linalg.norm(u, axis=1) / skin.width,
                                        np.linalg.norm(v, axis=1) / skin.height], 1))
        corner = self.rng.uniform(0, 1, share.shape) * (1 - share)
        for k in range(len(a)):
            region = (*corner[k].tolist(), *share[k].tolist())
            self._panels.append((a[k], u[k], v[k], True, skin.texture, region, 0.0,
                                 self._sheltered))

    def finish(self, name: str, seed: int, outdoor: bool) -> World:
        """The world built so far; without ``outdoor`` all of it is sheltered."""
        origin, u, v, half, texture, region, glow, sheltered = zip(*self._panels, strict=True)
        return World(name, seed, np.array(origin), np.array(u), np.array(v), np.array(half, bool),
                     np.array(texture, np.int32), np.array(region, np.float64),
                     np.array(glow, np.float32), np.array(sheltered, bool) | (not outdoor),
                     self.atlas, tuple(self.lamps), tuple(self.stations), outdoor,
                     dict(self.routes), self.detail)
