"""How long a query takes, in units of OpenCV's SIFT on the same image."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.evaluate import Localizes
from nmap_reloc.mapping.sources.base import PosedImage
from nmap_reloc.progress import track
from nmap_reloc.types import Image

SIFT_FEATURES = 2048


@dataclass(frozen=True)
class Speed:
    """Medians over pairs of measurements on the same image, one right after the other.

    milliseconds: {"sift", "query", stages…}; ratios: {"query", stages…}, of the time SIFT took.
    """

    images: int
    pairs: int
    milliseconds: dict[str, float]
    ratios: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        return {"images": self.images, "pairs": self.pairs, "sift_features": SIFT_FEATURES,
                "milliseconds": self.milliseconds, "ratios": self.ratios}


def compare(localizer: Localizes, images: Sequence[PosedImage], repeats: int = 3) -> Speed:
    """Times SIFT and the whole query in turn, ``repeats`` pairs an image, after a warm-up.

    Reading and decoding the file is in neither time; making the image grey is in ours only.
    Unreadable images are left out. NmapError: no image left.
    """
    sift = cv2.SIFT_create(SIFT_FEATURES)  # type: ignore[attr-defined]
    times: dict[str, list[float]] = {}
    ratios: dict[str, list[float]] = {}
    done = 0
    for image in track(images, "speed", total=len(images)):
        try:
            pixels = image.read()
            localizer.localize(pixels, image.camera)
        except NmapError:
            continue  # evaluate() names it
        grey = _grey(pixels)
        sift.detectAndCompute(grey, None)
        done += 1
        for _ in range(repeats):
            _pair(sift, localizer, image, pixels, grey, times, ratios)
    if not done:
        raise NmapError(f"speed: none of {len(images)} images can be read; give others")
    return Speed(done, len(times["sift"]),
                 {name: float(np.median(values)) for name, values in times.items()},
                 {name: float(np.median(values)) for name, values in ratios.items()})


def _pair(sift: Any, localizer: Localizes, image: PosedImage, pixels: Image, grey: Image,
          times: dict[str, list[float]], ratios: dict[str, list[float]]) -> None:
    start = time.perf_counter()
    sift.detectAndCompute(grey, None)
    middle = time.perf_counter()
    estimate = localizer.localize(pixels, image.camera)
    end = time.perf_counter()
    unit = (middle - start) * 1e3
    stages = {k: v for k, v in estimate.milliseconds.items() if k not in ("query", "total")}
    stages["query"] = (end - middle) * 1e3
    times.setdefault("sift", []).append(unit)
    for name, value in stages.items():
        times.setdefault(name, []).append(value)
        ratios.setdefault(name, []).append(value / unit)


def machine() -> dict[str, Any]:
    """CPU model and cores this process may use."""
    return {"cpu": _cpu_model(), "cores": len(os.sched_getaffinity(0)),
            "architecture": platform.machine(), "system": platform.system(),
            "python": platform.python_version(), "opencv": cv2.__version__}


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _grey(pixels: Image) -> Image:
    return (pixels if pixels.ndim == 2
            else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8))
