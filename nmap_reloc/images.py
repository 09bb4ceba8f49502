"""Bytes of an image -> pixels, on the robot and offline. What is damaged is an error, never a
grey half. Knows the field names of sensor_msgs, but not ROS."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.types import Image

MAX_PIXELS = 64_000_000  # a few kilobytes of PNG can ask for gigabytes
MAX_SCANS = 100          # every scan of a progressive JPEG is a pass over all of its pixels
FORMATS = ("jpeg", "png")

# Encoding -> (channels as sent, OpenCV's conversion to RGB). As in OpenCV, 8UC3 is BGR. In
# sensor_msgs yuv422 is UYVY.
ENCODINGS: dict[str, tuple[int, int | None]] = {
    "mono8": (1, None), "8uc1": (1, None), "mono16": (1, None), "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB), "8uc3": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB), "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "8uc4": (4, cv2.COLOR_BGRA2RGB),
    "bayer_rggb8": (1, cv2.COLOR_BayerRGGB2RGB), "bayer_bggr8": (1, cv2.COLOR_BayerBGGR2RGB),
    "bayer_gbrg8": (1, cv2.COLOR_BayerGBRG2RGB), "bayer_grbg8": (1, cv2.COLOR_BayerGRBG2RGB),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2RGB_YUYV), "yuyv": (2, cv2.COLOR_YUV2RGB_YUYV),
    "yuv422": (2, cv2.COLOR_YUV2RGB_UYVY), "uyvy": (2, cv2.COLOR_YUV2RGB_UYVY),
}

# Always 8 bits. The orientation in EXIF is left alone: intrinsics and COLMAP speak of the pixels
# as stored.
_FLAGS = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION
_STANDALONE = {0x01, *range(0xD0, 0xD8)}  # JPEG markers without a length
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG markers that state the size


class UnreadableImageError(NmapError):
    """The pixels can't be had: the file is missing, truncated or no image."""


def decode_message(message: Any, name: str) -> Image:
    """sensor_msgs/Image or CompressedImage -> grey [H x W] or RGB [H x W x 3].

    Where no byte needs to move, the result is a view of the message's own buffer. NmapError
    names the image and its field.
    """
    if hasattr(message, "encoding"):
        return decode_raw(message.data, message.encoding, message.width, message.height,
                          message.step, bool(message.is_bigendian), name)
    if "compresseddepth" in message.format.lower():
        raise NmapError(f"{name} format {message.format[:40]!r}: a depth image; name the colour "
                        "image's topic")
    return decode_bytes(message.data, name, FORMATS)


def decode_raw(data: Any, encoding: str, width: int, height: int, step: int,
               big_endian: bool = False, name: str = "image") -> Image:
    """Rows of `step` bytes in one of ENCODINGS -> grey [H x W] or RGB [H x W x 3].

    data: anything with a buffer. NmapError: encoding, size, step or data don't go together.
    """
    kind = encoding.lower()
    if kind not in ENCODINGS:
        raise NmapError(f"{name} encoding {encoding[:40]!r}: not known; use one of "
                        f"{', '.join(ENCODINGS)}")
    channels, conversion = ENCODINGS[kind]
    dtype = np.dtype(np.uint8 if kind != "mono16" else ">u2" if big_endian else "<u2")
    pixels = _rows(data, width, height, step, channels, dtype, f"{name} ({width} x {height} "
                   f"{encoding}, step {step}, {memoryview(data).nbytes} bytes)")
    if conversion is None:
        return np.ascontiguousarray(pixels if dtype.itemsize == 1 else pixels >> 8, np.uint8)
    if channels == 2 and width % 2:
        raise NmapError(f"{name} width {width}: {encoding} holds pairs of pixels; set an even "
                        "width in the camera driver")
    if channels == 1 and min(width, height) < 2:
        raise NmapError(f"{name} size {width} x {height}: {encoding} needs 2 x 2 at least; set a "
                        "larger size in the camera driver")
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), conversion), np.uint8)


def _rows(data: Any, width: int, height: int, step: int, channels: int, dtype: np.dtype[Any],
          name: str) -> npt.NDArray[Any]:
    """The raw pixels without their padding: [H x W] or [H x W x C], a view of data."""
    row = width * channels * dtype.itemsize
    if min(width, height) <= 0:
        raise UnreadableImageError(f"{name}: no pixels; set its size in the camera driver")
    if step < row:
        raise UnreadableImageError(f"{name}: step must be {row} at least; correct the camera "
                                   "driver")
    needed = step * (height - 1) + row  # the last row may come without its padding
    if memoryview(data).nbytes < needed:
        raise UnreadableImageError(f"{name}: too few bytes, {needed} are needed; correct the "
                                   "camera driver or leave the image out")
    item = dtype.itemsize
    pixels: npt.NDArray[Any] = np.ndarray((height, width, channels), dtype, data,
                                          strides=(step, channels * item, item))
    return pixels if channels > 1 else pixels[:, :, 0]


def decode_bytes(data: Any, name: str, formats: tuple[str, ...] | None = None,
                 most: int = MAX_PIXELS) -> Image:
    """An encoded image -> grey [H x W] or RGB [H x W x 3]; data: anything with a buffer.

    formats: of FORMATS, the only ones taken; None: all that OpenCV reads. most: pixels, known of
    a JPEG or PNG before it is decoded. UnreadableImageError names the image.
    """
    raw = bytes(data)
    kind = ("jpeg" if raw[:3] == b"\xff\xd8\xff" else
            "png" if raw[:8] == b"\x89PNG\r\n\x1a\n" else "other")
    if formats is not None and raw and kind not in formats:
        raise UnreadableImageError(f"{name} ({len(raw)} bytes): starts with {raw[:8]!r}, neither "
                                   f"{' nor '.join(formats)}; compress it as one of them")
    whole = bool(raw)
    if kind != "other":
        size = _jpeg_size(raw, name) if kind == "jpeg" else _png_size(raw)
        whole = size is not None
        if size is not None and size[0] * size[1] > most:
            raise UnreadableImageError(f"{name} ({len(raw)} bytes): {size[0]} x {size[1]} are "
                                       f"more than {most} pixels; send smaller images")
    image = _decoded(raw) if whole else None
    if image is None:
        raise UnreadableImageError(f"{name} ({len(raw)} bytes): not a readable image or "
                                   "truncated; send it whole or leave it out")
    return image


def _decoded(raw: bytes) -> Image | None:
    try:
        image = cv2.imdecode(np.frombuffer(raw, np.uint8), _FLAGS)
    except cv2.error:
        return None
    if image is not None and image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return None if image is None else np.ascontiguousarray(image, np.uint8)


def _png_size(raw: bytes) -> tuple[int, int] | None:
    """(width, height) of the first chunk, None where it is not the header."""
    if raw[12:16] != b"IHDR" or len(raw) < 24:
        return None
    return int.from_bytes(raw[16:20], "big"), int.from_bytes(raw[20:24], "big")


def _jpeg_size(raw: bytes, name: str) -> tuple[int, int] | None:
    """(width, height), None where the end or the frame header is missing.

    OpenCV fills the missing part of a truncated JPEG with grey and says nothing. The end marker
    is looked for behind the start of scan, so that a thumbnail's own does not count.
    """
    at, size = 2, None
    while at + 4 <= len(raw) and raw[at] == 0xFF and raw[at + 1] != 0xDA:
        marker, length = raw[at + 1], int.from_bytes(raw[at + 2:at + 4], "big")
        if marker in _FRAMES and at + 9 <= len(raw):
            size = (int.from_bytes(raw[at + 7:at + 9], "big"),
                    int.from_bytes(raw[at + 5:at + 7], "big"))
        # a marker may be preceded by fill bytes
        at += 1 if marker == 0xFF else 2 if marker in _STANDALONE else 2 + length
    if raw.find(b"\xff\xd9", at) < 0:
        return None
    # a scan's length follows its marker; no pixel can spell the two, they would be escaped
    scans = sum(1 for _ in re.finditer(rb"\xff\xda\x00[\x06-\x0c]", raw[at:]))
    if scans > MAX_SCANS:
        raise UnreadableImageError(f"{name} ({len(raw)} bytes): {scans} scans are more than "
                                   f"{MAX_SCANS}; compress it as a baseline JPEG")
    return size
