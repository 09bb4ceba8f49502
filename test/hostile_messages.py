"""Image, CompressedImage and CameraInfo messages that no camera should ever send."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

WIDTH, HEIGHT = 64, 48
STAMP_SEC = 1_700_000_000
NAN, INF = float("nan"), float("inf")
LARGEST = 2 ** 32 - 1

Random = np.random.Generator
Frame = tuple[Image | CompressedImage, CameraInfo]


def picture() -> np.ndarray:
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1)


def header(message: Any) -> Any:
    message.header.frame_id = "camera"
    message.header.stamp.sec = STAMP_SEC
    return message


def good_image() -> Image:
    return header(Image(width=WIDTH, height=HEIGHT, encoding="rgb8", step=3 * WIDTH,
                        data=array("B", picture().tobytes())))


def good_compressed(suffix: str = ".jpg") -> CompressedImage:
    _, data = cv2.imencode(suffix, picture()[:, :, ::-1])
    return header(CompressedImage(format=suffix[1:], data=array("B", data.tobytes())))


def good_info() -> CameraInfo:
    return header(CameraInfo(
        width=WIDTH, height=HEIGHT, distortion_model="plumb_bob", d=[0.0] * 5,
        k=[60.0, 0.0, 31.5, 0.0, 60.0, 23.5, 0.0, 0.0, 1.0], r=np.eye(3).reshape(9),
        p=[60.0, 0.0, 31.5, 0.0, 0.0, 60.0, 23.5, 0.0, 0.0, 0.0, 1.0, 0.0]))


def _image(random: Random, **fields: Any) -> Frame:
    message = good_image()
    for name, value in fields.items():
        setattr(message, name, value)
    return message, good_info()


def _info(random: Random, **fields: Any) -> Frame:
    info = good_info()
    for name, value in fields.items():
        setattr(info, name, value)
    return good_image(), info


def _matrix(random: Random, place: int, value: float) -> Frame:
    info = good_info()
    info.k[place] = value
    return good_image(), info


def _stamp(random: Random, sec: int, nanosec: int) -> Frame:
    message = good_image()
    message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec
    return message, good_info()


def _frame(random: Random, frame_id: str) -> Frame:
    message = good_image()
    message.header.frame_id = frame_id
    return message, good_info()


def _short(random: Random) -> Frame:
    message = good_image()
    message.data = message.data[:int(random.integers(0, len(message.data)))]
    return message, good_info()


def _truncated(random: Random, suffix: str) -> Frame:
    message = good_compressed(suffix)
    message.data = message.data[:int(random.integers(0, len(message.data) - 14))]
    return message, good_info()


def _noise(random: Random) -> Frame:
    message = good_compressed()
    message.data = array("B", random.bytes(int(random.integers(0, 3000))))
    return message, good_info()


def _other_size(random: Random) -> Frame:
    width, height = (int(v) for v in random.integers(1, 63, 2))
    return _image(random, width=width, height=height, step=3 * width)


def _any_fields(random: Random) -> Frame:
    width, height, step = (int(v) for v in random.integers(0, 2 ** 32, 3))
    return _image(random, width=width, height=height, step=step,
                  is_bigendian=int(random.integers(2)))


KINDS: dict[str, Callable[[Random], Frame]] = {
    "short data": _short, "no data": partial(_image, data=array("B")),
    "random fields": _any_fields, "another size": _other_size, "noise": _noise,
    "truncated JPEG": partial(_truncated, suffix=".jpg"),
    "truncated PNG": partial(_truncated, suffix=".png"),
    **{f"encoding {e[:12]!r}": partial(_image, encoding=e)
       for e in ("", "16UC1", "32FC1", "rgb16", "nv12", "x" * 5000, "rgb8\n", "ä")},
    **{f"{name} {value}": partial(_image, **{name: value})
       for name in ("width", "height", "step") for value in (0, 1, LARGEST)
       if (name, value) != ("height", 1)},
    **{f"K[{place}] {value}": partial(_matrix, place=place, value=value)
       for place in (0, 2, 4, 5, 8) for value in (NAN, INF, -1.0, 1e300)},
    "K of zeros": partial(_info, k=[0.0] * 9),
    "D of NaN": partial(_info, d=[NAN] * 5), "long D": partial(_info, d=[0.1] * 5000),
    "another model": partial(_info, distortion_model="secret"),
    "no camera": partial(_info, width=0, height=0),
    "another camera": partial(_info, width=2 * WIDTH, height=2 * HEIGHT),
    "binning": partial(_info, binning_x=LARGEST, binning_y=LARGEST),
    "no stamp": partial(_stamp, sec=0, nanosec=0), "early": partial(_stamp, sec=-5, nanosec=0),
    "no time": partial(_stamp, sec=STAMP_SEC, nanosec=LARGEST),
    **{f"frame {frame[:12]!r}": partial(_frame, frame_id=frame)
       for frame in ("", "nobody", "/camera", "x" * 5000)},
}


def hostile_frames(count: int, seed: int = 0) -> Iterator[tuple[str, Frame]]:
    """(what is wrong, (image, its camera_info)): every kind in turn, the random ones anew."""
    random = np.random.default_rng(seed)
    names = list(KINDS)
    for index in range(count):
        name = names[index % len(names)]
        yield name, KINDS[name](random)
