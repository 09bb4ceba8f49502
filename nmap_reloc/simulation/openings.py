"""Windows and doors. Same convention as textures.py."""

from __future__ import annotations

import cv2
import numpy as np

from nmap_reloc.simulation.prints import word, write
from nmap_reloc.simulation.textures import (
    Random,
    Size,
    colour,
    fractal,
    mix,
    plaster,
    rgb,
    to_picture,
)
from nmap_reloc.types import Image


def window_view(rng: Random, size: Size, ppm: float) -> Image:
    """Sky, far roofs and trees behind a window frame."""
    h, w = size
    sky = mix((170, 200, 235), (250, 250, 250), 0.5 + 0.4 * fractal(rng, size, w / 2, 6))
    ridge = (0.6 + 0.06 * fractal(rng, (1, w), w / 3, 5)[0]) * h
    ground = mix((60, 85, 50), (110, 120, 90), 0.5 + 0.4 * fractal(rng, size, w / 10, 5))
    below = (np.arange(h)[:, None] > ridge).astype(np.float32)
    picture = to_picture(mix(sky, ground, below))
    for _ in range(int(rng.integers(3, 7))):
        x, width = rng.uniform(0, w), rng.uniform(0.08, 0.25) * w
        top = rng.uniform(0.4, 0.6) * h
        cv2.rectangle(picture, (int(x), int(top)), (int(x + width), int(0.75 * h)),
                      rgb(colour(rng, saturation=(0.1, 0.4), value=(0.5, 0.8))), -1)
    frame = max(2, int(0.05 * ppm))
    for x in (0, w // 2, w):
        cv2.line(picture, (x, 0), (x, h), (225, 222, 215), frame)
    for y in (0, int(0.35 * h), h):
        cv2.line(picture, (0, y), (w, y), (225, 222, 215), frame)
    return picture


def door(rng: Random, size: Size, ppm: float) -> Image:
    """A panelled door with a handle, a plate and scratches."""
    base = colour(rng, saturation=(0.1, 0.7), value=(0.3, 0.85))
    picture = plaster(rng, size, ppm, base)
    h, w = size
    for x0, x1 in ((0.12, 0.46), (0.54, 0.88)):
        for y0, y1 in ((0.08, 0.45), (0.53, 0.93)):
            p, q = (int(x0 * w), int(y0 * h)), (int(x1 * w), int(y1 * h))
            cv2.rectangle(picture, p, q, rgb(base * 0.7), max(1, w // 60), cv2.LINE_AA)
            cv2.line(picture, p, (q[0], p[1]), rgb(base * 0.5), max(1, w // 90), cv2.LINE_AA)
    cv2.circle(picture, (int(0.07 * w), int(0.5 * h)), max(2, w // 28), (190, 180, 140), -1,
               cv2.LINE_AA)
    cv2.rectangle(picture, (int(0.36 * w), int(0.47 * h)), (int(0.64 * w), int(0.515 * h)),
                  (225, 220, 200), -1)
    write(picture, word(rng), 0.38 * w, 0.505 * h, 0.025 * h, (20, 20, 20), width=0.24 * w)
    return picture


def glazing(rng: Random, size: Size, ppm: float) -> Image:
    """A facade window from outside: frame, dark panes with reflections, curtains."""
    h, w = size
    dark = mix((35, 42, 50), (120, 140, 160), 0.35 + 0.3 * fractal(rng, size, h / 2, 4))
    picture = to_picture(dark)
    if rng.random() < 0.6:
        cloth = colour(rng, saturation=(0.05, 0.5), value=(0.5, 0.95))
        edge = int(rng.uniform(0.1, 0.4) * w)
        folds = 1 + 0.2 * np.sin(np.arange(w) / w * rng.uniform(40, 80))
        curtain = (cloth * 0.8)[None] * folds[:, None]
        curtain = np.clip(curtain, 0, 255)
        picture[:, :edge], picture[:, w - edge:] = curtain[:edge], curtain[w - edge:]
    tone = rng.choice([235.0, 90.0]) * np.array([1, 0.98, 0.93])
    bars = int(rng.integers(1, 4))
    for k in range(bars + 1):
        x = k * w // bars
        cv2.line(picture, (x, 0), (x, h), rgb(tone), max(2, int(0.05 * ppm)))
    for y in (0, int(rng.uniform(0.3, 0.5) * h), h):
        cv2.line(picture, (0, y), (w, y), rgb(tone), max(2, int(0.06 * ppm)))
    return picture
