"""Ways of a robot through the rooms and the lane of a site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmap_reloc.simulation.rooms import DOOR_AT, GAP
from nmap_reloc.types import Doubles

_TURN = 1.45  # radius of the way around a room's table, metres
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Room:
    """From ``x`` on, ``width`` x ``depth`` metres; ``door``: x of its way out, None without."""

    x: float
    width: float
    depth: float
    door: float | None


@dataclass(frozen=True)
class _Place:
    """A room on the ground: centre of its table, y of its doorways, x of its side walls."""

    x: float
    y: float
    door_y: float
    left: float
    right: float

    def around(self, start: float, end: float) -> Points:
        """Around the table from one angle to another, degrees from +x towards +y."""
        angles = np.radians(np.linspace(start, end, max(2, round(abs(end - start) / 30) + 1)))
        return [(self.x + _TURN * float(np.cos(a)), self.y + _TURN * float(np.sin(a)))
                for a in angles]

    def to_left(self) -> Points:
        """Out by the doorway to the left."""
        return [(self.left + 0.75, self.door_y + 0.1), (self.left - GAP / 2, self.door_y)]

    def to_right(self) -> Points:
        return [(self.right - 0.75, self.door_y + 0.1), (self.right + GAP / 2, self.door_y)]

    def from_left(self) -> Points:
        return [(self.left + 0.7, self.door_y)]

    def from_right(self) -> Points:
        return [(self.right - 0.7, self.door_y)]


def routes(plan: list[Room], front: float) -> dict[str, Doubles]:
    """{"map", "query"}: waypoints [K x 2]; ``front``: y of the rooms' front walls."""
    places = [_Place(room.x + room.width / 2, front + room.depth / 2, front + DOOR_AT, room.x,
                     room.x + room.width) for room in plan]
    first, last = plan[0].door, plan[-1].door
    assert first is not None and last is not None
    end = plan[-1].x + plan[-1].width
    return {"map": np.array(_mapping(places, front, last, end)),
            "query": np.array(_asking(places, front, first, last, end))}


def _mapping(places: list[_Place], front: float, door: float, end: float) -> Points:
    """Around every table, out by the last room's door, up and down the lane and back through all
    rooms by their far side."""
    way = places[0].around(-10, 300) + places[0].to_right()
    for place in places[1:-1]:
        way += place.from_left() + place.around(235, 670) + place.to_right()
    last = places[-1]
    way += last.from_left() + last.around(235, 630) + _leave(last, front, door)
    way += [(door - 0.7, 2.2), (door - 2.2, 1.45), *((x, 1.3) for x in _between(door - 4, 1.2)),
            (0.0, 1.0), (-0.6, 0.0), (0.0, -1.05)]
    way += [*((x, -1.3) for x in _between(1.4, end - 1.4)), (end, -1.0), (end + 0.6, 0.0),
            (end - 0.1, 1.0), (door + 1.1, 1.4), (door + 0.25, 2.3), (door, front - 0.9),
            (door, front), (door, front + 0.9)]
    way += last.around(0, 150) + last.to_left()
    for place in reversed(places[1:-1]):
        way += place.from_right() + place.around(30, 150) + place.to_left()
    return way + places[0].from_right() + places[0].around(30, 240)


def _asking(places: list[_Place], front: float, entry: float, door: float, end: float) -> Points:
    """Down the lane, in by the first door, the other way round the tables, out and down again."""
    way = [*((x, -0.7) for x in _between(end - 2.5, entry + 3.2)), (entry + 1.5, -0.2),
           (entry + 0.4, 1.1), (entry, front - 1.6), (entry, front), (entry, front + 0.9)]
    way += places[0].around(180, 20) + places[0].to_right()
    for place in places[1:-1]:
        way += place.from_left() + place.around(150, -330) + place.to_right()
    last = places[-1]
    way += last.from_left() + last.around(235, 630) + _leave(last, front, door)
    return way + [(door - 0.6, 2.0), (door - 1.8, 0.9), *((x, 0.6) for x in
                                                         _between(door - 3.5, 4.0))]


def _leave(room: _Place, front: float, door: float) -> Points:
    """From the near side of a room's table through the door to the lane."""
    return [(door - 0.45, front + 1.3), (door - 0.05, front + 0.75), (door, front - 0.1),
            (door, front - 1.0)]


def _between(start: float, end: float) -> list[float]:
    """Every two metres or so, without ``end``."""
    return np.linspace(start, end, max(2, round(abs(end - start) / 2) + 1)).tolist()
