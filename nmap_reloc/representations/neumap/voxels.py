"""The sparse voxel grid: only voxels that hold landmarks exist (paper, section 3.2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CODES_PER_VOXEL = 100  # what the automatic side aims at


def grid(positions: npt.NDArray[np.floating], side: float
         ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """positions [M x 3] -> cells [V x 3] of the occupied voxels, voxel index [M] of each point."""
    cells, voxel = np.unique(np.floor(positions / side).astype(np.int32), axis=0,
                             return_inverse=True)
    return cells, voxel.reshape(-1).astype(np.int64)


def choose_side(positions: npt.NDArray[np.floating], codes: int = CODES_PER_VOXEL) -> float:
    """The side at which an occupied voxel holds about `codes` of these points, map units."""
    low, high = np.percentile(positions, (2, 98), axis=0)
    side = float(max(high - low)) + 1e-6
    wanted = max(1, len(positions) // codes)
    for _ in range(24):
        if len(grid(positions, side)[0]) >= wanted:
            break
        side /= 1.25
    return side


def round_side(side: float) -> float:
    """Two significant digits: short in the tile, and the same after a rerun."""
    return float(f"{side:.1e}")
