"""Things with writing and pictures on them: posters, paintings, book spines, signs, screens.

Same convention as textures.py: (random generator, size, pixels per metre) -> sRGB picture.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.simulation.textures import (
    Colour,
    Random,
    Size,
    colour,
    fractal,
    mix,
    rgb,
    shaded,
    sheet,
    to_picture,
)
from nmap_reloc.types import Image

_SYLLABLES = ("ka", "ro", "mi", "ten", "lu", "sar", "do", "vel", "na", "pri", "gos", "the", "ber",
              "um", "ix", "ol", "qua", "zen", "fi", "ham", "jor", "wy")
_FONTS = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX,
          cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)


def word(rng: Random) -> str:
    """A word of no language, sometimes a number."""
    if rng.random() < 0.15:
        return str(int(rng.integers(1, 9999)))
    count = int(rng.integers(1, 4))
    text = "".join(_SYLLABLES[int(k)] for k in rng.integers(len(_SYLLABLES), size=count))
    if rng.random() < 0.3:
        return text.upper()
    return text.capitalize() if rng.random() < 0.5 else text


def write(picture: Image, text: str, x: float, y: float, height: float,
          ink: npt.ArrayLike, font: int = _FONTS[0], width: float | None = None) -> None:
    """Draw text with its baseline's left end at (x, y); shrunk to ``width`` pixels if given."""
    (across, up), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = height / max(up, 1)
    if width is not None and across * scale > width:
        scale = width / across
    thick = max(1, round(0.12 * up * scale))
    cv2.putText(picture, text, (int(x), int(y)), font, scale, rgb(ink), thick, cv2.LINE_AA)


def paragraph(rng: Random, picture: Image, box: tuple[float, float, float, float],
              height: float, ink: npt.ArrayLike) -> None:
    """Fill box (x0, y0, x1, y1) with lines of words of the given letter height in pixels."""
    x0, y0, x1, y1 = box
    font = _FONTS[int(rng.integers(4))]
    y = y0 + height
    while y < y1:
        line = " ".join(word(rng) for _ in range(int(rng.integers(2, 9))))
        write(picture, line, x0, y, height, ink, font, x1 - x0)
        y += height * 1.9


def painting(rng: Random, size: Size, ppm: float) -> Image:
    """A landscape or an abstract in oil."""
    palette = np.stack([colour(rng, saturation=(0.2, 0.9), value=(0.15, 0.95)) for _ in range(6)])
    height = fractal(rng, size, max(size) / 2.5, 6)
    if rng.random() < 0.6:  # a landscape: sky above, ridges below
        height = height * 0.5 + np.linspace(-2, 2, size[0], dtype=np.float32)[:, None]
    level = np.clip((height + 2) / 4, 0, 0.999) * 5
    index = level.astype(int)
    blend = np.clip((level - index) * 3 - 1, 0, 1)[..., None]
    picture = to_picture(palette[index] * (1 - blend) + palette[index + 1] * blend)
    for _ in range(int(rng.integers(20, 80))):
        start = rng.uniform(0, 1, 2) * size[::-1]
        end = start + rng.normal(0, 0.12 * max(size), 2)
        tone = palette[int(rng.integers(6))] * rng.uniform(0.6, 1.3)
        cv2.line(picture, tuple(int(v) for v in start), tuple(int(v) for v in end), rgb(tone),
                 int(rng.uniform(0.005, 0.03) * max(size)) + 1, cv2.LINE_AA)
    return shaded(picture, 0.08 * fractal(rng, size, 0.02 * ppm, 3, stretch=(1, 3)))


def poster(rng: Random, size: Size, ppm: float) -> Image:
    """A printed sheet: title, a picture or shapes, small print."""
    paper = colour(rng, saturation=(0.0, 0.7), value=(0.55, 0.97))
    picture = sheet(size, paper)
    h, w = size
    ink = colour(rng, saturation=(0.1, 0.9), value=(0.05, 0.35))
    top, bottom = int(rng.uniform(0.15, 0.3) * h), int(rng.uniform(0.6, 0.85) * h)
    if rng.random() < 0.6:
        inner = painting(rng, (bottom - top, int(0.84 * w)), ppm)
        picture[top:bottom, int(0.08 * w):int(0.08 * w) + inner.shape[1]] = inner
    else:
        for _ in range(int(rng.integers(6, 22))):
            _shape(rng, picture, (int(0.05 * w), top, int(0.95 * w), bottom))
    title = " ".join(word(rng) for _ in range(int(rng.integers(1, 3))))
    write(picture, title, 0.08 * w, 0.75 * top, 0.35 * top, ink,
          _FONTS[int(rng.integers(len(_FONTS)))], 0.84 * w)
    paragraph(rng, picture, (0.08 * w, bottom + 0.04 * h, 0.92 * w, 0.95 * h), 0.018 * h + 2, ink)
    cv2.rectangle(picture, (0, 0), (w - 1, h - 1), rgb(paper * 0.8), max(1, w // 120))
    return shaded(picture, 0.03 * fractal(rng, size, 0.3 * ppm, 4))


def _shape(rng: Random, picture: Image, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    tone = rgb(colour(rng, saturation=(0.2, 0.95), value=(0.15, 0.95)))
    reach = 0.35 * min(x1 - x0, y1 - y0)
    centre = np.array([rng.uniform(x0 + reach / 2, x1 - reach / 2),
                       rng.uniform(y0 + reach / 2, y1 - reach / 2)])
    radius = rng.uniform(0.15, 0.5) * reach
    kind = int(rng.integers(3))
    if kind == 0:
        cv2.circle(picture, tuple(int(v) for v in centre), int(radius), tone,
                   int(rng.choice([-1, max(2, radius // 6)])), cv2.LINE_AA)
    elif kind == 1:
        sides = int(rng.integers(3, 7))
        angle = np.sort(rng.uniform(0, 2 * np.pi, sides))
        corners = centre + radius * np.stack([np.cos(angle), np.sin(angle)], 1)
        cv2.fillPoly(picture, [corners.astype(np.int32)], tone, cv2.LINE_AA)
    else:
        write(picture, word(rng), centre[0] - radius, centre[1], 0.5 * radius, tone)


def whiteboard(rng: Random, size: Size, ppm: float) -> Image:
    """Handwriting, boxes and arrows in four pens, with traces of what was wiped off."""
    picture = shaded((236, 238, 236), 0.02 * fractal(rng, size, 0.4 * ppm, 4))
    h, w = size
    pens = ((20, 20, 30), (20, 40, 160), (170, 25, 25), (20, 110, 50))
    for _ in range(int(rng.integers(10, 18))):
        pen = pens[int(rng.integers(4))]
        a = rng.uniform(0.05, 0.8, 2) * (w, h)
        b = a + rng.uniform(0.05, 0.18, 2) * (w, h)
        p, q = tuple(int(v) for v in a), tuple(int(v) for v in b)
        kind = int(rng.integers(3))
        if kind == 0:
            cv2.rectangle(picture, p, q, pen, 2, cv2.LINE_AA)
        elif kind == 1:
            cv2.arrowedLine(picture, p, q, pen, 2, cv2.LINE_AA)
        text = " ".join(word(rng) for _ in range(int(rng.integers(1, 4))))
        write(picture, text, a[0] + 4, a[1] + 0.06 * h, 0.035 * h, pen,
              cv2.FONT_HERSHEY_SCRIPT_SIMPLEX)
    return picture


def book(rng: Random, size: Size, ppm: float) -> Image:
    """The spine of one book, title running along its height."""
    cover = colour(rng, saturation=(0.1, 0.9), value=(0.2, 0.9))
    lying = sheet((size[1], size[0]), cover)
    h, w = lying.shape[:2]
    bright = (0.85, 1.0) if cover.mean() < 120 else (0.05, 0.3)
    ink = colour(rng, saturation=(0, 0.5), value=bright)
    for at in rng.uniform(0.03, 0.97, int(rng.integers(1, 4))):
        cv2.line(lying, (int(at * w), 0), (int(at * w), h), rgb(ink), max(1, w // 80))
    write(lying, f"{word(rng)} {word(rng)}", 0.15 * w, 0.7 * h, 0.4 * h, ink,
          _FONTS[int(rng.integers(3))], 0.75 * w)
    return shaded(np.rot90(lying, -1), 0.05 * fractal(rng, size, 0.05 * ppm, 3))


def carton(rng: Random, size: Size, ppm: float) -> Image:
    """Corrugated cardboard with tape, a label and printing."""
    base = colour(rng, (0.07, 0.1), (0.3, 0.45), (0.55, 0.75))
    relief = (0.05 * fractal(rng, size, 0.3 * ppm) + 0.03 * fractal(
        rng, size, 0.006 * ppm, 2, stretch=(1, 20)))
    picture = shaded(base, relief)
    h, w = size
    tape = slice(int(0.46 * h), int(0.54 * h))
    picture[tape] = to_picture(mix(picture[tape], base * 1.25, np.full((1, w), 0.6, np.float32)))
    x, y = rng.uniform(0.05, 0.5, 2) * (w, h)
    cv2.rectangle(picture, (int(x), int(y)), (int(x + 0.42 * w), int(y + 0.36 * h)),
                  (240, 238, 230), -1)
    paragraph(rng, picture, (x + 0.03 * w, y + 0.03 * h, x + 0.38 * w, y + 0.34 * h), 0.035 * h,
              (30, 30, 30))
    write(picture, word(rng), 0.06 * w, 0.94 * h, 0.09 * h, base * 0.3)
    return picture


def screen(rng: Random, size: Size, ppm: float) -> Image:
    """A monitor with windows of text and plots."""
    picture = painting(rng, size, ppm)
    h, w = size
    for _ in range(3):
        a = rng.uniform(0.02, 0.5, 2)
        b = np.minimum(a + rng.uniform(0.3, 0.5, 2), 0.97)
        tone = rng.choice([25.0, 240.0])
        (x0, y0), (x1, y1) = (a * (w, h)).astype(int), (b * (w, h)).astype(int)
        picture[y0:y1, x0:x1] = tone
        picture[y0:y0 + max(2, h // 30), x0:x1] = colour(rng)
        paragraph(rng, picture, (x0 + 4, y0 + h / 20, x1 - 4, y1 - 4), h / 55 + 2,
                  colour(rng, value=(0.6, 1.0)) if tone < 99 else (40, 40, 60))
    cv2.rectangle(picture, (0, 0), (w - 1, h - 1), (18, 18, 20), max(3, h // 40))
    return picture


def sign(rng: Random, size: Size, ppm: float, tone: Colour | None = None) -> Image:
    """A shop sign: one or two large words on a coloured board."""
    board = colour(rng, saturation=(0.4, 0.9), value=(0.2, 0.8)) if tone is None else tone
    picture = sheet(size, board)
    h, w = size
    ink = (245, 240, 225) if board.mean() < 130 else (25, 25, 30)
    cv2.rectangle(picture, (2, 2), (w - 3, h - 3), ink, max(1, h // 30))
    write(picture, f"{word(rng)} {word(rng)}", 0.06 * w, 0.7 * h, 0.45 * h, ink,
          _FONTS[int(rng.integers(len(_FONTS)))], 0.88 * w)
    return shaded(picture, 0.06 * fractal(rng, size, 0.4 * ppm, 5))
