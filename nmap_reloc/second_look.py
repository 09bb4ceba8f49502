"""A second look, guided by the pose that the first found: which other place fits a keypoint?

Where several landmarks look alike, the likeliest is often the wrong one; the pose tells which is
meant. It is asked only among the few places that the decoder itself considered, and only for
keypoints that do not agree already.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmap_reloc.refine import SCALE_MULTIPLE, Fit, noise, refine
from nmap_reloc.reprojection import Array, Observed, distances


def look_again(fit: Fit, seen: Observed, others: Array, max_error: float, min_error: float
               ) -> tuple[Fit, Array]:
    """others [M x K x 3]: further places of each pair's keypoint, likeliest first -> the fit with
    them and the points [M x 3] that it is on; the same fit where they do not help.

    max_error, min_error: see refine.
    """
    distance = distances(fit.map_from_camera, seen)[fit.inliers]
    reach = float(np.clip(SCALE_MULTIPLE * noise(distance), min_error, max_error))
    rows = np.flatnonzero(~fit.inliers)
    every = np.repeat(rows, others.shape[1])
    away = distances(fit.map_from_camera, Observed(
        seen.normalized[every], seen.scale[every], others[rows].reshape(-1, 3),
        seen.keypoints[every]))
    near = away.reshape(len(rows), others.shape[1]) < reach
    found = near.any(1)
    points = seen.points3D.copy()
    points[rows[found]] = others[rows[found], near[found].argmax(1)]
    again = refine(fit.map_from_camera, replace(seen, points3D=points), max_error, min_error)
    return (fit, seen.points3D) if again is None else (again, points)
