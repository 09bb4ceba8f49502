"""The uncompressed map: every observation's descriptor. The yardstick for all others."""

from __future__ import annotations

import numpy as np

from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.maps.tile import Tile


def encode(landmarks: Landmarks, tile_id: str) -> Tile:
    """arrays: "x" positions [L x 3] relative to meta "origin"; "d" descriptors [O x D] and "o"
    landmark [O] of every observation. All float32 and int32, as a classical map has them."""
    origin = landmarks.positions.mean(0).round(3)
    seen = [view.landmarks >= 0 for view in landmarks.views]
    return Tile(tile_id, "landmarks", {"origin": [float(x) for x in origin]}, {
        "x": (landmarks.positions - origin).astype(np.float32),
        "d": np.concatenate([v.descriptors[s] for v, s in zip(landmarks.views, seen, strict=True)]
                            ).astype(np.float32),
        "o": np.concatenate([v.landmarks[s] for v, s in zip(landmarks.views, seen, strict=True)]
                            ).astype(np.int32)})
