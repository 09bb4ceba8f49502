"""Many small rectangles in one large picture, so that one call of OpenCV looks all of them up."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.types import Floats, Ints

_LIMIT = 32000  # cv2.remap counts pixels in 16 bits


def shelves(sizes: npt.ArrayLike) -> tuple[Ints, tuple[int, int]]:
    """Places (x, y) [N x 2] for rectangles of sizes (height, width) [N x 2], and the size
    (height, width) of the picture that holds them all; the tallest first, row by row."""
    shape = np.asarray(sizes, np.int64).reshape(-1, 2)
    area = int(shape.prod(1).sum())
    across = int(min(_LIMIT, max(shape[:, 1].max(), np.ceil(1.1 * np.sqrt(area)), 64)))
    places = np.empty((len(shape), 2), np.int32)
    x = y = tall = 0
    for k in np.lexsort((-shape[:, 1], -shape[:, 0])).tolist():
        height, width = int(shape[k, 0]), int(shape[k, 1])
        if x + width > across:
            x, y, tall = 0, y + tall, 0
        places[k] = x, y
        x, tall = x + width, max(tall, height)
    if y + tall > _LIMIT:
        raise NmapError(f"textures of {area / 1e6:.0f} million pixels: too many for one world; "
                        "choose a smaller detail or extent")
    return places, (y + tall, across)


def look_up(picture: npt.NDArray[np.generic], x: Floats, y: Floats) -> npt.NDArray[np.generic]:
    """Bilinear values of picture [H x W x C] at x, y [N] (the first pixel's centre is 0, 0)."""
    if not len(x):
        return np.empty((0, picture.shape[2]), picture.dtype)
    found = cv2.remap(np.asarray(picture), x[None], y[None], cv2.INTER_LINEAR,
                      borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found)[0]
