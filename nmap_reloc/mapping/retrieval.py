"""Which tiles carry views to search by, what these may take, and what they are."""

from __future__ import annotations

import numpy as np

from nmap_reloc.localizer import LocalizerOptions
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.maps.retrieval import PREFIX, RetrievalIndex
from nmap_reloc.maps.tile import Arrays, Tile
from nmap_reloc.types import Floats, Ints

SHARE = 0.06  # of the budget
LEAST = 256  # bytes of a tile's
SEEN = 3  # landmarks of a voxel that a view must see to have seen the voxel


def are_searched(like: Tile | None, voxels: int) -> bool:
    """Whether tiles carry retrieval: where the site has more voxels than are looked at at once, or
    as the tile beside them does."""
    if like is None:
        return voxels > LocalizerOptions().most_voxels
    return any(name.startswith(PREFIX) for name in like.arrays)


def bytes_for(budget: int, share: float) -> int:
    """What retrieval may take in a tile that holds this share of the site."""
    return max(LEAST, int(budget * SHARE * share))


def index_of(landmarks: Landmarks, cells: Ints, side: float, most_bytes: int) -> Arrays:
    """The arrays of a tile of voxels (cells [V x 3] of this side): views, and what each sees."""
    return RetrievalIndex.encode(*_views_of(landmarks, cells, side), len(cells), most_bytes)


def _views_of(landmarks: Landmarks, cells: Ints, side: float) -> tuple[Floats, list[Ints]]:
    """Global descriptors of the views that see a tile, and which of its voxels each sees."""
    number = {tuple(cell): i for i, cell in enumerate(cells.tolist())}
    of_landmark = np.array([number.get(tuple(c), -1) for c in np.floor(
        landmarks.positions / side).astype(int).tolist()])
    descriptors, lists = [], []
    for view in landmarks.views:
        voxels = of_landmark[view.landmarks[view.landmarks >= 0]]
        counts = np.bincount(voxels[voxels >= 0], minlength=len(cells))
        seen = np.flatnonzero(counts >= SEEN).astype(np.int32)
        if len(seen):
            descriptors.append(view.global_descriptor)
            lists.append(seen)
    if not descriptors:
        return np.zeros((0, 0), np.float32), []
    return np.stack(descriptors), lists
