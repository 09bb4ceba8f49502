"""Second stage: matches between co-visible views, checked by their poses where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmap_reloc.camera import to_pycolmap
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.extract import Progress, Shot
from nmap_reloc.mapping.pairs import Pairs
from nmap_reloc.types import Doubles, Floats, Ints

Matches = dict[tuple[int, int], Ints]  # (a, b) -> [M x 2] keypoint of a, keypoint of b


@dataclass(frozen=True)
class Rule:
    """ratio: of the distances to the best and the second best; similarity: least cosine."""

    ratio: float
    similarity: float


# Descriptors choose first, poses judge after. The other order, the best along the epipolar line,
# looks better and is worse: with descriptors shuffled between keypoints, so that no match can be
# true, it still "finds" 60-90 % as many, this order 3-10 %. Where there are poses a lenient
# ratio is therefore safe; where RANSAC has to find them, Lowe's is wanted.
POSED = {"sift": Rule(0.95, 0.7), "learned": Rule(0.97, 0.5)}
UNPOSED = {"sift": Rule(0.8, 0.7), "learned": Rule(0.9, 0.5)}
BAND = 2.0  # pixels of Sampson error that agree with the poses
FEWEST = 8  # matches, below which a pair is chance


def match(shots: Sequence[Shot], pairs: Pairs, rules: dict[str, Rule], features: str,
          progress: Progress, band: float | None = BAND) -> Matches:
    """Mutual nearest neighbours of every pair, within `band` pixels of the epipolar geometry.

    `band` None: the poses are not asked.
    """
    rule = rules[features]
    rays = [_rays(shot) for shot in shots] if band is not None else []
    found: Matches = {}
    for a, b in progress(pairs, "matches", total=len(pairs)):
        first, second = shots[a].features.descriptors, shots[b].features.descriptors
        if min(len(first), len(second)) < FEWEST:
            continue
        chosen = mutual(first @ second.T, rule)
        if band is not None:
            errors = _sampson(shots[a], shots[b], rays[a][chosen[:, 0]], rays[b][chosen[:, 1]])
            chosen = chosen[errors <= band]
        if len(chosen) >= FEWEST:
            found[a, b] = chosen
    return found


def mutual(similarity: Floats, rule: Rule) -> Ints:
    """similarity [N x M] cosines (changed here) -> [K x 2] indices of mutual best matches."""
    rows = np.arange(len(similarity))
    best = similarity.argmax(1)
    top = similarity[rows, best].copy()
    # Who is the best of its row and as good as the best of its column is the best of both.
    kept = (top == similarity.max(0)[best]) & (top >= rule.similarity)
    similarity[rows, best] = -1
    second = similarity.max(1)
    kept &= (1 - top) <= rule.ratio ** 2 * (1 - second)  # distance squared is 2 - 2 cosine
    # Twins among the rows: a column goes to the first.
    best, first = np.unique(best[kept], return_index=True)
    pairs = np.stack([rows[kept][first], best], 1).astype(np.int32)
    return np.asarray(pairs[np.argsort(pairs[:, 0])])


def _rays(shot: Shot) -> Doubles:
    """[N x 3] viewing rays with z = 1, distortion undone; NaN where a pixel has none."""
    pixels = shot.features.keypoints.astype(np.float64)
    plane = np.asarray(to_pycolmap(shot.camera).cam_from_img(pixels), np.float64)
    return np.hstack([plane.reshape(-1, 2), np.ones((len(pixels), 1))])


def _sampson(a: Shot, b: Shot, rays_a: Doubles, rays_b: Doubles) -> Doubles:
    """[M] pixels from each match to the nearest one that agrees with the poses (first order)."""
    assert a.map_from_camera is not None and b.map_from_camera is not None
    essential = _essential(b.map_from_camera.inverse() @ a.map_from_camera)
    lines_b = rays_a @ essential.T  # [M x 3] epipolar lines in b
    lines_a = rays_b @ essential  # [M x 3] epipolar lines in a
    across = np.abs((lines_b * rays_b).sum(1))
    along = (lines_b[:, :2] ** 2).sum(1) + (lines_a[:, :2] ** 2).sum(1)
    focal = (to_pycolmap(a.camera).mean_focal_length()
             + to_pycolmap(b.camera).mean_focal_length()) / 2
    return np.asarray(focal * across / np.sqrt(np.maximum(along, 1e-18)))


def _essential(b_from_a: Rigid) -> Doubles:
    x, y, z = b_from_a.translation / max(float(np.linalg.norm(b_from_a.translation)), 1e-12)
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ b_from_a.rotation
