"""Which landmarks become codes: mapping/choice.py by how well each can be found again."""

from __future__ import annotations

import numpy as np

from nmap_reloc.mapping.choice import REGIONS, choose, sightings
from nmap_reloc.mapping.information import Indices
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.types import Floats


def observations(landmarks: Landmarks) -> tuple[Indices, Indices, Indices]:
    """(landmark, view, region of the view), each [O], of every observation, view by view."""
    who, views, regions = [], [], []
    for index, view in enumerate(landmarks.views):
        seen = view.landmarks >= 0
        size = np.array([view.camera.width, view.camera.height], np.float64)
        cell = np.clip((view.keypoints[seen] / size * REGIONS).astype(np.int64), 0, REGIONS - 1)
        who.append(view.landmarks[seen].astype(np.int64))
        views.append(np.full(len(cell), index, np.int64))
        regions.append(cell[:, 1] * REGIONS + cell[:, 0])
    return np.concatenate(who), np.concatenate(views), np.concatenate(regions)


def quality(landmarks: Landmarks) -> Floats:
    """[L] in 0..1: how alike a landmark's descriptors are in its views, and how well it fits.

    The descriptors' mean is the shorter the more they differ; one view alone proves nothing.
    """
    length = np.linalg.norm(landmarks.descriptor_sums(), axis=1)
    length /= np.maximum(landmarks.track_lengths, 1)
    fit = 1 / (1 + landmarks.errors ** 2)
    support = landmarks.track_lengths / (landmarks.track_lengths + 1.0)
    return np.asarray(length ** 2 * fit * support, np.float32)


def rank(landmarks: Landmarks, count: int) -> Indices:
    """Indices of the `count` landmarks worth most, in the order in which they were chosen; those
    that no view sees come last."""
    who, views, regions = observations(landmarks)
    worth = quality(landmarks).astype(np.float64)[who]
    chosen = choose(sightings(landmarks, who, views, regions, worth), len(landmarks.views), count)
    left = np.setdiff1d(np.arange(len(landmarks)), chosen)[:max(0, count - len(chosen))]
    return np.asarray(np.concatenate([chosen, left]), np.int64)
