"""Furniture, built in a local frame: x along the wall, y away from it, the wall at y = 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmap_reloc.simulation import prints, textures
from nmap_reloc.simulation.textures import Random, Size, pick
from nmap_reloc.simulation.world import Builder, Skin
from nmap_reloc.types import Image


@dataclass(frozen=True)
class Materials:
    """What a room's furniture is made of."""

    woods: tuple[Skin, ...]
    cloths: tuple[Skin, ...]
    paint: Skin
    metal: Skin
    leaves: Skin


def plain(rng: Random, size: Size, ppm: float, value: float = 0.8) -> Image:
    """Lacquered metal or plastic: nearly one colour, with fine scratches."""
    base = textures.colour(rng, (0.02, 0.16), (0.0, 0.2), (value * 0.75, value))
    return textures.shaded(base, 0.03 * textures.fractal(rng, size, 0.2 * ppm, 6)
                           + 0.03 * textures.fractal(rng, size, 0.01 * ppm, 2, stretch=(8, 1)))


def materials(b: Builder) -> Materials:
    """One set per room, so that rooms do not look alike."""
    woods = tuple(b.paint(textures.wood, 2.0, 1.2, 280) for _ in range(2))
    cloths = tuple(b.paint(textures.fabric, 1.6, 1.0, 280) for _ in range(2))
    return Materials(woods, cloths, b.paint(plain, 1.5, 1.5, 150),
                     b.paint(plain, 1, 1, 150, value=0.4),
                     b.paint(textures.foliage, 1.2, 1.2, 280))


def bookshelf(b: Builder, m: Materials, width: float) -> None:
    wood, height, depth = m.woods[0], float(b.rng.uniform(1.6, 2.1)), 0.3
    for x in (0.0, width - 0.03):
        b.box((x, 0, 0), (x + 0.03, depth, height), wood)
    b.box((0, 0, 0), (width, 0.02, height), wood)
    shelves = int(height / 0.38)
    for k in range(shelves + 1):
        z = k * (height - 0.03) / shelves
        b.box((0, 0, z), (width, depth, z + 0.03), wood)
        x = 0.04
        while k < shelves and x < width - 0.1:
            if b.rng.random() < 0.12:
                x += b.rng.uniform(0.05, 0.2)
                continue
            thick, tall = b.rng.uniform(0.02, 0.055), b.rng.uniform(0.18, 0.31)
            back = b.rng.uniform(0.0, 0.07)
            spine = b.paint(prints.book, thick, tall, 550)
            end = (min(x + thick, width - 0.04), depth - back, z + 0.03 + tall)
            b.box((x, 0.03, z + 0.03), end, m.paint, front=spine)
            x += thick + 0.001


def sofa(b: Builder, m: Materials, width: float) -> None:
    cloth, depth = m.cloths[0], 0.8
    b.box((0.15, 0.05, 0.1), (width - 0.15, depth, 0.42), cloth)
    b.box((0.15, 0.05, 0.1), (width - 0.15, 0.25, 0.8), cloth)
    for x in (0.0, width - 0.15):
        b.box((x, 0.05, 0.05), (x + 0.15, depth, 0.6), cloth)
    for _ in range(int(b.rng.integers(1, 4))):
        with b.at(b.rng.uniform(0.4, width - 0.4), 0.42, 0.6, b.rng.uniform(-0.4, 0.4)):
            b.blob((0.2, 0.09, 0.19), m.cloths[1], 0.05)


def table(b: Builder, m: Materials, width: float, depth: float, height: float = 0.73) -> None:
    """A table with its left back leg at the local origin, and things on it."""
    wood = m.woods[1]
    b.box((0, 0, height - 0.035), (width, depth, height), wood)
    for x in (0.03, width - 0.08):
        for y in (0.03, depth - 0.08):
            b.box((x, y, 0), (x + 0.05, y + 0.05, height - 0.035), wood)
    for _ in range(int(b.rng.integers(3, 7))):
        x, y = b.rng.uniform(0.15, width - 0.15), b.rng.uniform(0.12, depth - 0.15)
        with b.at(x, y, height, b.rng.uniform(0, 6.28)):
            trinket(b, m)


def trinket(b: Builder, m: Materials) -> None:
    """Something small: a pile of books, a box, a mug or a leaflet."""
    kind = int(b.rng.integers(4))
    if kind == 0:
        z = 0.0
        for _ in range(int(b.rng.integers(2, 5))):
            w, d, h = b.rng.uniform((0.14, 0.18, 0.015), (0.2, 0.26, 0.04)).tolist()
            b.box((-w / 2, -d / 2, z), (w / 2, d / 2, z + h), m.paint,
                  front=b.paint(prints.sign, w, h, 400), top=b.paint(prints.poster, w, d, 400))
            z += h
    elif kind == 1:
        w, d, h = b.rng.uniform(0.1, 0.25, 3).tolist()
        b.box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), b.paint(prints.carton, 0.3, 0.3, 350))
    elif kind == 2:
        b.prism(b.rng.uniform(0.035, 0.07), 0, b.rng.uniform(0.08, 0.25),
                b.paint(textures.fabric, 0.3, 0.2, 350))
    else:
        b.box((-0.1, -0.15, 0), (0.1, 0.15, 0.003), m.paint,
              top=b.paint(prints.poster, 0.2, 0.3, 450))


def desk(b: Builder, m: Materials, width: float) -> None:
    table(b, m, width, 0.7)
    x = b.rng.uniform(0.35, width - 0.35)
    b.box((x - 0.12, 0.15, 0.73), (x + 0.12, 0.35, 0.745), m.metal)
    b.box((x - 0.03, 0.2, 0.74), (x + 0.03, 0.24, 0.9), m.metal)
    b.box((x - 0.3, 0.22, 0.85), (x + 0.3, 0.26, 1.22), m.metal,
          front=b.paint(prints.screen, 0.6, 0.37, 500), glow=0.06)


def cabinet(b: Builder, m: Materials, width: float) -> None:
    """Drawers below, things on top."""
    wood, height = m.woods[int(b.rng.integers(2))], float(b.rng.uniform(0.7, 1.05))
    b.box((0, 0, 0.05), (width, 0.42, height), wood)
    rows, columns = int(b.rng.integers(2, 5)), int(b.rng.integers(1, 4))
    for r in range(rows):
        for c in range(columns):
            x, w = 0.02 + c * (width - 0.02) / columns, (width - 0.02) / columns - 0.02
            z, h = 0.07 + r * (height - 0.07) / rows, (height - 0.07) / rows - 0.02
            b.box((x, 0.42, z), (x + w, 0.44, z + h), wood)
            b.box((x + w / 2 - 0.05, 0.44, z + h / 2), (x + w / 2 + 0.05, 0.46, z + h / 2 + 0.015),
                  m.metal)
    for x in np.arange(0.2, width - 0.15, 0.3).tolist():
        if b.rng.random() < 0.7:
            with b.at(x, 0.2, height, b.rng.uniform(-0.5, 0.5)):
                trinket(b, m)


def wardrobe(b: Builder, m: Materials, width: float) -> None:
    b.box((0, 0, 0), (width, 0.58, 2.05), m.woods[0])
    for x in (0.02, width / 2 + 0.01):
        b.box((x, 0.58, 0.08), (x + width / 2 - 0.03, 0.6, 2.0), m.woods[1],
              front=b.paint(textures.wood, width / 2, 1.92, 280))
    for _ in range(2):
        x = b.rng.uniform(0.1, width - 0.5)
        b.box((x, 0.1, 2.05), (x + 0.4, 0.5, 2.05 + b.rng.uniform(0.15, 0.3)),
              b.paint(prints.carton, 0.4, 0.3, 350))


def cartons(b: Builder, m: Materials, width: float) -> None:
    """A stack of boxes, each turned a little."""
    x = 0.25
    while x < width - 0.2:
        z = 0.0
        for _ in range(int(b.rng.integers(1, 4))):
            w, d, h = b.rng.uniform((0.3, 0.3, 0.2), (0.45, 0.5, 0.42)).tolist()
            skin = b.paint(prints.carton, 0.45, 0.4, 350)
            with b.at(x, 0.32, z, b.rng.uniform(-0.25, 0.25)):
                b.box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), skin, front=skin)
            z += h
        x += 0.55


def plant(b: Builder, m: Materials, width: float) -> None:
    with b.at(width / 2, 0.35):
        b.prism(0.16, 0, 0.35, b.paint(textures.tiles, 1.1, 0.4, 200, pitch=0.1), taper=1.25)
        for _ in range(int(b.rng.integers(3, 6))):
            x, y, z = b.rng.uniform((-0.14, -0.14, 0.5), (0.14, 0.14, 1.15)).tolist()
            with b.at(x, y, z):
                b.blob(b.rng.uniform(0.12, 0.26, 3), m.leaves, 0.45, 1)


def radiator(b: Builder, m: Materials, width: float) -> None:
    """Ribs that all look the same."""
    for x in np.arange(0.02, width - 0.05, 0.07).tolist():
        b.box((x, 0.04, 0.12), (x + 0.05, 0.13, 0.72), m.paint)
    b.box((0, 0.07, 0.15), (width, 0.1, 0.18), m.paint)


def chair(b: Builder, m: Materials) -> None:
    """A chair about the local origin, its back towards -y."""
    for x in (-0.2, 0.16):
        b.box((x, 0.16, 0), (x + 0.04, 0.2, 0.45), m.woods[0])
        b.box((x, -0.2, 0), (x + 0.04, -0.16, 0.95), m.woods[0])
    b.box((-0.21, -0.21, 0.45), (0.21, 0.21, 0.5), m.cloths[1])
    for z in (0.6, 0.75, 0.88):
        b.box((-0.2, -0.2, z), (0.2, -0.17, z + 0.06), m.woods[0])


def picture(b: Builder, m: Materials, x: float, z: float) -> None:
    """A framed picture on the wall, centred at x, z."""
    w, h = b.rng.uniform(0.35, 1.0), b.rng.uniform(0.35, 0.8)
    kind = pick(b.rng, ("poster", "poster", "painting", "paper"))
    skin = b.paint(prints.painting if kind == "painting" else prints.poster, w, h, 420)
    depth = 0.003 if kind == "paper" else 0.03
    if kind != "paper":
        edge = b.rng.uniform(0.015, 0.04)
        half_w, half_h = w / 2 + edge, h / 2 + edge
        b.box((x - half_w, 0, z - half_h), (x + half_w, depth - 0.01, z + half_h), m.woods[0])
    b.box((x - w / 2, 0, z - h / 2), (x + w / 2, depth, z + h / 2), m.paint, front=skin)


ALONG_WALLS = ((bookshelf, 0.8, 1.3), (sofa, 1.6, 2.1), (desk, 1.2, 1.6), (cabinet, 0.8, 1.5),
               (wardrobe, 1.0, 1.4), (cartons, 0.7, 1.3), (plant, 0.6, 0.7), (radiator, 0.8, 1.3))
TALL = (bookshelf, wardrobe)
