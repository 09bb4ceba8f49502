"""A second look, guided by the pose that the first found: which other place fits a keypoint?

Where several landmarks look alike, the likeliest is often the wrong one; the pose tells which is
meant. It is asked only among the few places that the decoder itself considered, and only for
keypoints that do not agree already.
"""

from __future__ import annotations

import numpy as np

from nmap_reloc.refine import Agreed, reach
from nmap_reloc.reprojection import Array, Observed, look_at


def look_again(first: Agreed, seen: Observed, others: Array, max_error: float, min_error: float
               ) -> Array:
    """others [M x K x 3]: further places of each pair's keypoint, likeliest first -> the points
    [3 x M] with those that fit.

    max_error, min_error: see refine.
    """
    radius = reach(first.sigma, max_error, min_error)
    rows = np.flatnonzero(~first.inliers)
    planes, points = seen.planes.take(rows, axis=2), seen.points.copy()
    for place in reversed(range(others.shape[1])):  # so that the likeliest writes last
        there = others[rows, place].T
        near = np.flatnonzero(
            look_at(first.map_from_camera, planes, there).squared < radius**2)
        points[:, rows[near]] = there[:, near]
    return points
