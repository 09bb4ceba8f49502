"""The tiles' boxes for rviz, coloured by what has become of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from nmap_reloc.maps.manifest import TileEntry

# State -> (colour, width of a line in map units); drawn in this order.
COLOURS = {"other": ((0.6, 0.6, 0.6, 0.35), 0.02), "wanted": ((1.0, 0.7, 0.0, 0.9), 0.06),
           "loaded": ((0.1, 0.8, 0.2, 0.9), 0.06), "refused": ((0.9, 0.1, 0.1, 1.0), 0.08)}
# Pairs of corners, a corner being three bits: x, y, z high.
EDGES = [(a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit]


def state_of(tile: str, wanted: Collection[str], loaded: Collection[str],
             refused: Collection[str]) -> str:
    """wanted: asked for, but not loaded yet."""
    if tile in refused:
        return "refused"
    if tile in loaded:
        return "loaded"
    return "wanted" if tile in wanted else "other"


def tile_markers(tiles: Sequence[TileEntry], wanted: Collection[str], loaded: Collection[str],
                 refused: Collection[str], header: Header) -> MarkerArray:
    """One list of lines a state, and the names of all but the others; replaces what was drawn."""
    groups: dict[str, list[TileEntry]] = {state: [] for state in COLOURS}
    for tile in tiles:
        groups[state_of(tile.id, wanted, loaded, refused)].append(tile)
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for state, group in groups.items():
        if group:
            markers.append(_boxes(state, group, header))
        if state != "other":
            markers += [_name(state, index, tile, header) for index, tile in enumerate(group)]
    return MarkerArray(markers=markers)


def _boxes(state: str, tiles: Sequence[TileEntry], header: Header) -> Marker:
    marker = _marker(state, state, 0, Marker.LINE_LIST, header)
    marker.scale.x = COLOURS[state][1]
    for tile in tiles:
        corners = [_corner(tile, corner) for corner in range(8)]
        marker.points += [corners[corner] for edge in EDGES for corner in edge]
    return marker


def _name(state: str, index: int, tile: TileEntry, header: Header) -> Marker:
    marker = _marker(f"{state}_names", state, index, Marker.TEXT_VIEW_FACING, header)
    marker.text, marker.scale.z = tile.id, 0.4
    low, high = tile.low, tile.high
    marker.pose.position = Point(x=(low[0] + high[0]) / 2, y=(low[1] + high[1]) / 2, z=high[2])
    return marker


def _marker(namespace: str, state: str, index: int, kind: int, header: Header) -> Marker:
    red, green, blue, alpha = COLOURS[state][0]
    marker = Marker(header=header, ns=namespace, id=index, type=kind, action=Marker.ADD)
    marker.color = ColorRGBA(r=red, g=green, b=blue, a=alpha)
    marker.pose.orientation.w = 1.0
    return marker


def _corner(tile: TileEntry, corner: int) -> Point:
    x, y, z = ((tile.high if corner >> axis & 1 else tile.low)[axis] for axis in range(3))
    return Point(x=x, y=y, z=z)
