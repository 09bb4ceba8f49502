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
FEWEST = 64  # codes worth a file of their own


@dataclass(frozen=True)
class Part:
    """One tile's voxels: id, which of the site's voxels [V], and the neighbouring tiles' ids.

    own [V]: those that lie in its square; the others are strays that were given to it.
    """

    id: str
    voxels: npt.NDArray[np.int64]
    neighbours: tuple[str, ...]
    own: npt.NDArray[np.bool_]


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


def square_side(tile: float, side: float) -> float:
    """What a tile of about `tile` map units really measures: whole voxels of this side."""
    return max(1, round(tile / side)) * side


def partition(cells: npt.NDArray[np.int32], side: float, axes: tuple[int, int],
              tile: float | None, codes: npt.NDArray[np.int64] | None = None) -> list[Part]:
    """cells [V x 3] of voxels of this side -> tiles of about `tile` map units, None: one tile.

    Tiles are counted from the site's corner, so that a site smaller than a tile is one. codes [V]:
    of each voxel; what lies far off and has few goes with the nearest tile that has enough.
    """
    if tile is None:
        return [Part("0_0", np.arange(len(cells)), (), np.ones(len(cells), bool))]
    across = round(square_side(tile, side) / side)
    flat = cells[:, list(axes)]
    places = (flat - flat.min(0)) // across
    given = places if codes is None else _gathered(places, codes)
    found = np.unique(given, axis=0)
    names = {tuple(p): f"{p[0]}_{p[1]}" for p in found.tolist()}
    parts = []
    for place, name in names.items():
        around = [(place[0] + i, place[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        voxels = np.flatnonzero((given == place).all(1))
        parts.append(Part(name, voxels,
                          tuple(names[other] for other in around if other in names),
                          (places[voxels] == place).all(1)))
    return parts


def _gathered(places: npt.NDArray[np.int32], codes: npt.NDArray[np.int64]
              ) -> npt.NDArray[np.int32]:
    """places [V x 2] with those of few codes replaced by the nearest of enough."""
    found, index = np.unique(places, axis=0, return_inverse=True)
    enough = np.bincount(index, codes, len(found)) >= FEWEST
    if not enough.any():
        return places
    away = np.linalg.norm(found[:, None] - found[None, enough], axis=2)
    nearest = found[enough][away.argmin(1)]
    return np.asarray(np.where(enough[:, None], found, nearest)[index], np.int32)


def cut(coded: CodedVoxels, part: Part) -> CodedVoxels:
    """The codes of one tile, its voxels counted from 0."""
    slot = np.full(len(coded.cells), -1, np.int32)
    slot[part.voxels] = np.arange(len(part.voxels), dtype=np.int32)
    kept = slot[coded.voxels] >= 0
    return CodedVoxels(coded.codes[kept], coded.positions[kept], slot[coded.voxels[kept]],
                       coded.cells[part.voxels], coded.side,
                       None if coded.factors is None else coded.factors[kept])
