"""Second stage, first half: which views look at the same things."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.extract import Shot
from nmap_reloc.types import Floats

NEIGHBOURS = 20  # views matched with each view
DEGREES_PER_STEP = 1.7  # turning this far costs as much as moving one median step
WIDEST = 100.0  # degrees between two viewing directions: beyond it nothing is shared
EXHAUSTIVE = 60  # without poses, fewer images than this are matched all with all

Pairs = list[tuple[int, int]]


def pairs_by_pose(poses: Sequence[Rigid], neighbours: int = NEIGHBOURS) -> Pairs:
    """Each view with those near it that look the same way; (a, b) with a < b, sorted."""
    centres = np.array([pose.translation for pose in poses])
    axes = np.array([pose.rotation[:, 2] for pose in poses])
    distance = np.linalg.norm(centres[:, None] - centres, axis=2)
    angle = np.degrees(np.arccos(np.clip(axes @ axes.T, -1, 1)))
    cost = distance / _step(distance) + angle / DEGREES_PER_STEP
    cost[angle > WIDEST] = np.inf
    return _nearest(cost, neighbours)


def pairs_by_appearance(shots: Sequence[Shot], neighbours: int = NEIGHBOURS) -> Pairs:
    """Without poses: all pairs of a small set, else each with the most similar global ones."""
    count = len(shots)
    described = [shot.features.global_descriptor for shot in shots]
    if count < EXHAUSTIVE or not all(len(d) for d in described):
        return [(a, b) for a in range(count) for b in range(a + 1, count)]
    # What all images share says nothing about place.
    centred: Floats = np.stack(described) - np.mean(described, axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    return _nearest(np.asarray(1 - centred @ centred.T, np.float64), neighbours)


def _step(distance: npt.NDArray[np.float64]) -> float:
    """The median distance from a view to the next in order: a scale for any scene."""
    following = np.diagonal(distance, 1)
    moved = following[following > 0]
    return float(np.median(moved)) if len(moved) else 1.0


def _nearest(cost: npt.NDArray[np.float64], neighbours: int) -> Pairs:
    cost = cost.copy()
    np.fill_diagonal(cost, np.inf)
    pairs: set[tuple[int, int]] = set()
    for a, row in enumerate(cost):
        for b in np.argsort(row, kind="stable")[:neighbours]:
            if np.isfinite(row[b]):
                pairs.add((min(a, int(b)), max(a, int(b))))
    return sorted(pairs)
