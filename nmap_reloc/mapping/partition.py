"""A site into square tiles of whole voxels, each a file that a robot can load by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.maps.tile import Tile
from nmap_reloc.representations.neumap.layout import CodedVoxels
from nmap_reloc.types import Doubles

TILE = 20.0  # metres along a side; a map in arbitrary units is one tile


@dataclass(frozen=True)
class Part:
    """One tile's voxels: id, which of the site's voxels [V], and the neighbouring tiles' ids."""

    id: str
    voxels: npt.NDArray[np.int64]
    neighbours: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """A tile with the points [N x 3] that bound it and its neighbours' ids."""

    tile: Tile
    points: Doubles
    neighbours: tuple[str, ...] = ()


def ground_axes(landmarks: Landmarks) -> tuple[int, int]:
    """The two axes along which the cameras travel furthest: maps need not have z upward."""
    centres = np.array([view.map_from_camera.translation for view in landmarks.views])
    reach = np.ptp(centres, axis=0)
    first, second = sorted(np.argsort(-reach, kind="stable")[:2].tolist())
    return int(first), int(second)


def partition(cells: npt.NDArray[np.int32], side: float, axes: tuple[int, int],
              tile: float | None) -> list[Part]:
    """cells [V x 3] of voxels of this side -> tiles of about `tile` map units, None: one tile.

    Tiles are counted from the site's corner, so that a site smaller than a tile is one.
    """
    if tile is None:
        return [Part("0_0", np.arange(len(cells)), ())]
    across = max(1, round(tile / side))
    flat = cells[:, list(axes)]
    places = (flat - flat.min(0)) // across
    found = np.unique(places, axis=0)
    names = {tuple(p): f"{p[0]}_{p[1]}" for p in found.tolist()}
    parts = []
    for place, name in names.items():
        around = [(place[0] + i, place[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        parts.append(Part(name, np.flatnonzero((places == place).all(1)),
                          tuple(names[other] for other in around if other in names)))
    return parts


def cut(coded: CodedVoxels, part: Part) -> CodedVoxels:
    """The codes of one tile, its voxels counted from 0."""
    slot = np.full(len(coded.cells), -1, np.int32)
    slot[part.voxels] = np.arange(len(part.voxels), dtype=np.int32)
    kept = slot[coded.voxels] >= 0
    return CodedVoxels(coded.codes[kept], coded.positions[kept], slot[coded.voxels[kept]],
                       coded.cells[part.voxels], coded.side,
                       None if coded.factors is None else coded.factors[kept])
