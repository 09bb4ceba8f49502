"""What the localizer saw, drawn into the image: for ~/debug_image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.types import Image

if TYPE_CHECKING:
    from sensor_msgs.msg import Image as ImageMessage
    from std_msgs.msg import Header

FONT = cv2.FONT_HERSHEY_SIMPLEX
MOST_POINTS, MOST_LINES = 2048, 4
NARROWEST, WIDEST = 64, 4096  # pixels
SHIFT = 3  # OpenCV draws at eighths of a pixel
Colour = tuple[int, int, int]  # RGB
GREEN, ORANGE, GREY, WHITE = (60, 220, 60), (255, 140, 30), (170, 170, 170), (255, 255, 255)
STATES: dict[str, Colour] = {"tracking": GREEN, "suspect": (255, 200, 40), "lost": (240, 60, 60)}


def draw(image: Image, keypoints: npt.NDArray[np.floating] | None,
         matched: npt.NDArray[np.floating] | None, inliers: npt.NDArray[np.bool_] | None,
         state: str, reason: str, width: int) -> Image:
    """[H x W] or [H x W x 3] RGB -> [h x width x 3] RGB, the image itself untouched.

    keypoints [N x 2], matched [M x 2] pixels of the image (COLMAP's convention), inliers: mask [M]
    over matched. Keypoints grey, outliers orange, inliers green; state and reason in a bar below.
    """
    width = int(np.clip(width, NARROWEST, WIDEST))
    factor = width / image.shape[1]
    size = (width, max(1, round(image.shape[0] * factor)))
    shrinks = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    picture: Image = np.asarray(cv2.resize(image, size, interpolation=shrinks), np.uint8)
    if picture.ndim == 2:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    elif size == (image.shape[1], image.shape[0]):
        picture = picture.copy()
    scale = np.array([factor, size[1] / image.shape[0]])
    if keypoints is not None:
        _dots(picture, keypoints * scale, GREY, 1)
    if matched is not None:
        good = np.zeros(len(matched), bool) if inliers is None else inliers
        _dots(picture, matched[~good] * scale, ORANGE, 2)
        _dots(picture, matched[good] * scale, GREEN, 3)
    return np.asarray(np.vstack([picture, _bar(state, reason, width)]), np.uint8)


def debug_message(picture: Image, header: Header) -> ImageMessage:
    """RGB -> sensor_msgs/Image with this header."""
    from cv_bridge import CvBridge

    # Named afterwards: cv_bridge checks a name with its compiled part, which NumPy 2 crashes.
    message = CvBridge().cv2_to_imgmsg(picture, "passthrough")
    message.encoding, message.header = "rgb8", header
    return message


def _dots(picture: Image, pixels: npt.NDArray[np.floating], colour: Colour, radius: int) -> None:
    # OpenCV has the centre of the first pixel at 0; what lies outside could overflow its integers
    inside = np.isfinite(pixels).all(1) & (pixels >= 0).all(1) & (
        pixels <= picture.shape[1::-1]).all(1)
    centres = np.rint((pixels[inside] - 0.5) * (1 << SHIFT)).astype(int)
    for x, y in centres[:MOST_POINTS].tolist():
        cv2.circle(picture, (x, y), radius << SHIFT, colour, 1, cv2.LINE_AA, SHIFT)


def _bar(state: str, reason: str, width: int) -> Image:
    """[h x width x 3]: state, and the reason in lines that fit."""
    scale = float(np.clip(width / 1200, 0.35, 1.0))
    (_, height), below = cv2.getTextSize("Ag", FONT, scale, 1)
    margin, line = height // 2 + 2, height + below + 3
    lines = [state.upper(), *_wrapped(reason, width - 2 * margin, scale)]
    bar = np.zeros((line * len(lines) + margin, width, 3), np.uint8)
    for index, text in enumerate(lines):
        colour = WHITE if index else STATES.get(state.lower(), WHITE)
        cv2.putText(bar, text, (margin, line * index + height + margin // 2), FONT, scale, colour,
                    1, cv2.LINE_AA)
    return bar


def _wrapped(text: str, width: int, scale: float) -> list[str]:
    """At most MOST_LINES lines of at most `width` pixels, words kept whole where they fit."""
    plain = " ".join(text[:1000].encode("ascii", "replace").decode().split())
    lines: list[str] = []
    current = ""
    for word in _pieces(plain.split(), width, scale):
        longer = f"{current} {word}".strip()
        if current and _text_width(longer, scale) > width:
            lines.append(current)
            longer = word
        current = longer
    lines += [current] if current else []
    return lines if len(lines) <= MOST_LINES else [*lines[:MOST_LINES - 1],
                                                   lines[MOST_LINES - 1][:-3] + "..."]


def _pieces(words: list[str], width: int, scale: float) -> Iterable[str]:
    """Words, those cut that are wider than a line."""
    for word in words:
        while word:
            fits = len(word)
            while fits > 1 and _text_width(word[:fits], scale) > width:
                fits -= max(1, fits // 8)
            yield word[:fits]
            word = word[fits:]


def _text_width(text: str, scale: float) -> int:
    return int(cv2.getTextSize(text, FONT, scale, 1)[0][0])
