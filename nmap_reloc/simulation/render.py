"""Pictures of a world: embree finds the panel behind each pixel, numpy does the rest.

A panel is flat, so a 3 x 3 homography per panel takes a pixel to its place on the panel, its depth
and the footprint that chooses the level of the texture pyramid: nothing is interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.simulation import lane, rooms
from nmap_reloc.simulation.light import Caster, Lighting, bake, lighting
from nmap_reloc.simulation.textures import fractal
from nmap_reloc.simulation.world import World
from nmap_reloc.types import Camera, Doubles, Floats, Image, Ints

# How to build each world, its least and its usual extent.
_WORLDS = {"rooms": (rooms.build, 1, 3), "lane": (lane.build, 6, 30)}
_CHUNK = 1 << 14  # pixels at a time: what is at hand stays in the processor's cache
_AROUND = np.array([[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]])
_SHARPER = 0.3  # levels below the footprint's own: trilinear lookup is softer than a real lens


def build_world(name: str = "rooms", seed: int = 0, detail: float = 1.0,
                extent: int | None = None) -> World:
    """The world called ``name``: "rooms" (``extent`` of them, usually 3) or "lane" (``extent``
    metres, usually 30). ``detail`` scales texture resolution. NmapError: no such world."""
    if name not in _WORLDS:
        raise NmapError(f"world {name!r}: there is no such world; choose one of {sorted(_WORLDS)}")
    build, least, usual = _WORLDS[name]
    extent = usual if extent is None else extent
    if extent < least:
        raise NmapError(f"extent {extent}: too small for the world {name}; use {least} or more")
    return build(seed, detail, extent)


def pinhole(size: tuple[int, int] = (640, 480), focal: float = 0.78) -> Camera:
    """A distortion-free camera of size (width, height); focal length as a share of the width."""
    width, height = size
    return Camera("PINHOLE", width, height,
                  (focal * width, focal * width, width / 2, height / 2))


@dataclass(frozen=True)
class Optics:
    """What lens and sensor do. exposure: factor; noise: deviation in grey levels at mid grey;
    blur: Gaussian deviation in pixels; vignette: darkening in the corners, 0..1."""

    exposure: float = 1.0
    noise: float = 1.5
    blur: float = 0.4
    vignette: float = 0.15


@dataclass(frozen=True)
class Rendering:
    """image [H x W x 3] RGB; depth [H x W] metres along the optical axis (inf: sky);
    panel [H x W] index or -1."""

    image: Image
    depth: Floats
    panel: Ints


class Renderer:
    """Renders one world in one light."""

    def __init__(self, world: World, light: Lighting | None = None) -> None:
        self.world = world
        self.light = light or lighting(world, 0)
        self.caster = Caster(world)
        self._region = world.region.astype(np.float32)
        self._light_map = bake(world, self.light, self.caster)
        self._sky_noise = fractal(np.random.default_rng([world.seed, 5]), (256, 512), 90, 6)

    def render(self, camera: Camera, map_from_camera: Rigid, optics: Optics | None = None,
               seed: int = 0) -> Rendering:
        """One picture; ``seed`` drives the sensor noise."""
        pixels = pixel_centres(camera.width, camera.height)
        tables = self._tables(camera, map_from_camera)
        panel, light, depth = self._shade(pixels, camera, map_from_camera, tables)
        shape = (camera.height, camera.width)
        edge = _edges(panel.reshape(shape), depth.reshape(shape)).reshape(-1)
        around = (pixels[edge] + _AROUND[:, None]).reshape(-1, 2)
        extra = self._shade(around, camera, map_from_camera, tables)[1]
        light[edge] = (light[edge] + extra.reshape(4, -1, 3).sum(0)) / 5
        image = _develop(light.reshape(*shape, 3), optics or Optics(),
                         np.random.default_rng([seed, 6]))
        return Rendering(image, depth.reshape(shape).astype(np.float32), panel.reshape(shape))

    def surface(self, camera: Camera, map_from_camera: Rigid, pixels: Doubles
                ) -> tuple[Doubles, npt.NDArray[np.bool_]]:
        """What pixels [N x 2] show: points [N x 3] in the world, and whether there is any [N]."""
        homogeneous = np.column_stack([pixels, np.ones(len(pixels))])
        rays = homogeneous @ (map_from_camera.rotation @ ray_from_pixel(camera)).T
        panel = self.caster.first(map_from_camera.translation, rays)
        w = self.world
        normal, offset = w.normal[panel], w.origin[panel] - map_from_camera.translation
        depth = np.einsum("nd,nd->n", normal, offset) / np.einsum("nd,nd->n", normal, rays)
        return map_from_camera.translation + depth[:, None] * rays, panel >= 0

    def _tables(self, camera: Camera, map_from_camera: Rigid) -> tuple[Doubles, Doubles]:
        """Per panel: homography [P x 3 x 3] from pixel (x, y, 1) to (s, t, 1) up to scale, whose
        last row is normal . ray, and the camera's distance to the panel's plane [P]."""
        w = self.world
        u2, v2 = (w.edge_u**2).sum(1), (w.edge_v**2).sum(1)
        uv = (w.edge_u * w.edge_v).sum(1)
        area = u2 * v2 - uv**2
        dual_u = (w.edge_u * v2[:, None] - w.edge_v * uv[:, None]) / area[:, None]
        dual_v = (w.edge_v * u2[:, None] - w.edge_u * uv[:, None]) / area[:, None]
        offset = w.origin - map_from_camera.translation
        height = np.einsum("pd,pd->p", w.normal, offset)
        # s = dual_u . (ray * height / (normal . ray) - offset), one fraction over normal . ray.
        rows = [dual * height[:, None] - np.einsum("pd,pd->p", dual, offset)[:, None] * w.normal
                for dual in (dual_u, dual_v)]
        stacked = np.stack([*rows, w.normal], 1)
        return stacked @ (map_from_camera.rotation @ ray_from_pixel(camera)), height

    def _shade(self, pixels: Doubles, camera: Camera, map_from_camera: Rigid,
               tables: tuple[Doubles, Doubles]) -> tuple[Ints, Floats, Doubles]:
        """For pixels [N x 2]: panel [N], linear light [N x 3], depth [N]."""
        homogeneous = np.column_stack([pixels, np.ones(len(pixels))])
        rays = homogeneous @ (map_from_camera.rotation @ ray_from_pixel(camera)).T
        panel = self.caster.first(map_from_camera.translation, rays)
        light = np.empty((len(pixels), 3), np.float32)
        depth = np.full(len(pixels), np.inf)
        for at in range(0, len(pixels), _CHUNK):
            part = np.arange(at, min(at + _CHUNK, len(pixels)))
            seen = panel[part] >= 0
            hit, missed = part[seen], part[~seen]
            light[missed] = self._sky(rays[missed])
            light[hit], depth[hit] = self._surface(panel[hit], homogeneous[hit], tables)
        return panel, light, depth

    def _surface(self, panel: Ints, pixels: Doubles, tables: tuple[Doubles, Doubles]
                 ) -> tuple[Floats, Doubles]:
        matrix, height = tables[0][panel], tables[1][panel]
        top, side, bottom = np.einsum("nrk,nk->rn", matrix, pixels)
        # Doubles up to here: far away, height and bottom are small differences of large numbers.
        depth = height / bottom
        s, t = (top / bottom).astype(np.float32), (side / bottom).astype(np.float32)
        matrix, bottom = matrix.astype(np.float32), bottom.astype(np.float32)
        region, texture = self._region[panel], self.world.texture[panel]
        # Derivatives of s and t along pixel x and y, in texels of the finest level.
        shape = self.world.atlas.shapes()[texture]
        grow = [region[:, 2] * shape[:, 1] / bottom, region[:, 3] * shape[:, 0] / bottom]
        sx, sy, tx, ty = (grow[k] * (matrix[:, k, axis] - value * matrix[:, 2, axis])
                          for k, value in ((0, s), (1, t)) for axis in (0, 1))
        albedo = self._texture(texture, region[:, 0] + s * region[:, 2],
                               region[:, 1] + t * region[:, 3], sx, sy, tx, ty)
        linear = (albedo / 255) ** np.float32(2.2)
        shaded = linear * self._light_map.sample(panel, s, t)
        return np.asarray(shaded, np.float32), np.asarray(depth, np.float64)

    def _texture(self, texture: Ints, u: Floats, v: Floats, sx: Floats, sy: Floats, tx: Floats,
                 ty: Floats) -> Floats:
        """Lookup with the pixel's elliptic footprint: three probes along its long axis."""
        p, q, r = sx**2 + sy**2, sx * tx + sy * ty, tx**2 + ty**2
        middle, spread = (p + r) / 2, np.sqrt(((p - r) / 2) ** 2 + q**2)
        major = np.sqrt(np.maximum(middle + spread, 1e-12))
        minor = np.sqrt(np.maximum(middle - spread, 1e-12))
        level = np.log2(np.maximum(np.maximum(minor, major / 3), 1e-6)) - _SHARPER
        level = np.maximum(level, 0).astype(np.float32)
        colour = self.world.atlas.sample(texture, u, v, level)
        long = np.flatnonzero(major > 1.5 * np.maximum(minor, 0.5))
        shape = self.world.atlas.shapes()[texture[long]]
        along = np.stack([spread[long] + (p - r)[long] / 2, q[long]], 1)
        flat = np.abs(along).sum(1) < 1e-9  # long axis exactly along v
        along[flat] = (0.0, 1.0)
        along *= (major[long] / np.linalg.norm(along, axis=1) / 3)[:, None]
        step = np.asarray(along / shape[:, ::-1], np.float32)
        for sign in (np.float32(-1), np.float32(1)):
            colour[long] += self.world.atlas.sample(
                texture[long], u[long] + sign * step[:, 0], v[long] + sign * step[:, 1],
                level[long])
        colour[long] /= 3
        return colour

    def _sky(self, rays: Doubles) -> Floats:
        if not len(rays):
            return np.empty((0, 3), np.float32)
        unit = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        up = np.clip(unit[:, 2], 0.02, 1)[:, None]
        clear = np.array(self.light.horizon) + (np.array(self.light.overhead)
                                                - np.array(self.light.horizon)) * np.sqrt(up)
        plan = unit[:, :2] / (up + 0.25) * 70
        cloud = cv2.remap(self._sky_noise, (plan[:, 0] + 256).astype(np.float32)[:, None],
                          (plan[:, 1] + 128).astype(np.float32)[:, None], cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REFLECT)
        return np.asarray(clear + (1.05 - clear) * np.clip(0.5 * cloud, 0, 1), np.float32)


@lru_cache(maxsize=4)
def pixel_centres(width: int, height: int) -> Doubles:
    """[H*W x 2] (x, y) of all pixel centres, row by row; the first is (0.5, 0.5)."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x.ravel(), y.ravel()], 1)


def ray_from_pixel(camera: Camera) -> Doubles:
    """[3 x 3]: pixel (x, y, 1) to a ray with z = 1 in the camera frame."""
    fx, fy, cx, cy = camera.params
    return np.array([[1 / fx, 0, -cx / fx], [0, 1 / fy, -cy / fy], [0, 0, 1.0]])


def _edges(panel: Ints, depth: Doubles) -> npt.NDArray[np.bool_]:
    """Pixels beside another panel: only these are sampled more than once."""
    edge = np.zeros(panel.shape, bool)
    across, down = panel[:, 1:] != panel[:, :-1], panel[1:] != panel[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge


def _develop(light: Floats, optics: Optics, rng: np.random.Generator) -> Image:
    """Linear light [H x W x 3] to a picture: exposure, lens, film curve, noise."""
    height, width = light.shape[:2]
    grey = light.mean(2)
    gain = optics.exposure * 0.4 / max(float(np.exp(np.log(grey + 1e-3).mean())), 1e-3)
    if optics.blur > 0:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), optics.blur), np.float32)
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    falloff = gain * (1 - optics.vignette * (x**2 + y[:, None]**2) / 2)
    exposed = 1 - np.exp(-falloff[..., None].astype(np.float32) * light)
    film = 255 * exposed ** np.float32(1 / 2.2)
    if optics.noise > 0:
        deviation = optics.noise * np.sqrt(np.maximum(film, np.float32(8)) / 128)
        film += deviation * rng.standard_normal(film.shape, dtype=np.float32)
    return np.clip(film + 0.5, 0, 255).astype(np.uint8)
