"""The camera: where its rays go, and what lens and sensor make of the light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from nmap_reloc.types import Camera, Doubles, Floats, Image


@dataclass(frozen=True)
class Optics:
    """What lens and sensor do. exposure: factor; noise: deviation in grey levels at mid grey;
    blur: Gaussian deviation in pixels; vignette: darkening in the corners, 0..1."""

    exposure: float = 1.0
    noise: float = 1.5
    blur: float = 0.4
    vignette: float = 0.15


def pinhole(size: tuple[int, int] = (640, 480), focal: float = 0.78) -> Camera:
    """A distortion-free camera of size (width, height); focal length as a share of the width."""
    width, height = size
    return Camera("PINHOLE", width, height,
                  (focal * width, focal * width, width / 2, height / 2))


@lru_cache(maxsize=4)
def pixel_centres(width: int, height: int) -> Doubles:
    """[H*W x 2] (x, y) of all pixel centres, row by row; the first is (0.5, 0.5)."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x.ravel(), y.ravel()], 1)


def ray_from_pixel(camera: Camera) -> Doubles:
    """[3 x 3]: pixel (x, y, 1) to a ray with z = 1 in the camera frame."""
    fx, fy, cx, cy = camera.params
    return np.array([[1 / fx, 0, -cx / fx], [0, 1 / fy, -cy / fy], [0, 0, 1.0]])


def develop(light: Floats, optics: Optics, rng: np.random.Generator) -> Image:
    """Linear light [H x W x 3] to a picture: exposure, lens, film curve, noise."""
    height, width = light.shape[:2]
    brightness = float(np.exp(cv2.log(light.mean(2) + np.float32(1e-3)).mean()))
    gain = optics.exposure * 0.4 / max(brightness, 1e-3)
    if optics.blur > 0:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), optics.blur), np.float32)
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    falloff = gain * (1 - optics.vignette * (x**2 + y[:, None]**2) / 2)
    exposed = 1 - cv2.exp(light * -falloff[..., None].astype(np.float32))
    film = 255 * np.asarray(cv2.pow(exposed, 1 / 2.2), np.float32)
    if optics.noise > 0:
        deviation = optics.noise * np.sqrt(np.maximum(film, np.float32(8)) / 128)
        film += deviation * rng.standard_normal(film.shape, dtype=np.float32)
    return np.clip(film + np.float32(0.5), 0, 255).astype(np.uint8)
