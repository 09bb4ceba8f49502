"""Three rooms in a row, joined by doorways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmap_reloc.simulation import furniture, openings, prints, textures
from nmap_reloc.simulation.furniture import Materials
from nmap_reloc.simulation.textures import pick
from nmap_reloc.simulation.world import Builder, Lamp, Skin, Station, World

GAP = 0.18  # thickness of the walls between rooms, metres
DOOR = (0.95, 2.05)  # width and height of a doorway, metres
DOOR_AT = 2.0  # y of the middle of the doorways between rooms
HEIGHT = 2.7

Opening = tuple[float, float]  # from, to along the wall, metres


def build(seed: int, detail: float = 1.0, count: int = 3) -> World:
    """The rooms of this seed; ``detail`` scales the resolution of all textures."""
    b = Builder(np.random.default_rng([seed, 1]), detail)
    x = 0.0
    widths = b.rng.uniform(4.4, 5.8, count)
    for k in range(count):
        depth = float(b.rng.uniform(4.2, 5.2))
        room(b, x, float(widths[k]), depth, left=k > 0, right=k < count - 1)
        x += float(widths[k]) + GAP
    return b.finish("rooms", seed, outdoor=False)


def room(b: Builder, x: float, width: float, depth: float, left: bool, right: bool,
         front: float | None = None, leaves: bool = True) -> None:
    """A room from (x, 0) to (x + width, depth). left, right: whether there are doorways to the
    neighbours; front: where along the front wall, y = 0, the way out is; leaves: of the doors."""
    height, door = HEIGHT, DOOR_AT
    m = furniture.materials(b)
    _floor_and_ceiling(b, x, width, depth, height)
    span: Opening = (door - DOOR[0] / 2, door + DOOR[0] / 2)
    mirrored: Opening = (depth - span[1], depth - span[0])
    walls = (  # start corner, yaw, length, opening; counter-clockwise, so that +y is inwards
        (x, 0.0, 0.0, width, None if front is None else (front - DOOR[0] / 2,
                                                         front + DOOR[0] / 2)),
        (x + width, 0.0, np.pi / 2, depth, span if right else None),
        (x + width, depth, np.pi, width, None),
        (x, depth, -np.pi / 2, depth, mirrored if left else None),
    )
    for sx, sy, yaw, length, opening in walls:
        with b.at(sx, sy, 0, yaw):
            _wall(b, m, length, height, opening, leaves)
            _furnish(b, m, length, opening)
    with b.at(x + width / 2, depth / 2, 0, b.rng.uniform(-0.4, 0.4)):
        if b.rng.random() < 0.7:
            with b.at(-0.5, -0.35):
                furniture.table(b, m, 1.0, 0.7, float(b.rng.uniform(0.45, 0.75)))
            if b.rng.random() < 0.5:
                with b.at(0.1, 0.6, 0, np.pi):
                    furniture.chair(b, m)
    b.stations.append(Station((x + width / 2, depth / 2, 1.3),
                              (width / 2 - 1.25, depth / 2 - 1.25)))


def _floor_and_ceiling(b: Builder, x: float, width: float, depth: float, height: float) -> None:
    kind = pick(b.rng, ("boards", "tiles", "cloth"))
    if kind == "boards":
        skin = b.paint(textures.wood, width, depth, 220, plank=0.14)
    elif kind == "tiles":
        skin = b.paint(textures.tiles, width, depth, 220)
    else:
        skin = b.paint(textures.fabric, width, depth, 220)
    b.panel((x, depth, 0), (width, 0, 0), (0, -depth, 0), skin)
    white = textures.colour(b.rng, (0.05, 0.15), (0.0, 0.06), (0.85, 0.93))
    b.panel((x, 0, height), (width, 0, 0), (0, depth, 0),
            b.paint(textures.plaster, width, depth, 120, base=white))
    w, d = b.rng.uniform(1.4, 2.4), b.rng.uniform(1.2, 1.8)
    corner = (x + width / 2 - w / 2 + b.rng.uniform(-0.4, 0.4), depth / 2 - d / 2)
    b.box((*corner, 0.0), (corner[0] + w, corner[1] + d, 0.012),
          b.paint(furniture.plain, 1, 1, 60), top=b.paint(textures.carpet, w, d, 300))
    shade = b.paint(furniture.plain, 0.5, 0.5, 100)
    for dx in (-0.22, 0.22):
        at = (x + width * (0.5 + dx), depth / 2 + float(b.rng.uniform(-0.5, 0.5)), height - 0.12)
        with b.at(at[0], at[1], height - 0.08):
            b.box((-0.3, -0.08, 0), (0.3, 0.08, 0.08), shade, glow=1.2)
        b.lamps.append(Lamp(at, (1.5, 1.42, 1.25)))


def _wall(b: Builder, m: Materials, length: float, height: float, opening: Opening | None,
          leaf: bool) -> None:
    kind = pick(b.rng, ("plaster", "plaster", "wallpaper", "brick", "boards"))
    if kind == "boards":
        skin = b.paint(textures.wood, length, height, 200, plank=0.18)
    else:
        skin = b.paint(getattr(textures, kind), length, height, 200)
    pierced(b, skin, length, height, () if opening is None else (opening,))
    gaps = [(0.0, length)] if opening is None else [(0.0, opening[0]), (opening[1], length)]
    for x0, x1 in gaps:
        b.box((x0, 0, 0), (x1, 0.015, 0.09), m.paint)
    if opening is not None:
        frame, y0, y1 = m.woods[0], -GAP - 0.02, 0.025
        for x0 in (opening[0] - 0.08, opening[1]):
            b.box((x0, y0, 0), (x0 + 0.08, y1, DOOR[1] + 0.08), frame)
        b.box((opening[0], y0, DOOR[1]), (opening[1], y1, DOOR[1] + 0.08), frame)
        b.box((opening[0], -GAP, -0.02), (opening[1], 0, 0.008), frame)
        if leaf:
            b.box((opening[0] - 0.1, 0.025, 0.0), (opening[0] - 0.06, 0.87, DOOR[1]), m.paint)


def pierced(b: Builder, skin: Skin, length: float, height: float, openings: Sequence[Opening]
            ) -> None:
    """The wall's panels around its openings; all show their part of one picture."""
    pieces, x = [], 0.0
    for start, end in openings:
        pieces += [(x, start, height), (start, end, height - DOOR[1])]
        x = end
    for x0, x1, tall in [*pieces, (x, length, height)]:
        region = (1 - x1 / length, 0.0, (x1 - x0) / length, tall / height)
        b.panel((x1, 0, height), (x0 - x1, 0, 0), (0, 0, -tall), skin, region)


def _furnish(b: Builder, m: Materials, length: float, opening: Opening | None) -> None:
    """Furniture from left to right, and pictures, a window or a whiteboard above it."""
    x, end = 0.12, length - 0.95
    hung = 0.3
    while x < end:
        make, least, most = furniture.ALONG_WALLS[int(b.rng.integers(len(furniture.ALONG_WALLS)))]
        width = float(b.rng.uniform(least, most))
        if opening is not None and x + width > opening[0] - 0.15 and x < opening[1] + 0.15:
            if x < opening[0] - 0.8:  # too wide for what is left before the doorway
                x += 0.2
                continue
            x = hung = opening[1] + 0.2
            continue
        if x + width > end + 0.3:
            x += 0.25
            continue
        with b.at(x, 0.02):
            make(b, m, width)
        if make in furniture.TALL:
            hung = max(hung, x + width + 0.1)
        else:
            while hung + 1.1 < x + width + 0.5 and hung + 1.1 < length:
                hung = _hang(b, m, hung, opening)
        x += width + float(b.rng.uniform(0.03, 0.25))
    while hung + 1.0 < length:
        hung = _hang(b, m, hung, opening)


def _hang(b: Builder, m: Materials, x: float, opening: Opening | None) -> float:
    """Hang something in the 1.1 metres from x; returns where the next may begin."""
    if opening is not None and x + 1.2 > opening[0] and x < opening[1] + 0.1:
        return opening[1] + 0.12
    kind = pick(b.rng, ("picture", "picture", "pictures", "pictures", "window", "whiteboard"))
    if kind == "picture":
        furniture.picture(b, m, x + 0.55, float(b.rng.uniform(1.55, 1.8)))
    elif kind == "pictures":
        for k in range(3):
            w, h = b.rng.uniform(0.2, 0.33, 2)
            at, z = x + 0.2 + 0.37 * k, b.rng.uniform(1.35, 2.1)
            depth = float(b.rng.uniform(0.003, 0.02))
            b.box((at - w / 2, 0, z - h / 2), (at + w / 2, depth, z + h / 2), m.paint,
                  front=b.paint(prints.poster, w, h, 500))
    elif kind == "window":
        b.box((x, 0, 1.25), (x + 1.0, 0.012, 2.3), m.paint,
              front=b.paint(openings.window_view, 1.0, 1.05, 300), glow=0.5)
        b.box((x - 0.05, 0, 1.19), (x + 1.05, 0.12, 1.23), m.paint)
    elif kind == "whiteboard":
        b.box((x, 0, 1.1), (x + 1.05, 0.02, 1.9), m.metal,
              front=b.paint(prints.whiteboard, 1.05, 0.8, 420))
    return x + 1.15
