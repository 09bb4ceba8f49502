"""How often chance alone would support a pose so well: an a-contrario test.

Moisan and Stival (IJCV 2004) count, for a model fitted to `count` pairs, the false alarms to
expect among all models that could have been fitted: tests x P(at least so many inliers by chance).
How likely one pair is to agree by chance is not computed from the image's area alone but measured
on the pairs themselves, each keypoint tried with the others' points: where points fall onto what
many keypoints look at, chance is good at agreeing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lgamma, log, log1p

import numpy as np

from nmap_reloc.reprojection import Array, Indices, Mask, Observed, Sight

SAMPLE = 3      # pairs that determine a pose
SOLUTIONS = 4   # poses through so many
TRIED = 128     # points that every keypoint is tried with,
AT_ONCE = 32    # of them together: memory that is small is not given back and asked for again
LEAST_RADIUS = 1.0  # pixels
RADII = (4.0, 8.0)  # pixels, and
FEWEST_SUREST = 32  # pairs, and twice as many again and again, that surest_log_false_alarms tries
MIX = (np.sqrt(2), np.sqrt(3))  # with which different points do not add up to the same number


def log_false_alarms(sight: Sight, seen: Observed, inliers: Mask, size: tuple[int, int]) -> float:
    """log10 of the number of poses as well supported that chance would give; 0: one is expected.

    sight: of the pose; size: of the image in pixels. Landmarks count once, however many keypoints
    found them.
    """
    radius = max(float(np.sqrt(sight.squared[inliers].max(initial=0.0))), LEAST_RADIUS)
    probability = by_chance(sight, seen, (radius,), size)[0]
    support = len(distinct(seen.points[:, inliers]))
    return min(0.0, _log_alarms(len(inliers), support, probability)) / log(10)


def surest_log_false_alarms(sight: Sight, seen: Observed, order: Indices, size: tuple[int, int]
                            ) -> float:
    """The same, where the surest pairs count alone if that makes chance less likely, and within
    the radius that does; both choices are paid for by as many tests. order [M]: the surest first.
    """
    counts = [len(order)]
    while counts[-1] >= 2 * FEWEST_SUREST:
        counts.append(counts[-1] // 2)
    squared, points, least = sight.squared[order], seen.points[:, order], 0.0
    tries = log(len(RADII) * len(counts))
    for radius, probability in zip(RADII, by_chance(sight, seen, RADII, size), strict=True):
        near = np.flatnonzero(squared < radius ** 2)
        first = np.sort(near[distinct(points[:, near])])
        for count, support in zip(counts, np.searchsorted(first, counts), strict=True):
            least = min(least, tries + _log_alarms(count, int(support), probability))
    return least / log(10)


def _log_alarms(count: int, support: int, probability: float) -> float:
    """ln of the poses with `support` of `count` pairs to expect, each by chance with
    `probability`."""
    if support <= SAMPLE or probability >= 1:
        return 0.0
    tests = log(SOLUTIONS) + log_choose(count, SAMPLE)
    return tests + log_tail(count - SAMPLE, support - SAMPLE, probability)


def distinct(points: Array) -> Indices:
    """Where each of the different points [3 x M] comes first; not more, whatever the rounding."""
    x, y, z = points
    return np.asarray(np.unique(x + y * MIX[0] + z * MIX[1], return_index=True)[1], np.intp)


def by_chance(sight: Sight, seen: Observed, radii: Sequence[float], size: tuple[int, int]
              ) -> list[float]:
    """How likely a pair is to agree by chance, within each of the radii in pixels."""
    measured = agreement(seen, sight.in_camera, radii)
    return [max(share, np.pi * radius ** 2 / (size[0] * size[1]))
            for share, radius in zip(measured, radii, strict=True)]


def agreement(seen: Observed, in_camera: Array, radii: Sequence[float]) -> list[float]:
    """The shares of (keypoint, another's point) that lie within each of the radii, in pixels, of
    each other.

    in_camera [3 x M]: the points as the pose sees them.
    """
    count = in_camera.shape[1]
    tried = np.linspace(0, count - 1, min(count, TRIED)).astype(int)
    points = in_camera[:, tried]
    # All pairs by two products of matrices; in single precision, which is a thousandth of a pixel.
    plane = (points / np.where(points[2] > 0, points[2], np.nan)).astype(np.float32)  # [3 x T]
    rows = seen.planes.transpose(0, 2, 1).astype(np.float32)  # [2 x M x 3]
    near = np.zeros(len(radii))
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, len(tried), AT_ONCE):
            some = tried[start:start + AT_ONCE]
            x, y = (row @ plane[:, start:start + AT_ONCE] for row in rows)  # [M x AT_ONCE]
            x *= x
            y *= y
            x += y
            x[some, np.arange(len(some))] = np.inf
            near += [np.count_nonzero(x < np.float32(radius ** 2)) for radius in radii]
    return [float(share) for share in near / max((count - 1) * len(tried), 1)]


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
