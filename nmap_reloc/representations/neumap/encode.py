"""A scene's landmarks in, a tile's codes out: feed-forward, in seconds, without a gradient."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.neumap.layout import CodedVoxels
from nmap_reloc.representations.neumap.network import NeumapNetwork
from nmap_reloc.representations.neumap.voxels import choose_side, grid, round_side
from nmap_reloc.types import Floats


@torch.inference_mode()
def encode(network: NeumapNetwork, descriptors: Floats) -> Floats:
    """mean descriptors [M x D] -> codes [M x C]."""
    return np.asarray(network.encode(torch.from_numpy(descriptors)).numpy(), np.float32)


def into_voxels(landmarks: Landmarks, chosen: npt.NDArray[np.int64], codes: Floats,
                factors: Floats | None = None, side: float | None = None) -> CodedVoxels:
    """Puts the codes of the chosen landmarks [M] into their voxels, sorted by voxel.

    side: of a voxel, None for about 100 codes in each.
    """
    positions = landmarks.positions[chosen]
    side = round_side(choose_side(positions) if side is None else side)
    cells, voxels = grid(positions, side)
    # within a voxel by position: neighbours share leading bits, which compresses better
    order = np.lexsort((positions[:, 2], positions[:, 1], positions[:, 0], voxels))
    return CodedVoxels(codes[order], positions[order], voxels[order].astype(np.int32), cells,
                       side, None if factors is None else factors[order])
