"""Image files and ROS image messages -> pixels. A damaged image is an error, never a grey half."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.types import Image

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}

# Always 8 bits. The orientation in EXIF is left alone: intrinsics and COLMAP speak of the pixels
# as stored.
_FLAGS = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION

_CONVERSIONS = {
    "rgb8": None, "bgr8": cv2.COLOR_BGR2RGB, "8uc3": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB, "bgra8": cv2.COLOR_BGRA2RGB, "8uc4": cv2.COLOR_BGRA2RGB,
    "mono8": None, "8uc1": None, "mono16": None,
    "bayer_rggb8": cv2.COLOR_BayerRGGB2RGB, "bayer_bggr8": cv2.COLOR_BayerBGGR2RGB,
    "bayer_gbrg8": cv2.COLOR_BayerGBRG2RGB, "bayer_grbg8": cv2.COLOR_BayerGRBG2RGB,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUYV, "yuyv": cv2.COLOR_YUV2RGB_YUYV,
    "yuv422": cv2.COLOR_YUV2RGB_UYVY, "uyvy": cv2.COLOR_YUV2RGB_UYVY,
}
_CHANNELS = {"rgb8": 3, "bgr8": 3, "8uc3": 3, "rgba8": 4, "bgra8": 4, "8uc4": 4,
             "yuv422_yuy2": 2, "yuyv": 2, "yuv422": 2, "uyvy": 2}


class UnreadableImageError(NmapError):
    """The pixels can't be had: the file is missing, truncated or no image."""


def decode_file(path: Path) -> Image:
    """[H x W] grey or [H x W x 3] RGB, as stored. UnreadableImageError names the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"{path}: can't be read ({error.strerror}); "
                                   "restore the file or leave it out") from None
    return decode_bytes(data, str(path))


def decode_bytes(data: bytes | npt.NDArray[np.uint8], name: str) -> Image:
    """An encoded image (JPEG, PNG, ...) -> grey or RGB. UnreadableImageError names the image."""
    raw = np.frombuffer(data, np.uint8)
    image = None
    if raw.size and not _truncated_jpeg(raw.tobytes()):
        try:
            image = cv2.imdecode(raw, _FLAGS)
        except cv2.error:
            image = None
    if image is None:
        raise UnreadableImageError(f"{name} ({raw.size} bytes): not a readable image or "
                                   "truncated; restore it or leave it out")
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(image)


def _truncated_jpeg(data: bytes) -> bool:
    # OpenCV 4 fills the missing part of a truncated JPEG with grey and says nothing. The end
    # marker is looked for behind the start of scan, so that a thumbnail's own does not count.
    if data[:2] != b"\xff\xd8":
        return False
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        # a marker may be preceded by fill bytes
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2:at + 4], "big")
    return data.find(b"\xff\xd9", at) < 0


def decode_message(message: Any, name: str) -> Image:
    """sensor_msgs/Image or CompressedImage -> grey or RGB. NmapError names the image."""
    if not hasattr(message, "encoding"):
        if "compresseddepth" in message.format.lower():
            raise NmapError(f"{name} format {message.format!r}: a depth image; name the colour "
                            "image's topic")
        return decode_bytes(message.data, name)
    encoding = message.encoding.lower()
    if encoding not in _CONVERSIONS:
        raise NmapError(f"{name} encoding {message.encoding!r}: not known; use one of "
                        f"{', '.join(_CONVERSIONS)}")
    pixels = _pixels(message, encoding, name)
    conversion = _CONVERSIONS[encoding]
    if encoding == "mono16":
        pixels = (pixels >> 8).astype(np.uint8)
    return np.ascontiguousarray(pixels if conversion is None else
                                cv2.cvtColor(np.ascontiguousarray(pixels), conversion))


def _pixels(message: Any, encoding: str, name: str) -> npt.NDArray[Any]:
    """The raw rows without their padding: [H x W] or [H x W x C]."""
    channels = _CHANNELS.get(encoding, 1)
    dtype: np.dtype[Any] = np.dtype(np.uint8)
    if encoding == "mono16":
        dtype = np.dtype(">u2" if message.is_bigendian else "<u2")
    height, width, step = int(message.height), int(message.width), int(message.step)
    row = width * channels * dtype.itemsize
    data = np.frombuffer(message.data, np.uint8)
    if min(height, width) <= 0 or step < row or data.size < step * height:
        raise UnreadableImageError(f"{name} ({width} x {height} {encoding}, step {step}, "
                                   f"{data.size} bytes): too few bytes; record it again or leave "
                                   "it out")
    rows = np.ascontiguousarray(data[:step * height].reshape(height, step)[:, :row])
    pixels = rows.view(dtype)
    return pixels.reshape(height, width, channels) if channels > 1 else pixels
