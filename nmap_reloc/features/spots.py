"""Where keypoints ought to be: places of an image that are found again, to a fraction of a pixel.

Extrema of the difference of Gaussians (Lowe 2004) lie within 0.2 pixels of the same surface point
in another view, three times closer than the maxima of peers' learned score maps. Which of them
deserve to be keypoints is measured: each image is warped and relit several times and those that
are detected again are kept (homographic adaptation: SuperPoint, arXiv 1712.07629, section 5).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from nmap_reloc.features.crops import HALF, carry, relight
from nmap_reloc.types import Floats, Image

CANDIDATES = 4000
APART = 2.5  # pixels between two keypoints
AGAIN = 1.0  # pixels within which a keypoint counts as found again


def detect_extrema(grey: Image, count: int) -> tuple[Floats, Floats]:
    """Sub-pixel extrema [N x 2] (COLMAP pixels), strongest first, and their responses [N]."""
    sift = cv2.SIFT.create(nfeatures=count, contrastThreshold=0.01, edgeThreshold=12.0,
                           enable_precise_upscale=True)
    found = sift.detect(grey, None)
    if not found:
        return np.zeros((0, 2), np.float32), np.zeros(0, np.float32)
    points = np.array([k.pt for k in found], np.float32) + 0.5
    response = np.array([k.response for k in found], np.float32)
    order = np.argsort(-response, kind="stable")
    return points[order], response[order]


def repeatable(rng: np.random.Generator, grey: Image, trials: int = 8) -> tuple[Floats, Floats]:
    """Keypoints [N x 2] of an image and how often [N], 0..1, each was found again."""
    points, _ = spread(*detect_extrema(grey, CANDIDATES))
    found, tried = np.zeros(len(points)), np.zeros(len(points))
    height, width = grey.shape
    for _ in range(trials):
        matrix = whole_image_warp(rng, (height, width))
        warped = cv2.warpPerspective(grey, np.linalg.inv(HALF) @ matrix @ HALF, (width, height),
                                     flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)
        lit = (relight(rng, warped.astype(np.uint8)) * 255).astype(np.uint8)
        again, _ = detect_extrema(lit, CANDIDATES)
        moved = carry(matrix, points)
        inside = ((moved > 8) & (moved < np.array([width - 8, height - 8]))).all(1)
        tried += inside
        found += inside & (nearest(moved, again) < AGAIN)
    return points, (found / np.maximum(tried, 1)).astype(np.float32)


def whole_image_warp(rng: np.random.Generator, shape: tuple[int, int]
                     ) -> npt.NDArray[np.float64]:
    """A homography [3 x 3] that keeps most of an image of `shape` in view."""
    height, width = shape
    centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1.0]])
    scale, turn = np.exp(rng.uniform(-0.35, 0.35)), rng.normal() * 0.3
    cosine, sine = np.cos(turn) * scale, np.sin(turn) * scale
    similarity = np.array([[cosine, -sine, 0], [sine, cosine, 0],
                           [*(rng.normal(size=2) * 0.0003), 1.0]])
    back = np.linalg.inv(centre)
    return np.asarray(back @ similarity @ centre, np.float64)


def spread(points: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Drops what lies closer than APART to a better one; points come best first."""
    taken: dict[tuple[int, int], list[int]] = {}
    kept = []
    for i, (x, y) in enumerate(points.tolist()):
        column, row = int(x / APART), int(y / APART)
        near = [j for dx in (-1, 0, 1) for dy in (-1, 0, 1)
                for j in taken.get((column + dx, row + dy), ())]
        if all((points[j][0] - x) ** 2 + (points[j][1] - y) ** 2 >= APART ** 2 for j in near):
            taken.setdefault((column, row), []).append(i)
            kept.append(i)
    return points[kept], scores[kept]


def nearest(points: Floats, others: Floats) -> Floats:
    """[N] distance of each point to the nearest of the others."""
    if not len(others):
        return np.full(len(points), np.inf, np.float32)
    return np.asarray(cKDTree(others).query(points)[0], np.float32)
