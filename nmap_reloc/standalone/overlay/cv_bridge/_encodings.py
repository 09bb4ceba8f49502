"""The encodings of sensor_msgs/Image, and how one becomes another."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Names of the generic encodings' depths -> numpy's.
DEPTHS = {"8U": "uint8", "8S": "int8", "16U": "uint16", "16S": "int16", "32S": "int32",
          "32F": "float32", "64F": "float64"}
_GENERIC = re.compile(f"({'|'.join(DEPTHS)})(?:C([0-9]+))?")
_BAYER = {"rggb": "BG", "bggr": "RG", "gbrg": "GR", "grbg": "GB"}  # OpenCV names the other corner
_CHANNELS = {"GRAY": 1, "RGB": 3, "BGR": 3, "RGBA": 4, "BGRA": 4, "UYVY": 2, "YUY2": 2,
             **{f"Bayer{corner}": 1 for corner in _BAYER.values()}}


class Encoding(NamedTuple):
    """color: OpenCV's word for the colour space, None for a generic encoding."""

    depth: str  # a key of DEPTHS
    channels: int
    color: str | None

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(DEPTHS[self.depth])

    @property
    def name(self) -> str:
        """Of the generic encoding with the same memory layout."""
        return f"{self.depth}C{self.channels}"


def _named() -> dict[str, Encoding]:
    colors = {"mono": "GRAY", "rgb": "RGB", "bgr": "BGR", "rgba": "RGBA", "bgra": "BGRA",
              **{f"bayer_{pattern}": f"Bayer{corner}" for pattern, corner in _BAYER.items()}}
    named = {f"{name}{bits}": Encoding(f"{bits}U", _CHANNELS[color], color)
             for name, color in colors.items() for bits in (8, 16)}
    return {**named, "yuv422": Encoding("8U", 2, "UYVY"),
            "yuv422_yuy2": Encoding("8U", 2, "YUY2")}


_NAMED = _named()


def encoding_of(name: str) -> Encoding:
    """RuntimeError for a name that is none."""
    if name in _NAMED:
        return _NAMED[name]
    match = _GENERIC.fullmatch(name)
    if match is None:
        raise RuntimeError(f"Unrecognized image encoding [{name}]")
    return Encoding(match[1], int(match[2] or 1), None)


def convert(image: Array, source: str, target: str) -> Array:
    """image [H x W (x C)] from one encoding to another; RuntimeError where that makes no sense."""
    if source == target:
        return image.copy()
    before, after = encoding_of(source), encoding_of(target)
    if before.color is None and after.color is not None:
        raise RuntimeError(f"[{source}] is not a color format. but [{target}] is. The conversion "
                           "does not make sense")
    if before.color is None or after.color is None:
        if before.channels != after.channels:
            raise RuntimeError(f"[{source}] and [{target}] do not have the same number of channel")
        return _to_depth(image, before, after)
    if before.color != after.color:
        code = getattr(cv2, f"COLOR_{_conversion(before.color, after.color)}", None)
        if code is None:
            raise RuntimeError(f"Unsupported conversion from [{source}] to [{target}]")
        try:
            image = cv2.cvtColor(image, code)
        except cv2.error as error:
            raise RuntimeError(f"[{source}] to [{target}]: {error}") from error
    return _to_depth(image, before, after)


def _conversion(before: str, after: str) -> str:
    """Two colour spaces -> OpenCV's name of the conversion, which may not exist."""
    return f"{'YUV' if before in ('UYVY', 'YUY2') else before}2{after}" \
        + (f"_{before}" if before in ("UYVY", "YUY2") else "")


def _to_depth(image: Array, before: Encoding, after: Encoding) -> Array:
    """8 and 16 bits are scaled to each other's range, other depths are cast."""
    if before.depth == after.depth:
        return image
    scale = {("8U", "16U"): 65535 / 255, ("16U", "8U"): 255 / 65535}.get(
        (before.depth, after.depth), 1.0)
    wanted = after.dtype
    if wanted.kind == "f":
        return (image * scale).astype(wanted)
    limits = np.iinfo(wanted)  # saturated as OpenCV does, not wrapped around
    return np.clip(np.rint(image * np.float64(scale)), limits.min, limits.max).astype(wanted)
