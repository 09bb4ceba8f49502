"""Rooms and the lane before them: one place that a robot can drive through without a break.

The lane lies along x with its middle at y = 0, the rooms on the side of +y; the first and the last
room have a door to the lane. Everything a wheel touches is at z = 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmap_reloc.simulation import furniture, lane, openings, prints, rooms, textures
from nmap_reloc.simulation.furniture import Materials
from nmap_reloc.simulation.textures import pick
from nmap_reloc.simulation.tour import Room, routes
from nmap_reloc.simulation.world import Builder, Station, World

_KERB = 0.012  # metres: a wheel does not notice
_FRONT = lane.HALF + rooms.GAP  # y of the rooms' front walls
_EAVES = 3.7
_HOUSES = lane.Facades(alike=0.0, notices=(5, 9))  # no two places look the same


def build(seed: int, detail: float = 1.0, count: int = 3) -> World:
    """``count`` rooms and the lane of this seed; ``detail`` scales all textures' resolution."""
    b = Builder(np.random.default_rng([seed, 10]), detail)
    plan = _plan(b, count)
    with b.under_a_roof(), b.at(0, _FRONT):
        for k, at in enumerate(plan):
            rooms.room(b, at.x, at.width, at.depth, k > 0, k < count - 1,
                       None if at.door is None else at.door - at.x, leaves=False)
    length = plan[-1].x + plan[-1].width
    doors = [at.door for at in plan if at.door is not None]
    m = furniture.materials(b)
    roof = b.paint(furniture.plain, 2, 2, 60)
    b.box((0, _FRONT, rooms.HEIGHT + 0.02), (length, _FRONT + max(at.depth for at in plan),
                                             rooms.HEIGHT + 0.3), roof)
    lane.ground(b, length, _KERB)
    with b.at(length, lane.HALF, 0, np.pi):
        _front(b, m, length, [length - door for door in reversed(doors)])
    with b.at(-4, -lane.HALF):
        lane.row(b, m, length + 7, _HOUSES)
    for x in (-0.05, length + 4.0):  # beside the rooms
        with b.at(x, lane.HALF, 0, np.pi):
            lane.house(b, m, 3.95, _HOUSES)
    lane.ends(b, m, length, _HOUSES)
    lane.street_furniture(b, m, length, _KERB, doors)
    for x in np.linspace(1.5, length - 1.5, 4).tolist():
        b.stations.append(Station((x, 0.0, 1.0), (2.0, 1.4)))
    b.routes.update(routes(plan, _FRONT))
    return b.finish("site", seed, outdoor=True)


def _plan(b: Builder, count: int) -> list[Room]:
    """Sizes of the rooms, with ways out of the first and the last one, clear of the corners."""
    plan, x = [], 0.0
    for k in range(count):
        width, depth = b.rng.uniform((5.6, 5.6), (6.3, 6.1)).tolist()
        door = x + 1.7 if k == 0 else x + width - 1.7 if k == count - 1 else None
        plan.append(Room(x, width, depth, door))
        x += width + rooms.GAP
    return plan


def _front(b: Builder, m: Materials, length: float, doors: list[float]) -> None:
    """The rooms' facade along local x: doorways, windows, shutters, signs and notices."""
    half = rooms.DOOR[0] / 2
    skin = b.paint(textures.brick, length, _EAVES, 130)
    rooms.pierced(b, skin, length, _EAVES, [(door - half, door + half) for door in doors])
    b.box((0, 0.0, _EAVES - 0.25), (length, 0.22, _EAVES), m.paint)
    for door in doors:
        board = b.paint(prints.sign, 1.6, 0.45, 300)
        b.box((door - 0.8, 0, 2.3), (door + 0.8, 0.1, 2.75), m.metal, front=board)
    x = 0.9
    while x < length - 0.8:
        if all(abs(x - door) > 1.3 for door in doors):
            _bay(b, m, x)
        x += float(b.rng.uniform(1.5, 2.1))


def _bay(b: Builder, m: Materials, x: float) -> None:
    """What hangs or stands at one place of the facade."""
    kind = pick(b.rng, ("window", "window", "posters", "board", "shutter"))
    if kind == "window":
        lane.window(b, m, x, 0.95, b.paint(openings.glazing, 1.0, 1.4, 250))
    elif kind == "posters":
        for dx, dz in ((-0.33, 0.0), (0.33, 0.12), (-0.3, 0.85)):
            w, h = b.rng.uniform(0.4, 0.58, 2).tolist()
            _sheet(b, m, x + dx, 1.1 + dz, w, h)
    elif kind == "board":
        _sheet(b, m, x, 1.55, 1.1, 0.8)
    else:
        cover = b.paint(textures.wood, 1.2, 1.5, 220, plank=0.12,
                        base=textures.colour(b.rng, saturation=(0.2, 0.7), value=(0.3, 0.8)))
        b.box((x - 0.6, 0, 0.8), (x + 0.6, 0.05, 2.3), m.woods[0], front=cover)


def _sheet(b: Builder, m: Materials, x: float, z: float, width: float, height: float) -> None:
    corner: npt.NDArray[np.float64] = np.array([x - width / 2, 0, z - height / 2])
    b.box(corner, corner + (width, 0.03, height), m.paint,
          front=b.paint(prints.poster, width, height, 380))
