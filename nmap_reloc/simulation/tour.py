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

    def around(self, start: float, end: float, radius: float = _TURN) -> Points:
        """Around the table from one angle to another, degrees from +x towards +y."""
        angles = np.radians(np.linspace(start, end, max(2, round(abs(end - start) / 30) + 1)))
        return [(self.x + radius * float(np.cos(a)), self.y + radius * float(np.sin(a)))
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
    return {"map": np.array(_mapping(places, front, first, last, end)),
            "query": np.array(_asking(places, front, first, last, end))}


def _mapping(places: list[_Place], front: float, entry: float, door: float, end: float) -> Points:
    """In by the first room's door, around every table, out by the last door, down and up the lane
    and back through all rooms, in the middle ones the other way round their tables."""
    way = [*_along(entry + 4.5, entry + 2.5, -1.0), *_enter(front, entry, -0.5)]
    way += places[0].around(290, 675) + places[0].to_right()
    for place in places[1:-1]:
        way += place.from_left() + place.around(235, 675) + place.to_right()
    last = places[-1]
    way += last.from_left() + last.around(235, 630) + _leave(front, door)
    way += [(door - 0.7, 2.2), (door - 2.2, 1.45), *_along(door - 4, 1.2, 1.35), (0.0, 1.0),
            (-0.6, 0.0), (0.0, -1.05)]
    way += [*_along(1.4, end - 1.4, -1.3), (end, -1.0), (end + 0.6, 0.0), (end - 0.1, 1.0),
            (door + 1.1, 1.4), (door + 0.25, 2.3), (door, front - 0.9), (door, front),
            (door, front + 0.9)]
    way += last.around(0, 150) + last.to_left()
    for place in reversed(places[1:-1]):
        way += place.from_right() + place.around(-50, -500) + place.to_left()
    return way + places[0].from_right() + places[0].around(30, 150)


def _asking(places: list[_Place], front: float, entry: float, door: float, end: float) -> Points:
    """Down the lane, in by the first door, around the tables more closely and in the middle rooms
    the other way round, out by the last door and down the lane again."""
    near = _TURN - 0.15
    way = [*_along(end - 3.5, entry + 3.0, -0.6), *_enter(front, entry, -0.1)]
    way += places[0].around(290, 320, near) + places[0].to_right()
    for place in places[1:-1]:
        way += place.from_left() + place.around(150, -330, near) + place.to_right()
    last = places[-1]
    way += last.from_left() + last.around(235, 630, near) + _leave(front, door)
    return way + [(door - 0.6, 2.0), (door - 1.8, 0.9), *_along(door - 3.5, 3.0, 0.5)]


def _enter(front: float, door: float, y: float) -> Points:
    """From the lane, driving towards -x at ``y``, through a door and to the near side of the
    room's table."""
    return [(door + 1.5, y), (door + 0.4, 1.1), (door, front - 1.6), (door, front),
            (door + 0.05, front + 0.6), (door + 0.5, front + 1.2)]


def _leave(front: float, door: float) -> Points:
    """From the near side of a room's table through the door to the lane."""
    return [(door - 0.45, front + 1.3), (door - 0.05, front + 0.75), (door, front - 0.1),
            (door, front - 1.0)]


def _along(start: float, end: float, y: float) -> Points:
    """Down the lane, a point every two metres or so, swaying a little."""
    count = max(2, round(abs(end - start) / 2) + 1)
    sway = 0.15 * np.sin(np.arange(count) * 2.2)
    return list(zip(np.linspace(start, end, count).tolist(), (y + sway).tolist()))
