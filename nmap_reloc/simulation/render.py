"""Pictures of a world: embree finds the panel behind each pixel, numpy and OpenCV do the rest.

A panel is flat, so a 3 x 3 homography per panel takes a pixel to its place on the panel, its depth
and the footprint that chooses the level of the texture pyramid: nothing is interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid
from nmap_reloc.simulation.bake import Baked, Caster, bake
from nmap_reloc.simulation.light import Lighting, lighting
from nmap_reloc.simulation.optics import Optics, develop, pixel_centres, ray_from_pixel
from nmap_reloc.simulation.textures import fractal
from nmap_reloc.simulation.world import World
from nmap_reloc.types import Camera, Doubles, Floats, Image, Ints

_CHUNK = 1 << 14  # pixels at a time: what is at hand stays in the processor's cache
_AROUND = np.array([[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]])
_SHARPER = 0.3  # levels below the footprint's own: trilinear lookup is softer than a real lens
_CONTRAST = 0.05  # of brightness between two panels, from which their edge is sampled again


@dataclass(frozen=True)
class Rendering:
    """image [H x W x 3] RGB; depth [H x W] metres along the optical axis (inf: sky);
    panel [H x W] index or -1."""

    image: Image
    depth: Floats
    panel: Ints


@dataclass(frozen=True)
class _Tables:
    """Per panel as seen by one camera. matrix [9 x P]: homography from pixel (x, y, 1) to
    (s, t, 1) up to scale, row by row, whose last row is normal . ray; height [P]: the camera's
    distance to the panel's plane."""

    matrix: Doubles
    height: Doubles


class Renderer:
    """Renders one world in one light at a time. baked: of this world, for light's sun."""

    def __init__(self, world: World, light: Lighting | None = None, baked: Baked | None = None
                 ) -> None:
        self.world = world
        self.caster = Caster(world)
        light = light or lighting(world, 0)
        suns = () if light.sun is None else (light.sun,)
        self._baked = baked or bake(world, suns, self.caster)
        self._region = np.ascontiguousarray(world.region.T, np.float32)
        texels = world.atlas.shapes()[world.texture]
        # Texels of the finest level along a panel's whole s and t.
        self._grow = np.stack([self._region[2] * texels[:, 1], self._region[3] * texels[:, 0]])
        self._sky_noise = fractal(np.random.default_rng([world.seed, 5]), (256, 512), 90, 6)
        self.relight(light)

    def relight(self, light: Lighting) -> None:
        """From now on in this light: its lamps are the world's, its sun is one of the baked."""
        self.light = light
        self._light_map = self._baked.mixed(light)

    def render(self, camera: Camera, map_from_camera: Rigid, optics: Optics | None = None,
               seed: int = 0) -> Rendering:
        """One picture; ``seed`` drives the sensor noise."""
        pixels = pixel_centres(camera.width, camera.height)
        tables = self._tables(camera, map_from_camera)
        panel, light, depth = self._shade(pixels, camera, map_from_camera, tables)
        shape = (camera.height, camera.width)
        edge = _edges(panel.reshape(shape), light.reshape(*shape, 3)).reshape(-1)
        around = (pixels[edge] + _AROUND[:, None]).reshape(-1, 2)
        extra = self._shade(around, camera, map_from_camera, tables)[1]
        light[edge] = (light[edge] + extra.reshape(4, -1, 3).sum(0)) / 5
        image = develop(light.reshape(*shape, 3), optics or Optics(),
                        np.random.default_rng([seed, 6]))
        return Rendering(image, depth.reshape(shape), panel.reshape(shape))

    def surface(self, camera: Camera, map_from_camera: Rigid, pixels: Doubles
                ) -> tuple[Doubles, npt.NDArray[np.bool_]]:
        """What pixels [N x 2] show: points [N x 3] in the world, and whether there is any [N]."""
        rays = _rays(camera, map_from_camera, pixels)
        panel = self.caster.first(map_from_camera.translation, rays)
        w = self.world
        normal, offset = w.normal[panel], w.origin[panel] - map_from_camera.translation
        depth = np.einsum("nd,nd->n", normal, offset) / np.einsum("nd,nd->n", normal, rays)
        return map_from_camera.translation + depth[:, None] * rays, panel >= 0

    def _tables(self, camera: Camera, map_from_camera: Rigid) -> _Tables:
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
        matrix = stacked @ (map_from_camera.rotation @ ray_from_pixel(camera))
        return _Tables(np.ascontiguousarray(matrix.reshape(-1, 9).T), height)

    def _shade(self, pixels: Doubles, camera: Camera, map_from_camera: Rigid, tables: _Tables
               ) -> tuple[Ints, Floats, Floats]:
        """For pixels [N x 2]: panel [N], linear light [N x 3], depth [N]."""
        rays = _rays(camera, map_from_camera, pixels)
        panel = self.caster.first(map_from_camera.translation, rays)
        light = np.empty((len(pixels), 3), np.float32)
        depth = np.full(len(pixels), np.inf, np.float32)
        for at in range(0, len(pixels), _CHUNK):
            part = slice(at, at + _CHUNK)
            seen = panel[part] >= 0
            if seen.all():
                light[part], depth[part] = self._surface(panel[part], pixels[part], tables)
                continue
            hit, missed = at + np.flatnonzero(seen), at + np.flatnonzero(~seen)
            light[missed] = self._sky(rays[missed])
            light[hit], depth[hit] = self._surface(panel[hit], pixels[hit], tables)
        return panel, light, depth

    def _surface(self, panel: Ints, pixels: Doubles, tables: _Tables) -> tuple[Floats, Floats]:
        matrix = [row[panel] for row in tables.matrix]
        x, y = pixels.T
        top, side, bottom = (matrix[k] * x + matrix[k + 1] * y + matrix[k + 2] for k in (0, 3, 6))
        # Doubles up to here: far away, height and bottom are small differences of large numbers.
        depth = (tables.height[panel] / bottom).astype(np.float32)
        s, t = (top / bottom).astype(np.float32), (side / bottom).astype(np.float32)
        inverse = (1 / bottom).astype(np.float32)
        slope = {k: matrix[k].astype(np.float32) for k in (0, 1, 3, 4, 6, 7)}
        # Derivatives of s and t along pixel x and y, in texels of the finest level.
        across, down = self._grow[0][panel] * inverse, self._grow[1][panel] * inverse
        footprint = (across * (slope[0] - s * slope[6]), across * (slope[1] - s * slope[7]),
                     down * (slope[3] - t * slope[6]), down * (slope[4] - t * slope[7]))
        u0, v0, du, dv = (column[panel] for column in self._region)
        albedo = self._texture(self.world.texture[panel], u0 + s * du, v0 + t * dv, *footprint)
        linear = np.asarray(cv2.pow(albedo * np.float32(1 / 255), 2.2), np.float32)
        return linear * self._baked.sample(self._light_map, panel, s, t), depth

    def _texture(self, texture: Ints, u: Floats, v: Floats, sx: Floats, sy: Floats, tx: Floats,
                 ty: Floats) -> Floats:
        """Lookup with the pixel's elliptic footprint: three probes along its long axis."""
        p, q, r = sx * sx + sy * sy, sx * tx + sy * ty, tx * tx + ty * ty
        middle, lean = (p + r) / 2, (p - r) / 2
        spread = np.sqrt(lean * lean + q * q)
        major = np.sqrt(np.maximum(middle + spread, np.float32(1e-12)))
        minor = np.sqrt(np.maximum(middle - spread, np.float32(1e-12)))
        level = np.log2(np.maximum(np.maximum(minor, major / 3), np.float32(1e-6)))
        level = np.maximum(level - np.float32(_SHARPER), np.float32(0))
        colour = self.world.atlas.sample(texture, u, v, level)
        long = np.flatnonzero(major > np.float32(1.5) * np.maximum(minor, np.float32(0.5)))
        texture, level = texture[long], level[long]
        height, width = self.world.atlas.shapes()[texture].T
        along_u, along_v = spread[long] + lean[long], q[long]
        length = np.sqrt(along_u * along_u + along_v * along_v)
        flat = length < 1e-9  # long axis exactly along v
        along_v[flat] = length[flat] = 1
        step = major[long] / (3 * length)
        step_u, step_v = along_u * step / width, along_v * step / height
        u, v = u[long], v[long]
        probes = (self.world.atlas.sample(texture, u + step_u, v + step_v, level)
                  + self.world.atlas.sample(texture, u - step_u, v - step_v, level))
        colour[long] = (colour[long] + probes) * np.float32(1 / 3)
        return colour

    def _sky(self, rays: Doubles) -> Floats:
        if not len(rays):
            return np.empty((0, 3), np.float32)
        unit = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        up = np.clip(unit[:, 2], 0.02, 1)[:, None]
        clear = np.array(self.light.horizon) + (np.array(self.light.overhead)
                                                - np.array(self.light.horizon)) * np.sqrt(up)
        plan = unit[:, :2] / (up + 0.25) * 70
        cloud = cv2.remap(self._sky_noise, (plan[:, 0] + 256).astype(np.float32)[None],
                          (plan[:, 1] + 128).astype(np.float32)[None], cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REFLECT).reshape(-1, 1)
        return np.asarray(clear + (1.05 - clear) * np.clip(0.5 * cloud, 0, 1), np.float32)


def _rays(camera: Camera, map_from_camera: Rigid, pixels: Doubles) -> Doubles:
    """[N x 3] directions in the world through pixels [N x 2], with depth 1."""
    turn = map_from_camera.rotation @ ray_from_pixel(camera)
    return np.asarray(pixels @ turn[:, :2].T + turn[:, 2], np.float64)


def _edges(panel: Ints, light: Floats) -> npt.NDArray[np.bool_]:
    """Pixels beside another panel of another brightness: only these are sampled more than once."""
    edge = np.zeros(panel.shape, bool)
    grey = light @ np.full(3, 1 / 3, np.float32)
    pairs = ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1]))
    for one, other in pairs:
        differ = np.abs(grey[one] - grey[other]) > _CONTRAST * (grey[one] + grey[other])
        differ &= panel[one] != panel[other]
        edge[one] |= differ
        edge[other] |= differ
    return edge
