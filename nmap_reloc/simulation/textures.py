"""Procedural materials: plaster, brick, wood, tiles, fabric, asphalt, foliage.

Every function takes a random generator, ``size`` (height, width) in pixels and ``ppm`` (pixels
per metre) and returns an sRGB picture [height x width x 3] uint8. Nothing repeats exactly, since
real bricks and planks do not either.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.types import Floats, Image

Random = np.random.Generator
Size = tuple[int, int]  # height, width in pixels
Colour = npt.NDArray[np.float32]  # [3] sRGB, 0..255


def fractal(rng: Random, size: Size, cell: float, octaves: int = 5, gain: float = 0.55,
            stretch: tuple[float, float] = (1.0, 1.0)) -> Floats:
    """Noise [height x width], about zero mean and unit deviation; coarsest features ``cell``
    pixels, times ``stretch`` along y and x."""
    total = np.zeros(size, np.float32)
    amplitude, power = 1.0, 0.0
    for _ in range(octaves):
        grid = [int(np.ceil(n / max(cell * s, 1.0))) + 3 for n, s in zip(size, stretch)]
        coarse = rng.standard_normal(grid, dtype=np.float32)
        # The grid is laid over a slightly larger area, so that its border is never seen.
        scale = [max(cell * s, 1.0) for s in stretch]
        warp = np.array([[1 / scale[1], 0, 1 + rng.random()], [0, 1 / scale[0], 1 + rng.random()]],
                        np.float32)
        total += amplitude * cv2.warpAffine(
            coarse, warp, (size[1], size[0]), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT)
        power += amplitude**2
        amplitude *= gain
        cell /= 2
        if cell * max(stretch) < 1.0:
            break
    return np.asarray(total / np.sqrt(0.45 * power), np.float32)


def colour(rng: Random, hue: tuple[float, float] = (0, 1),
           saturation: tuple[float, float] = (0.2, 0.8),
           value: tuple[float, float] = (0.3, 0.9)) -> Colour:
    """A random sRGB colour [3] within the given ranges of hue, saturation and value; where any hue
    would do, mostly earthy and muted, as things that people buy are."""
    if hue == (0, 1):
        vivid = rng.random() < 0.25
        hue = (0.0, 1.0) if vivid or rng.random() < 0.35 else (0.02, 0.16)
        saturation = saturation if vivid else (0.5 * saturation[0], 0.6 * saturation[1])
    hsv = [rng.uniform(*span) for span in (hue, saturation, value)]
    return np.array(colorsys.hsv_to_rgb(hsv[0] % 1, hsv[1], hsv[2]), np.float32) * 255


def rgb(tone: npt.ArrayLike) -> tuple[int, int, int]:
    """A colour as OpenCV's drawing functions want it."""
    r, g, b = np.clip(np.asarray(tone, np.float64), 0, 255).astype(int).tolist()
    return r, g, b


def to_picture(values: npt.ArrayLike) -> Image:
    """Clip to 0..255, as uint8."""
    return np.clip(np.asarray(values), 0, 255).astype(np.uint8)


def sheet(size: Size, tone: npt.ArrayLike) -> Image:
    """A picture of one colour."""
    return np.full((*size, 3), rgb(tone), np.uint8)


def shaded(base: npt.ArrayLike, relief: Floats) -> Image:
    """A colour ([3] or [H x W x 3]) made lighter or darker by ``relief`` [H x W], a fraction."""
    return to_picture(np.asarray(base, np.float32) * (1 + relief[..., None]))


def mix(a: npt.ArrayLike, b: npt.ArrayLike, weight: Floats) -> Floats:
    """Blend of two colours or pictures by ``weight`` [H x W] in 0..1 (1 gives b)."""
    weight = np.clip(weight, 0, 1)[..., None]
    return np.asarray(a, np.float32) * (1 - weight) + np.asarray(b, np.float32) * weight


def plaster(rng: Random, size: Size, ppm: float, base: Colour | None = None) -> Image:
    """Painted plaster: roller texture, faint stains, a few scuffs and cracks."""
    if base is None:
        base = colour(rng, saturation=(0.03, 0.25), value=(0.7, 0.92))
    relief = (0.035 * fractal(rng, size, 0.9 * ppm) + 0.025 * fractal(rng, size, 0.02 * ppm, 3)
              + 0.015 * rng.standard_normal(size, dtype=np.float32))
    picture = shaded(base, relief)
    metres = size[0] * size[1] / ppm**2
    for _ in range(int(2 * metres)):
        start = rng.uniform(0, 1, 2) * size[::-1]
        steps = rng.normal(0, 0.008 * ppm, (int(rng.integers(3, 12)), 2))
        line = (start + np.cumsum(steps + rng.normal(0, 0.006 * ppm, 2), 0)).astype(np.int32)
        tone = base * rng.choice([0.75, 0.85, 1.1])
        cv2.polylines(picture, [line], False, rgb(tone), 1, cv2.LINE_AA)
    return picture


def wallpaper(rng: Random, size: Size, ppm: float) -> Image:
    """A repeated motif on paper, slightly worn: the same place over and over, as in real rooms."""
    base = colour(rng, saturation=(0.05, 0.3), value=(0.65, 0.9))
    pitch = max(12, int(rng.uniform(0.12, 0.3) * ppm))
    motif = sheet((pitch, pitch), base)
    ink = rgb(base * rng.uniform(0.55, 0.8) + colour(rng) * 0.15)
    for _ in range(int(rng.integers(2, 5))):
        centre = tuple(int(x) for x in rng.integers(0, pitch, 2))
        axes = tuple(int(x) for x in rng.integers(max(pitch // 12, 1), pitch // 3, 2))
        cv2.ellipse(motif, centre, axes, rng.uniform(0, 180), 0, 360, ink,
                    int(rng.choice([-1, max(pitch // 30, 1)])), cv2.LINE_AA)
    repeats = (size[0] // pitch + 1, size[1] // pitch + 1, 1)
    paper = np.tile(motif, repeats)[:size[0], :size[1]]
    relief = (0.05 * fractal(rng, size, 0.8 * ppm) + 0.03 * fractal(rng, size, 0.01 * ppm, 2))
    return shaded(paper, relief)


def brick(rng: Random, size: Size, ppm: float, base: Colour | None = None) -> Image:
    """Bricks of 25 x 7.5 cm in running bond; every brick has its own tone and stains."""
    if base is None:
        base = colour(rng, (0.0, 0.09), (0.3, 0.6), (0.45, 0.75))
    rows, columns = int(size[0] / ppm / 0.075) + 2, int(size[1] / ppm / 0.25) + 3
    x, y = np.meshgrid(np.arange(size[1]) / ppm, np.arange(size[0]) / ppm)
    x += 0.006 * fractal(rng, size, 0.15 * ppm, 3)
    y += 0.004 * fractal(rng, size, 0.15 * ppm, 3)
    row = np.clip((y / 0.075).astype(int), 0, rows - 1)
    along = x / 0.25 + 0.5 * (row % 2) + 0.5
    column = np.clip(along.astype(int), 0, columns - 1)
    tone = rng.normal(0, 0.16, (rows, columns)).astype(np.float32)
    tint = rng.normal(0, 10, (rows, columns, 3)).astype(np.float32)
    edge = np.minimum(np.minimum(along % 1, 1 - along % 1) * 0.25,
                      np.minimum(y / 0.075 % 1, 1 - y / 0.075 % 1) * 0.075)
    relief = tone[row, column] + 0.07 * fractal(rng, size, 0.05 * ppm, 4)
    face = (base + tint[row, column]) * (1 + relief[..., None])
    joint = 175 * (1 + 0.1 * fractal(rng, size, 0.03 * ppm, 3))[..., None] * np.ones(3, np.float32)
    weathered = 0.07 * fractal(rng, size, 1.5 * ppm, 4)
    return shaded(mix(joint, face, np.asarray((edge - 0.003) / 0.004, np.float32)), weathered)


def wood(rng: Random, size: Size, ppm: float, plank: float | None = None,
         base: Colour | None = None) -> Image:
    """Grain along x; with ``plank`` (metres) boards of that width, each with its own grain."""
    if base is None:
        base = colour(rng, (0.05, 0.11), (0.35, 0.65), (0.35, 0.8))
    x, y = np.meshgrid(np.arange(size[1]) / ppm, np.arange(size[0]) / ppm)
    width = plank or size[0] / ppm + 1
    board = (y / width).astype(int)
    bands = int(board.max()) + 1
    shift, tone = rng.uniform(0, 50, bands), rng.normal(0, 0.1 if plank else 0.0, bands)
    warp = fractal(rng, size, 0.25 * ppm, 4, stretch=(1, 6))
    rings = np.sin(2 * np.pi * (22 * y + shift[board] + 1.3 * warp))
    fibre = fractal(rng, size, 0.012 * ppm, 3, stretch=(1, 25))
    relief = 0.09 * rings + 0.07 * fibre + tone[board]
    if plank:
        length = rng.uniform(0.8, 1.6, bands)
        across = np.minimum(y / width % 1, 1 - y / width % 1) * width
        ends = ((x + shift[board]) / length[board]) % 1
        seam = np.minimum(across, np.minimum(ends, 1 - ends) * length[board])
        relief = relief - 0.5 * (seam < 0.0025) + 0.08 * np.sin(
            37.0 * (board * 7 + ((x + shift[board]) / length[board]).astype(int)))
    picture = shaded(base, np.asarray(relief, np.float32))
    for _ in range(int(4 * size[0] * size[1] / ppm**2)):
        centre = tuple(int(v) for v in rng.uniform(0, 1, 2) * size[::-1])
        axes = (int(rng.uniform(0.008, 0.03) * ppm) + 1, int(rng.uniform(0.004, 0.012) * ppm) + 1)
        cv2.ellipse(picture, centre, axes, 0, 0, 360, rgb(base * 0.5), -1, cv2.LINE_AA)
        cv2.ellipse(picture, centre, (axes[0] // 2, axes[1] // 2), 0, 0, 360,
                    rgb(base * 0.35), -1, cv2.LINE_AA)
    return picture


def tiles(rng: Random, size: Size, ppm: float, pitch: float = 0.3) -> Image:
    """Square stone tiles of ``pitch`` metres with veins and grout; some tiles differ."""
    base = colour(rng, saturation=(0.05, 0.3), value=(0.5, 0.85))
    other = base * rng.uniform(0.55, 0.9) + colour(rng) * 0.1
    x, y = np.meshgrid(np.arange(size[1]) / ppm / pitch, np.arange(size[0]) / ppm / pitch)
    row, column = y.astype(int), x.astype(int)
    shape = (int(row.max()) + 1, int(column.max()) + 1)
    chequer = (np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 2
               if rng.random() < 0.5 else rng.random(shape) < 0.15)
    tone = rng.normal(0, 0.06, shape).astype(np.float32)
    veins = np.abs(fractal(rng, size, 0.5 * ppm, 5))
    relief = (tone[row, column] + 0.05 * fractal(rng, size, 0.08 * ppm, 4)
              - 0.18 * np.exp(-25 * veins))
    face = mix(base, other, chequer[row, column].astype(np.float32)) * (1 + relief[..., None])
    edge = np.minimum(np.minimum(x % 1, 1 - x % 1), np.minimum(y % 1, 1 - y % 1)) * pitch
    grout = base * rng.uniform(0.4, 0.7)
    return to_picture(mix(grout, face, np.asarray((edge - 0.002) / 0.002, np.float32)))


def asphalt(rng: Random, size: Size, ppm: float, base: float = 95.0) -> Image:
    """Speckled stone in tar or concrete, with stains, cracks and repaired patches."""
    relief = (0.12 * fractal(rng, size, 2.0 * ppm, 5) + 0.10 * fractal(rng, size, 0.02 * ppm, 2)
              + 0.08 * rng.standard_normal(size, dtype=np.float32))
    crack = np.abs(fractal(rng, size, 1.4 * ppm, 7, 0.6))
    relief -= 0.5 * np.exp(-70 * crack)
    tint = np.array([1.0, 0.98, 0.94], np.float32) * base
    picture = shaded(tint, relief)
    for _ in range(int(size[0] * size[1] / ppm**2 / 6)):
        corner = rng.uniform(0, 1, 2) * size[::-1]
        end = corner + rng.uniform(0.2, 1.3, 2) * ppm
        (x0, y0), (x1, y1) = corner.astype(int), end.astype(int)
        picture[y0:y1, x0:x1] = to_picture(picture[y0:y1, x0:x1] * rng.uniform(0.65, 1.2))
    return picture


def fabric(rng: Random, size: Size, ppm: float, base: Colour | None = None) -> Image:
    """Woven cloth with folds and coloured threads."""
    if base is None:
        base = colour(rng, saturation=(0.2, 0.7), value=(0.25, 0.8))
    second = colour(rng, saturation=(0.2, 0.7), value=(0.25, 0.9))
    x, y = np.meshgrid(np.arange(size[1]) / ppm, np.arange(size[0]) / ppm)
    widths = rng.uniform(0.05, 0.25, 2)
    check = (0.5 * (np.sin(2 * np.pi * x / widths[0]) > 0.4)
             + 0.5 * (np.sin(2 * np.pi * y / widths[1]) > 0.4)) * rng.choice([0.0, 0.5, 0.9])
    relief = (0.10 * fractal(rng, size, 0.3 * ppm, 4)
              + 0.09 * fractal(rng, size, 0.006 * ppm, 2, stretch=(1, 3)))
    return shaded(mix(base, second, np.asarray(check, np.float32)), relief)


def carpet(rng: Random, size: Size, ppm: float) -> Image:
    """A rug: border, rows of ornaments that vary, pile noise."""
    picture = sheet(size, colour(rng, saturation=(0.4, 0.8), value=(0.25, 0.6)))
    tones = [rgb(colour(rng, saturation=(0.2, 0.8), value=(0.3, 0.95))) for _ in range(4)]
    for k, inset in enumerate((0.04, 0.09, 0.12)):
        margin = int(inset * ppm)
        cv2.rectangle(picture, (margin, margin), (size[1] - margin, size[0] - margin), tones[k],
                      int(0.015 * ppm) + 1)
    pitch = rng.uniform(0.16, 0.3) * ppm
    for cy in np.arange(pitch, size[0] - pitch / 2, pitch):
        for cx in np.arange(pitch, size[1] - pitch / 2, pitch):
            sides = int(rng.integers(3, 8))
            angle = np.arange(2 * sides) * np.pi / sides + rng.random()
            radius = np.where(np.arange(2 * sides) % 2, 0.22, rng.uniform(0.3, 0.45)) * pitch
            star = np.stack([cx + radius * np.cos(angle), cy + radius * np.sin(angle)], 1)
            tone = tones[int(rng.integers(4))]
            cv2.fillPoly(picture, [star.astype(np.int32)], tone, cv2.LINE_AA)
    return shaded(picture, 0.1 * fractal(rng, size, 0.02 * ppm, 3)
                  + 0.08 * fractal(rng, size, 0.8 * ppm, 3))


def foliage(rng: Random, size: Size, ppm: float, length: float = 0.07) -> Image:
    """Leaves of about ``length`` metres, darker ones below."""
    picture = sheet(size, (22, 34, 14))
    count = int(4.0 * size[0] * size[1] / (length * ppm) ** 2)
    hue = rng.uniform(0.18, 0.33)
    for k in range(count):
        light = 0.25 + 0.6 * k / count
        tone = colour(rng, (hue - 0.04, hue + 0.04), (0.4, 0.75), (light * 0.6, light))
        centre = tuple(int(v) for v in rng.uniform(0, 1, 2) * size[::-1])
        axes = (int(rng.uniform(0.3, 0.6) * length * ppm) + 1,
                int(rng.uniform(0.1, 0.25) * length * ppm) + 1)
        cv2.ellipse(picture, centre, axes, rng.uniform(0, 180), 0, 360, rgb(tone), -1, cv2.LINE_AA)
    return picture


def pick(rng: Random, options: Sequence[str]) -> str:
    """One of the options (numpy's choice would hand back a numpy string)."""
    return options[int(rng.integers(len(options)))]
