"""The bytes of images in every encoding, padded, swapped, truncated and hostile."""

from __future__ import annotations

import struct
import zlib
from array import array
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.images import (
    ENCODINGS,
    UnreadableImageError,
    decode_bytes,
    decode_message,
    decode_raw,
)

Pixels = npt.NDArray[np.uint8]


def photograph(height: int = 48, width: int = 64) -> Pixels:
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)


RGB = photograph()
GREY = np.ascontiguousarray(RGB[:, :, 0])
SENT: dict[str, tuple[npt.NDArray[Any], Pixels]] = {  # encoding: (as sent, as it must come out)
    "mono8": (GREY, GREY), "8UC1": (GREY, GREY), "rgb8": (RGB, RGB),
    "bgr8": (RGB[:, :, ::-1], RGB), "8UC3": (RGB[:, :, ::-1], RGB),
    "rgba8": (np.dstack([RGB, GREY]), RGB), "bgra8": (np.dstack([RGB[:, :, ::-1], GREY]), RGB),
    "8UC4": (np.dstack([RGB[:, :, ::-1], GREY]), RGB),
    "mono16": ((GREY.astype("<u2") << 8) + 200, GREY),
}


def sent(pixels: npt.NDArray[Any], padding: int = 0) -> tuple[array[int], int]:
    """(data as rclpy hands it out, step)"""
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(len(pixels), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return array("B", rows.tobytes()), rows.shape[1]


@pytest.mark.parametrize("encoding", SENT)
@pytest.mark.parametrize("padding", [0, 5])
def test_every_plain_encoding(encoding: str, padding: int) -> None:
    pixels, expected = SENT[encoding]
    data, step = sent(pixels, padding)
    image = decode_raw(data, encoding, 64, 48, step)
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    np.testing.assert_array_equal(image, expected)
    cut = len(data) - padding  # some drivers leave out the padding of the last row
    np.testing.assert_array_equal(decode_raw(data[:cut], encoding, 64, 48, step), expected)
    with pytest.raises(UnreadableImageError, match="too few bytes"):
        decode_raw(data[:cut - 1], encoding, 64, 48, step)


def test_sixteen_bits_in_either_byte_order() -> None:
    for order, big in (("<u2", False), (">u2", True)):
        data, step = sent(((GREY.astype(np.uint16) << 8) + 99).astype(order), 3)
        np.testing.assert_array_equal(decode_raw(data, "mono16", 64, 48, step, big), GREY)
        assert (decode_raw(data, "mono16", 64, 48, step, not big) == 99).all()


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer(pattern: str) -> None:
    flat = np.zeros((48, 64, 3), np.uint8) + np.array([200, 100, 30], np.uint8)
    raw = np.empty((48, 64), np.uint8)
    for index, letter in enumerate(pattern):
        row, column = divmod(index, 2)
        raw[row::2, column::2] = flat[row::2, column::2, "rgb".index(letter)]
    data, step = sent(raw, 4)
    np.testing.assert_array_equal(decode_raw(data, f"bayer_{pattern}8", 64, 48, step), flat)


@pytest.mark.parametrize("encoding", ["yuv422_yuy2", "yuyv", "yuv422", "uyvy"])
def test_pairs_of_pixels(encoding: str) -> None:
    luma, u, v = 120, 90, 170
    pair = [luma, u, luma, v] if encoding in ("yuv422_yuy2", "yuyv") else [u, luma, v, luma]
    data, step = sent(np.tile(np.array(pair, np.uint8), (48, 32)), 6)
    red = 1.164 * (luma - 16) + 1.596 * (v - 128)
    green = 1.164 * (luma - 16) - 0.392 * (u - 128) - 0.813 * (v - 128)
    blue = 1.164 * (luma - 16) + 2.017 * (u - 128)
    image = decode_raw(data, encoding, 64, 48, step).astype(float)
    np.testing.assert_allclose(image, np.broadcast_to([red, green, blue], image.shape), atol=2)
    with pytest.raises(NmapError, match="width 63"):
        decode_raw(data, encoding, 63, 48, step)


def test_what_needs_no_conversion_is_not_copied() -> None:
    data, step = sent(RGB)
    image = decode_raw(data, "rgb8", 64, 48, step)
    data[0] = 255 - data[0]
    assert image[0, 0, 0] == data[0]


def test_every_encoding_of_the_table_decodes() -> None:
    for encoding, (channels, _) in ENCODINGS.items():
        size = channels * (2 if encoding == "mono16" else 1)
        image = decode_raw(bytes(4 * 6 * size), encoding.upper(), 6, 4, 6 * size)
        assert image.shape[:2] == (4, 6) and image.ndim in (2, 3)


@pytest.mark.parametrize(("field", "value", "words"), [
    ("encoding", "16UC1", "encoding '16UC1'"), ("encoding", "x" * 9999, "encoding 'xxx"),
    ("encoding", "", "encoding ''"), ("width", 0, "0 x 48"), ("height", 0, "64 x 0"),
    ("height", -1, "64 x -1"), ("width", 2 ** 32 - 1, "step must be"), ("step", 0, "step 0"),
    ("step", 191, "step must be 192"), ("height", 2 ** 32 - 1, "too few bytes"),
    ("step", 2 ** 32 - 1, "too few bytes"), ("data", b"", "0 bytes"),
])
def test_fields_that_do_not_fit(field: str, value: Any, words: str) -> None:
    message = SimpleNamespace(encoding="rgb8", width=64, height=48, step=192, is_bigendian=0,
                              data=bytes(192 * 48))
    assert decode_message(message, "image").shape == (48, 64, 3)
    setattr(message, field, value)
    with pytest.raises(NmapError) as refusal:
        decode_message(message, "image")
    text = str(refusal.value)
    assert words in text and "image" in text and "\n" not in text and len(text) < 400


@pytest.mark.parametrize("encoding", ["bayer_rggb8", "yuyv", "mono8", "rgb8"])
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 2), (2, 2), (3, 3)])
def test_the_smallest_images(encoding: str, size: tuple[int, int]) -> None:
    width, height = size
    try:
        image = decode_raw(bytes(width * height * 4), encoding, width, height, width * 4)
    except NmapError:
        assert encoding[:4] in ("baye", "yuyv") and (width % 2 or min(size) < 2)
    else:
        assert image.shape[:2] == (height, width)


def compressed(suffix: str, pixels: Pixels = RGB, *options: int) -> bytes:
    done, data = cv2.imencode(suffix, pixels[..., ::-1] if pixels.ndim == 3 else pixels, options)
    assert done
    return data.tobytes()


def test_jpeg_and_png_messages() -> None:
    for suffix, tolerance in ((".png", 0), (".jpg", 12)):
        for pixels in (RGB, GREY):
            message = SimpleNamespace(format="rgb8; compressed bgr8",
                                      data=array("B", compressed(suffix, pixels)))
            image = decode_message(message, "image")
            assert image.shape == pixels.shape
            np.testing.assert_allclose(image.astype(int), pixels.astype(int), atol=tolerance)
    with pytest.raises(NmapError, match="depth image"):
        decode_message(SimpleNamespace(format="16UC1; compressedDepth png", data=b""), "image")


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
                                     (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)])
def test_no_truncated_jpeg_becomes_half_grey(options: tuple[int, ...]) -> None:
    whole = compressed(".jpg", photograph(240, 320), *options)
    assert decode_bytes(whole + bytes(100), "image").shape == (240, 320, 3)  # buffers are padded
    for keep in range(0, len(whole), max(1, len(whole) // 300)):
        with pytest.raises(UnreadableImageError, match=r"truncated|starts with"):
            decode_bytes(whole[:keep], "image", ("jpeg", "png"))


def test_truncated_and_damaged_png() -> None:
    whole = compressed(".png", photograph(120, 160))
    for keep in range(0, len(whole) - 20, 997):
        with pytest.raises(UnreadableImageError):
            decode_bytes(whole[:keep], "image", ("jpeg", "png"))


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is this large and holds next to nothing."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0,
                                                              0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))


def jpeg_of(width: int, height: int) -> bytes:
    whole = compressed(".jpg")
    at = whole.index(b"\xff\xc0")
    return whole[:at + 5] + struct.pack(">HH", height, width) + whole[at + 9:]


@pytest.mark.parametrize("bomb", [png_of(100_000, 100_000), png_of(2 ** 31 - 1, 2 ** 31 - 1),
                                  jpeg_of(65_500, 65_500), png_of(10_000, 6_401)])
def test_a_bomb_is_refused_before_it_is_decoded(bomb: bytes) -> None:
    with pytest.raises(UnreadableImageError, match="more than 64000000 pixels"):
        decode_bytes(bomb, "image")


def test_a_jpeg_of_many_scans_is_refused() -> None:
    whole = compressed(".jpg", RGB, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert decode_bytes(whole, "image").shape == RGB.shape
    last = whole.rindex(b"\xff\xda")
    with pytest.raises(UnreadableImageError, match="scans are more than 100"):
        decode_bytes(whole[:last] + whole[last:-2] * 200 + whole[-2:], "image")


def test_only_the_named_formats() -> None:
    bmp = compressed(".bmp")
    np.testing.assert_array_equal(decode_bytes(bmp, "image"), RGB)
    with pytest.raises(UnreadableImageError, match=r"neither jpeg nor png"):
        decode_bytes(bmp, "image", ("jpeg", "png"))


def test_random_damage_is_refused_or_decoded_but_never_raises_anything_else() -> None:
    random = np.random.default_rng(5)
    files = [compressed(".jpg"), compressed(".png"), compressed(".jpg", GREY)]
    refused = 0
    for turn in range(600):
        data = bytearray(files[turn % 3])
        for at in random.integers(0, len(data), random.integers(1, 6)):
            data[at] = random.integers(0, 256)
        try:
            image = decode_bytes(data, "image", ("jpeg", "png"))
        except UnreadableImageError:
            refused += 1
        else:
            assert image.dtype == np.uint8 and image.size <= 64_000_000 * 3
    assert refused > 100
