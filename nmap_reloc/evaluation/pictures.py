"""A query image with what the localizer matched in it, as JPEG."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.evaluation.evaluate import Query
from nmap_reloc.maps.atomic import Writer, writing
from nmap_reloc.types import Image

_INLIER, _OUTLIER = (70, 230, 120), (255, 120, 90)  # RGB
_OUTLIER_OPACITY = 0.35


def draw_matches(pixels: Image, query: Query, width: int = 480) -> Image:
    """RGB [h x width x 3]: inliers as green rings, outliers as faint red dots."""
    canvas = _rgb(pixels)
    scale = width / canvas.shape[1]
    size = (width, max(1, round(canvas.shape[0] * scale)))
    canvas = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    matches, inliers = query.estimate.correspondences, query.estimate.inliers
    if matches is None:
        return canvas
    mask = np.zeros(len(matches), np.bool_) if inliers is None else inliers
    points = matches.points2D * scale - 0.5  # OpenCV's first pixel centre is (0, 0)
    faint = canvas.copy()
    _discs(faint, points[~mask], 2, _OUTLIER, filled=True)
    canvas = cv2.addWeighted(faint, _OUTLIER_OPACITY, canvas, 1 - _OUTLIER_OPACITY,
                             0).astype(np.uint8)
    _discs(canvas, points[mask], 4, (0, 0, 0), filled=False)
    _discs(canvas, points[mask], 3, _INLIER, filled=False)
    return canvas


def data_uri(pixels: Image, quality: int = 78) -> str:
    """RGB [h x w x 3] -> ``data:image/jpeg;base64,…``."""
    return "data:image/jpeg;base64," + base64.b64encode(_jpeg(pixels, quality)).decode()


def write_jpeg(path: Path, pixels: Image, quality: int = 88) -> None:
    """RGB [h x w x 3] -> a file, whole or not at all."""
    data = _jpeg(pixels, quality)
    with writing(path, len(data)):
        Writer().write(path, data)


def _jpeg(pixels: Image, quality: int) -> bytes:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR),
                              [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"picture {pixels.shape}: OpenCV cannot write it as JPEG")
    return data.tobytes()


def _rgb(pixels: Image) -> Image:
    return (cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB).astype(np.uint8) if pixels.ndim == 2
            else pixels.copy())


def _discs(canvas: Image, points: npt.NDArray[np.float64], radius: int,
           colour: tuple[int, int, int], *, filled: bool) -> None:
    shift = 3  # sub-pixel positions in OpenCV's fixed point
    for x, y in np.rint(points * 2 ** shift).astype(int).tolist():
        cv2.circle(canvas, (x, y), radius << shift, colour, cv2.FILLED if filled else 1,
                   cv2.LINE_AA, shift)
