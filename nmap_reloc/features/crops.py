"""Training pairs for the extractor: two warped, relit crops that show the same places."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.types import Floats, Image

CROP = 256
FEWEST_SHARED = 32  # places in both crops of a pair
SIGMA = 0.7  # pixels, of the peak drawn for a keypoint
# OpenCV's pixel centres are whole numbers, ours are COLMAP's.
HALF = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])


@dataclass(frozen=True)
class Lesson:
    """grey [H x W]; keypoints [N x 2] pixels and descriptors [N x D] of the teacher, weights [N];
    spots [S x 2]: where keypoints ought to be found, worth [S] 0..1."""

    grey: Image
    keypoints: Floats
    weights: Floats
    descriptors: Floats
    spots: Floats
    worth: Floats


@dataclass(frozen=True)
class Pair:
    """crops [2 x CROP x CROP] in 0..1, peaks [2 x CROP x CROP] targets of the score map,
    points [2 x M x 2] the same M places in both crops; descriptors [M x D] the teacher's, of zero
    length where the place is not the teacher's."""

    crops: Floats
    peaks: Floats
    points: Floats
    descriptors: Floats


def random_homography(rng: np.random.Generator, shape: tuple[int, int], strength: float,
                      centre: Floats | None = None) -> npt.NDArray[np.float64]:
    """crop_from_image [3 x 3]: where to look, turned, scaled and tilted by up to `strength`.

    centre [2]: pixel in the middle of the crop; None: anywhere that fills it.
    """
    height, width = shape
    scale = np.exp(rng.uniform(-0.45, 0.45) * strength)
    turn = rng.normal() * 0.25 * strength
    half = CROP / 2
    cosine, sine = np.cos(turn) * scale, np.sin(turn) * scale
    reach = half / scale
    if centre is None:
        centre = np.array([rng.uniform(min(reach, width / 2), max(width - reach, width / 2)),
                           rng.uniform(min(reach, height / 2), max(height - reach, height / 2))],
                          np.float32)
    similarity = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
    away = np.eye(3)
    away[:2, 2] = -centre
    tilt = np.eye(3)
    tilt[2, :2] = rng.normal(size=2) * 0.0007 * strength
    tilt[0, 1] = rng.normal() * 0.1 * strength
    tilt[0, 0] = np.exp(rng.normal() * 0.1 * strength)
    back = np.eye(3)
    back[:2, 2] = half
    return np.asarray(back @ tilt @ similarity @ away, np.float64)


def relight(rng: np.random.Generator, crop: Image) -> Floats:
    """Contrast, gamma, shading, blur, noise and JPEG, as cameras and days differ."""
    if rng.random() < 0.3:
        quality = int(rng.integers(30, 90))
        crop = np.asarray(cv2.imdecode(cv2.imencode(
            ".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE), np.uint8)
    x = crop.astype(np.float32) / 255
    x = x ** np.float32(np.exp(rng.normal() * 0.35))
    if rng.random() < 0.4:  # a light or a shadow from one side
        corners = rng.uniform(0.4, 1.3, (2, 2)).astype(np.float32)
        x = x * cv2.resize(corners, x.shape[::-1], interpolation=cv2.INTER_LINEAR)
    x = (x - 0.5) * np.float32(np.exp(rng.normal() * 0.3)) + 0.5 \
        + np.float32(rng.normal() * 0.1)
    if rng.random() < 0.35:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.4)).astype(np.float32)
    if rng.random() < 0.15:  # motion
        kernel = np.zeros((7, 7), np.float32)
        angle = rng.uniform(0, np.pi)
        end = (round(3 + 3 * float(np.cos(angle))), round(3 + 3 * float(np.sin(angle))))
        cv2.line(kernel, (6 - end[0], 6 - end[1]), end, 1.0)
        x = cv2.filter2D(x, -1, kernel / kernel.sum()).astype(np.float32)
    if rng.random() < 0.6:
        x = x + rng.normal(size=x.shape).astype(np.float32) * np.float32(rng.uniform(0, 0.04))
    return np.asarray(np.clip(x, 0, 1), np.float32)


def carry(homography: npt.NDArray[np.float64], points: Floats) -> Floats:
    """points [N x 2] through a homography of the same pixel convention."""
    moved = np.c_[points, np.ones(len(points))] @ homography.T
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float32)


def draw_peaks(points: Floats, scores: Floats) -> Floats:
    """[CROP x CROP]: a small bell of the keypoint's score at its sub-pixel place."""
    image = np.zeros((CROP, CROP), np.float32)
    column, row = np.floor(points).T.astype(int)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            x, y = column + dx, row + dy
            inside = (x >= 0) & (x < CROP) & (y >= 0) & (y < CROP)
            distance = (x + 0.5 - points[:, 0]) ** 2 + (y + 0.5 - points[:, 1]) ** 2
            value = scores * np.exp(-distance / (2 * SIGMA ** 2))
            np.maximum.at(image, (y[inside], x[inside]), value[inside])
    return image


def show(rng: np.random.Generator, lesson: Lesson, matrix: npt.NDArray[np.float64]
         ) -> tuple[Floats, Floats]:
    """The crop that a homography cuts out of a photograph, relit, and its score map's target."""
    whole = np.linalg.inv(HALF) @ matrix @ HALF
    crop = cv2.warpPerspective(lesson.grey, whole, (CROP, CROP), flags=cv2.INTER_AREA,
                               borderMode=cv2.BORDER_REFLECT_101)
    return relight(rng, crop.astype(np.uint8)), draw_peaks(*shown_spots(lesson, matrix))


def shown_spots(lesson: Lesson, matrix: npt.NDArray[np.float64]) -> tuple[Floats, Floats]:
    """The spots [K x 2] of a photograph whose bells reach into its crop, and their worth [K]."""
    spots = carry(matrix, lesson.spots)
    shown = ((spots > -2) & (spots < CROP + 2)).all(1)
    return spots[shown], lesson.worth[shown]


def well_inside(points: Floats) -> npt.NDArray[np.bool_]:
    """[N] which points [N x 2] lie in a crop, off its edge."""
    return np.asarray(((points > 4) & (points < CROP - 4)).all(1))


def make_pair(rng: np.random.Generator, lesson: Lesson, count: int) -> Pair | None:
    """Two crops of one photograph with `count` shared places; None when the draw shares few."""
    first = random_homography(rng, (lesson.grey.shape[0], lesson.grey.shape[1]), 0.6)
    second = random_homography(rng, (CROP, CROP), 1.0) @ first
    everywhere = np.concatenate([lesson.keypoints, lesson.spots])
    weight = np.concatenate([lesson.weights, lesson.worth + np.float32(0.02)])
    taught = np.concatenate([lesson.descriptors, np.zeros(
        (len(lesson.spots), lesson.descriptors.shape[1]), np.float32)])
    places = [carry(matrix, everywhere) for matrix in (first, second)]
    shared = np.flatnonzero(well_inside(places[0]) & well_inside(places[1]))
    if len(shared) < FEWEST_SHARED:
        return None
    crops, peaks = zip(*(show(rng, lesson, matrix) for matrix in (first, second)), strict=True)
    odds = weight[shared] / weight[shared].sum()
    chosen = rng.choice(shared, count, replace=len(shared) < count, p=odds)
    return Pair(np.stack(crops), np.stack(peaks), np.stack([p[chosen] for p in places]),
                taught[chosen])
