"""A lane between two rows of houses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmap_reloc.simulation import furniture, openings, prints, textures
from nmap_reloc.simulation.furniture import Materials
from nmap_reloc.simulation.textures import pick
from nmap_reloc.simulation.world import Builder, Skin, Station, World

HALF = 4.2  # from the lane's middle to the facades, metres
KERB = 2.6
_FREE = 1.6  # metres to each side of a door


@dataclass(frozen=True)
class Facades:
    """alike: share of a house's windows that look the same, as real ones do; the others have their
    own curtains. notices: how many sheets hang on the wall, at least and below."""

    alike: float = 0.5
    notices: tuple[int, int] = (1, 4)


PLAIN = Facades()


def build(seed: int, detail: float = 1.0, length: int = 30) -> World:
    """The lane of this seed along +x; ``detail`` scales the resolution of all textures."""
    b = Builder(np.random.default_rng([seed, 2]), detail)
    m = furniture.materials(b)
    ground(b, length, 0.12)
    for yaw, sy, sx in ((0.0, -HALF, -4.0), (np.pi, HALF, length + 4.0)):
        with b.at(sx, sy, 0, yaw):
            row(b, m, length + 7)
    ends(b, m, length)
    street_furniture(b, m, length, 0.12)
    for x in np.linspace(1.5, length - 1.5, 6):
        b.stations.append(Station((float(x), 0.0, 1.4), (2.0, 1.4)))
    return b.finish("lane", seed, outdoor=True)


def row(b: Builder, m: Materials, length: float, style: Facades = PLAIN) -> None:
    """Houses side by side along local x, at least ``length`` metres of them."""
    x = 0.0
    while x < length:
        width = float(b.rng.uniform(4.5, 7.5))
        with b.at(x, 0.0):
            house(b, m, width, style)
        x += width


def ends(b: Builder, m: Materials, length: float, style: Facades = PLAIN) -> None:
    """Houses across both ends of the lane, 4 metres beyond 0 and ``length``."""
    for yaw, sx in ((-np.pi / 2, -4.0), (np.pi / 2, length + 4.0)):
        with b.at(sx, -HALF * np.sign(yaw) - 1.5 * np.sign(yaw), 0, yaw):
            house(b, m, 2 * HALF + 3, style)


def ground(b: Builder, length: float, kerb: float) -> None:
    """The road, and pavements ``kerb`` metres above it."""
    for x in np.arange(-5.0, length + 5, 10).tolist():
        road = b.paint(textures.asphalt, 10, 2 * KERB, 110, base=float(b.rng.uniform(70, 105)))
        b.panel((x, KERB, 0), (10, 0, 0), (0, -2 * KERB, 0), road)
        for y0, y1 in ((-HALF - 0.1, -KERB), (KERB, HALF + 0.1)):
            slabs = b.paint(textures.tiles, 10, y1 - y0, 140, pitch=0.4)
            b.box((x, y0, -0.1), (x + 10, y1, kerb), b.paint(furniture.plain, 2, 1, 60), top=slabs)


def house(b: Builder, m: Materials, width: float, style: Facades = PLAIN) -> None:
    """A facade along local x with windows in rows, a door, a sign, sills and a cornice."""
    floors = int(b.rng.integers(2, 4))
    height = 3.0 * floors + float(b.rng.uniform(0.3, 1.0))
    kind = pick(b.rng, ("brick", "brick", "plaster", "boards"))
    if kind == "boards":
        skin = b.paint(textures.wood, width, height, 110, plank=0.2,
                       base=textures.colour(b.rng, saturation=(0.1, 0.5), value=(0.5, 0.9)))
    else:
        tone = None if kind == "brick" else textures.colour(b.rng, saturation=(0.1, 0.45),
                                                            value=(0.6, 0.92))
        skin = b.paint(getattr(textures, kind), width, height, 130, base=tone)
    b.box((0, -4.0, 0), (width, 0, height), m.paint, front=skin)
    b.box((0, -0.1, height - 0.25), (width, 0.22, height), m.paint)
    _entrance(b, m, width, style)
    columns = max(2, int(width / 2.0))
    same = b.paint(openings.glazing, 1.0, 1.4, 200)
    for floor in range(1, floors):
        for c in range(columns):
            x = (c + 0.5) * width / columns
            usual = b.rng.random() < style.alike
            own = same if usual else b.paint(openings.glazing, 1.0, 1.4, 200)
            window(b, m, x, 3.0 * floor + 0.75, own)
            if b.rng.random() < 0.2:
                _balcony(b, m, x, 3.0 * floor + 0.45)


def _balcony(b: Builder, m: Materials, x: float, z: float) -> None:
    b.box((x - 0.7, 0, z), (x + 0.7, 0.5, z + 0.1), m.paint)
    for rail in np.arange(x - 0.68, x + 0.7, 0.12).tolist():
        b.box((rail, 0.46, z + 0.1), (rail + 0.02, 0.48, z + 0.85), m.metal)


def window(b: Builder, m: Materials, x: float, z: float, skin: Skin) -> None:
    b.box((x - 0.5, -0.1, z), (x + 0.5, 0.01, z + 1.4), m.paint, front=skin)
    b.box((x - 0.6, 0, z - 0.1), (x + 0.6, 0.16, z), m.paint)
    b.box((x - 0.6, 0, z + 1.4), (x + 0.6, 0.08, z + 1.55), m.paint)
    for side in (x - 0.6, x + 0.5):
        b.box((side, 0, z), (side + 0.1, 0.06, z + 1.4), m.paint)


def _entrance(b: Builder, m: Materials, width: float, style: Facades) -> None:
    """Ground floor: a door, and a shop front or more windows beside it."""
    at = float(b.rng.uniform(0.15, 0.35)) * width
    b.box((at - 0.5, 0, 0), (at + 0.5, 0.03, 2.2), m.woods[0],
          front=b.paint(openings.door, 1.0, 2.2, 280))
    b.box((at - 0.7, 0, 0), (at + 0.7, 0.35, 0.16), m.paint)
    for side in (at - 0.62, at + 0.5):
        b.box((side, 0, 0), (side + 0.12, 0.1, 2.3), m.paint)
    b.box((at - 0.62, 0, 2.2), (at + 0.62, 0.12, 2.35), m.paint)
    x0, x1 = at + 0.9, width - 0.4
    if b.rng.random() < 0.6 and x1 - x0 > 1.4:
        behind = prints.screen if b.rng.random() < 0.3 else openings.glazing
        b.box((x0, 0, 0.5), (x1, 0.04, 2.2), m.paint, front=b.paint(behind, x1 - x0, 1.7, 220))
        board = b.paint(prints.sign, x1 - x0, 0.5, 300)
        b.box((x0, 0, 2.35), (x1, 0.12, 2.85), m.metal, front=board)
        if b.rng.random() < 0.6:
            cloth = b.paint(textures.fabric, x1 - x0, 1.0, 220)
            b.panel((x1, 0.05, 2.4), (x0 - x1, 0, 0), (0, 0.9, -0.4), cloth)
    else:
        own = b.paint(openings.glazing, 1.0, 1.4, 250)
        for x in np.arange(x0 + 0.6, x1 - 0.5, 1.7).tolist():
            window(b, m, x, 0.9, own)
            own = own if style.alike else b.paint(openings.glazing, 1.0, 1.4, 250)
    for _ in range(int(b.rng.integers(*style.notices))):
        x, z = b.rng.uniform((0.3, 1.2), (width - 0.3, 2.2)).tolist()
        w, h = b.rng.uniform(0.25, 0.6, 2).tolist()
        if abs(x - at) > 1.0:
            b.box((x - w / 2, 0, z - h / 2), (x + w / 2, 0.06, z + h / 2), m.paint,
                  front=b.paint(prints.poster, w, h, 400))


def street_furniture(b: Builder, m: Materials, length: float, kerb: float,
                     kept_free: Sequence[float] = ()) -> None:
    """Lamp posts, trees, benches, planters, bins and parcels on both pavements, none before
    the doors at x = ``kept_free`` on the side of +y."""
    bark = b.paint(textures.wood, 1.5, 3.0, 200)
    for side in (-1, 1):
        x = float(b.rng.uniform(0, 2))
        while x < length:
            kind = pick(b.rng, ("post", "tree", "bench", "planter", "cartons", "bollard", "board"))
            if side < 0 or all(abs(x - door) > _FREE for door in kept_free):
                with b.at(x, side * (KERB + 0.45), kerb, 0.0 if side < 0 else np.pi):
                    _item(b, m, kind, bark)
            x += float(b.rng.uniform(1.8, 3.6))


def _item(b: Builder, m: Materials, kind: str, bark: Skin) -> None:
    if kind == "post":
        b.prism(0.07, 0, 4.2, m.metal)
        with b.at(0, 0, 4.2):
            b.prism(0.18, 0, 0.3, m.paint, 8)
    elif kind == "tree":
        b.prism(0.13, 0, 2.6, bark, taper=0.7)
        for _ in range(4):
            x, y, z = b.rng.uniform((-0.5, -0.5, 2.6), (0.5, 0.5, 3.6)).tolist()
            with b.at(x, y, z):
                b.blob(b.rng.uniform(0.5, 0.95, 3), m.leaves, 0.35)
    elif kind == "bench":
        for z, y in ((0.42, -0.2), (0.42, -0.05), (0.42, 0.1), (0.65, -0.26), (0.8, -0.28)):
            b.box((-0.7, y, z), (0.7, y + 0.1, z + 0.04), bark)
        for x in (-0.6, 0.55):
            b.box((x, -0.25, 0), (x + 0.05, 0.18, 0.42), m.metal)
    elif kind == "planter":
        b.box((-0.6, -0.25, 0), (0.6, 0.25, 0.5), b.paint(textures.brick, 1.2, 0.5, 220))
        for x in (-0.35, 0.0, 0.35):
            with b.at(x, 0, 0.62):
                b.blob(b.rng.uniform(0.2, 0.3, 3), m.leaves, 0.4)
    elif kind == "cartons":
        with b.at(-0.5, -0.3):
            furniture.cartons(b, m, 1.0)
    elif kind == "bollard":
        for x in (-0.6, 0.6):
            with b.at(x, 0):
                b.prism(0.1, 0, 0.9, m.metal, 10)
    else:
        b.box((-0.4, -0.03, 0.1), (0.4, 0.03, 1.2), m.woods[0],
              front=b.paint(prints.poster, 0.8, 1.1, 350))
