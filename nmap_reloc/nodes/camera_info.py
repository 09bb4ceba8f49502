"""CameraInfo -> Camera, once per content, and refused where it can't be of these images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sensor_msgs.msg import CameraInfo

from nmap_reloc.camera import HALF_PIXEL, check_camera, from_message
from nmap_reloc.errors import NmapError
from nmap_reloc.types import Camera

MOST_COEFFICIENTS = 14         # OpenCV's longest model; a message may hold any number
LARGEST_COEFFICIENT = 1e4      # those of rational_polynomial reach some hundreds
FOCAL_LENGTHS = (0.1, 50.0)    # / longer side: from wider than a fisheye of 360 deg to 1 deg
FOCAL_RATIO = 3.0              # fx to fy: pixels of interlaced or binned images are 2 : 1
OFF_CENTRE = 0.2               # of width and of height at once: K of an image of another size
SKEW = 1.0                     # pixels; no model here has skew
REMEDY = "calibrate the camera"


class Intrinsics:
    """The cameras of one camera_info topic. rectified: the images are (image_rect), so P holds.

    Not thread-safe: for the thread that decodes the images.
    """

    def __init__(self, rectified: bool = False, name: str = "camera_info") -> None:
        self.rectified, self.name = rectified, name
        self._key: tuple[Any, ...] | None = None
        self._camera: Camera | None = None

    def camera(self, info: CameraInfo, image_shape: Sequence[int] | None = None) -> Camera:
        """info: the message of this image; image_shape: (height, width, ...) of its pixels.

        The same object for the same content. NmapError: not calibrated, not finite, a distortion
        that is not known, or intrinsics that can't be those of such an image.
        """
        count = len(info.d)
        if count > MOST_COEFFICIENTS:
            raise NmapError(f"{self.name} D has {count} numbers: {MOST_COEFFICIENTS} at most; "
                            f"{REMEDY}")
        key = _content(info)
        if self._camera is None or key != self._key:
            self._camera = self._read(info)
            self._key = key
        if image_shape is not None:
            check_camera(self._camera, image_shape, self._described(info))
        return self._camera

    def _read(self, info: CameraInfo) -> Camera:
        name = self.name
        _check_size(info, name)
        if self.rectified:
            rows = [float(value) for value in info.p]
            _check_matrix(rows[0:3] + rows[4:7] + rows[8:11], f"{name} P", info)
        else:
            _check_matrix([float(value) for value in info.k], f"{name} K", info)
            _check_distortion(info, name)
        camera = from_message(info, self.rectified, name)
        check_camera(camera, None, self._described(info))
        return camera

    def _described(self, info: CameraInfo) -> str:
        """What messages call the image: with all that makes it smaller than the sensor."""
        roi, parts = info.roi, []
        if roi.width and roi.height:
            parts.append(f"roi {roi.width} x {roi.height}")
        if max(info.binning_x, info.binning_y) > 1:
            parts.append(f"binning {info.binning_x} x {info.binning_y}")
        return f"image ({self.name} has {', '.join(parts)})" if parts else "image"


def _content(info: CameraInfo) -> tuple[Any, ...]:
    """All that the camera depends on; bytes, because a NaN is not equal to itself."""
    roi = info.roi
    return (info.width, info.height, info.distortion_model, _bytes(info.d), _bytes(info.k),
            _bytes(info.p), info.binning_x, info.binning_y, roi.x_offset, roi.y_offset, roi.width,
            roi.height)


def _bytes(values: Any) -> bytes:
    return values.tobytes() if hasattr(values, "tobytes") else repr(list(values)).encode()


def _check_distortion(info: CameraInfo, name: str) -> None:
    d = [float(value) for value in info.d]
    if not all(math.isfinite(value) and abs(value) <= LARGEST_COEFFICIENT for value in d):
        raise NmapError(f"{name} D {d}: numbers within {LARGEST_COEFFICIENT:g} are needed; "
                        f"{REMEDY}")
    if len(info.distortion_model) > 40:
        raise NmapError(f"{name} distortion_model {info.distortion_model[:40]!r}...: not known; "
                        "use one of plumb_bob, rational_polynomial, equidistant, none")


def _check_matrix(matrix: Sequence[float], name: str, info: CameraInfo) -> None:
    """matrix [9] row-major, of the whole image of the sensor."""
    shown = f"{name} {[round(value, 3) for value in matrix]}"
    if not all(math.isfinite(value) for value in matrix):
        raise NmapError(f"{shown}: not finite; {REMEDY}")
    fx, skew, cx, k10, fy, cy, *last = matrix
    if fx == 0 and fy == 0:
        raise NmapError(f"{shown}: zeros mean not calibrated; calibrate the camera and have its "
                        "driver publish the result")
    if k10 != 0 or last[:2] != [0, 0] or last[2] != 1:
        raise NmapError(f"{shown}: not [fx 0 cx 0 fy cy 0 0 1]; give it row by row, not "
                        "transposed or scaled")
    if abs(skew) > SKEW:
        raise NmapError(f"{shown}: skew {skew:g} is not supported; calibrate without skew")
    width, height = int(info.width), int(info.height)
    low, high = (limit * max(width, height) for limit in FOCAL_LENGTHS)
    if not (low <= min(fx, fy) <= max(fx, fy) <= high
            and max(fx, fy) <= FOCAL_RATIO * min(fx, fy)):
        raise NmapError(f"{shown}: focal lengths {fx:g}, {fy:g} can't be those of an image of "
                        f"{width} x {height}; {REMEDY} at this size")
    if (abs(cx + HALF_PIXEL - width / 2) > OFF_CENTRE * width
            and abs(cy + HALF_PIXEL - height / 2) > OFF_CENTRE * height):
        raise NmapError(f"{shown}: principal point ({cx:g}, {cy:g}) is far from the middle of "
                        f"{width} x {height}, as if for another size; {REMEDY} at this size, and "
                        "give a crop as roi")


def _check_size(info: CameraInfo, name: str) -> None:
    """The whole sensor, the part of it that is sent, and what binning leaves of that."""
    width, height, roi = int(info.width), int(info.height), info.roi
    if not (width and height):
        raise NmapError(f"{name} size {width} x {height}: not set; have the camera driver publish "
                        "width and height")
    if roi.x_offset + roi.width > width or roi.y_offset + roi.height > height:
        raise NmapError(f"{name} roi {roi.width} x {roi.height} at ({roi.x_offset}, "
                        f"{roi.y_offset}): reaches beyond the {width} x {height} of the sensor; "
                        "give width and height of the whole sensor, unbinned")
    sent = (roi.width, roi.height) if roi.width and roi.height else (width, height)
    if info.binning_x > sent[0] or info.binning_y > sent[1]:
        raise NmapError(f"{name} binning {info.binning_x} x {info.binning_y}: leaves nothing of "
                        f"{sent[0]} x {sent[1]} pixels; correct it in the camera driver")
