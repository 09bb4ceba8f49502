"""Which voxels to decode: those that the prior's camera may see, or what similar views saw when
lost."""

from __future__ import annotations

import numpy as np

from nmap_reloc.maps.retrieval import RetrievalIndex
from nmap_reloc.outlook import Outlook
from nmap_reloc.representations.base import Loaded
from nmap_reloc.types import Features, Ints

SIMILAR_VIEWS = 10  # whose voxels are activated when lost


def select(active: Loaded, index: RetrievalIndex | None, features: Features,
           outlook: Outlook | None, most: int) -> Ints | None:
    """Indices of at most `most` voxels, None for all of them (paper, section 3.4: small scenes
    need no choice)."""
    if outlook is not None:  # what the camera can't see costs time and invites wrong answers
        return in_view(active, outlook, most)
    if len(active) <= most:
        return None
    if index is None or not len(index.descriptors) or not len(features.global_descriptor):
        return None
    return index.select(features.global_descriptor, SIMILAR_VIEWS)[0][:most].astype(np.int32)


def in_view(active: Loaded, outlook: Outlook, most: int) -> Ints:
    """Voxels that a camera of this outlook may see; the nearest first.

    A voxel counts as a ball around its centre.
    """
    seen = np.flatnonzero(outlook.sees(active.centres, active.side * 3 ** 0.5 / 2))
    away = np.linalg.norm(outlook.camera_from_map.apply(active.centres[seen]), axis=1)
    return seen[np.argsort(away, kind="stable")][:most].astype(np.int32)
