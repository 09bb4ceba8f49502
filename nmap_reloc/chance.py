"""How often chance alone would support a pose so well: an a-contrario test.

Moisan and Stival (IJCV 2004) count, for a model fitted to `count` pairs, the false alarms to
expect among all models that could have been fitted: tests x P(at least so many inliers by chance).
How likely one pair is to agree by chance is not computed from the image's area alone but measured
on the pairs themselves, each keypoint tried with the others' points: where points fall onto what
many keypoints look at, chance is good at agreeing.
"""

from __future__ import annotations

from math import lgamma, log, log1p

import numpy as np

from nmap_reloc.geometry import Rigid
from nmap_reloc.reprojection import Array, Mask, Observed, lengths, residuals

SAMPLE = 3      # pairs that determine a pose
SOLUTIONS = 4   # poses through so many
TRIED = 128     # points that every keypoint is tried with
LEAST_RADIUS = 1.0  # pixels


def log_false_alarms(pose: Rigid, seen: Observed, inliers: Mask, size: tuple[int, int]) -> float:
    """log10 of the number of poses as well supported that chance would give; 0: one is expected.

    size: of the image in pixels. Landmarks count once, however many keypoints found them.
    """
    error, in_camera = residuals(pose, seen)
    radius = max(float(lengths(error)[inliers].max(initial=0.0)), LEAST_RADIUS)
    area = np.pi * radius ** 2 / (size[0] * size[1])
    probability = max(agreement(seen, in_camera, radius), area)
    support = len(np.unique(seen.points3D[inliers], axis=0))
    count = len(inliers)
    if support <= SAMPLE or probability >= 1:
        return 0.0
    tests = log(SOLUTIONS) + log_choose(count, SAMPLE)
    return min(0.0, tests + log_tail(count - SAMPLE, support - SAMPLE, probability)) / log(10)


def agreement(seen: Observed, in_camera: Array, radius: float) -> float:
    """The share of (keypoint, another's point) that lie within `radius` pixels of each other.

    in_camera [3 x M]: the points as the pose sees them.
    """
    count = in_camera.shape[1]
    tried = np.linspace(0, count - 1, min(count, TRIED)).astype(int)
    depth = in_camera[2, tried]
    plane = in_camera[:2, tried] / np.where(depth > 0, depth, np.nan)
    # scale @ (plane - normalized), of all pairs by two products of matrices; in single precision,
    # which is a thousandth of a pixel
    points = np.concatenate([plane, np.ones((1, len(tried)))]).astype(np.float32)  # [3 x T]
    shift = (seen.scale @ seen.normalized[:, :, None]).transpose(1, 0, 2)  # [2 x M x 1]
    rows = np.concatenate([seen.scale.transpose(1, 0, 2), -shift], 2).astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        x, y = rows[0] @ points, rows[1] @ points  # [M x T]
        x *= x
        y *= y
        x += y
    near = x < np.float32(radius ** 2)
    near[tried, np.arange(len(tried))] = False
    return float(np.count_nonzero(near) / max(near.size - len(tried), 1))


def log_tail(count: int, least: int, probability: float) -> float:
    """ln of an upper bound on P(at least `least` of `count`), each with `probability`."""
    if least <= count * probability:
        return 0.0
    first = log_choose(count, least) + least * log(probability) \
        + (count - least) * log1p(-probability)
    shrink = (count - least) * probability / ((least + 1) * (1 - probability))
    return first - log1p(-shrink)  # the terms after the first shrink at least so fast


def log_choose(count: int, chosen: int) -> float:
    return lgamma(count + 1) - lgamma(chosen + 1) - lgamma(count - chosen + 1)
