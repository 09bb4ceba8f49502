"""Images of a place as inputs of the feature network: what INT8 is calibrated with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from nmap_reloc.engines.base import Arrays
from nmap_reloc.engines.shapes import RANGES
from nmap_reloc.errors import NmapError

KINDS = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp")


def calibration(folder: Path, most: int) -> Iterator[Arrays]:
    """Up to `most` images, evenly over the folder, at the usual size. NmapError: none is there,
    or one can't be read."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in KINDS) \
        if folder.is_dir() else []
    if not files:
        raise NmapError(f"--images {folder}: no images there; give the folder of the images that "
                        "the map was built of")
    chosen = [files[k] for k in np.linspace(0, len(files) - 1, min(most, len(files))).astype(int)]
    return _inputs(chosen)


def _inputs(files: list[Path]) -> Iterator[Arrays]:
    usual = {axis: sizes.usual for axis, sizes in RANGES["features"].items()}
    for file in files:
        image = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise NmapError(f"image {file}: can't be read; remove it from the folder")
        image = cv2.resize(image, (usual["width"], usual["height"]), interpolation=cv2.INTER_AREA)
        yield {"image": np.multiply(image, np.float32(1 / 255), dtype=np.float32)[None, None],
               "slots": np.zeros(usual["keypoints"], np.float32)}
