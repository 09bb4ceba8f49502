"""cv_bridge.core: between image messages and OpenCV's arrays."""

from __future__ import annotations

import array
import sys
from typing import Any

import cv2
import numpy as np
from cv_bridge._encodings import DEPTHS, Array, Encoding, convert, encoding_of
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header


class CvBridgeError(TypeError):
    """An image that cannot be converted."""


class CvBridge:
    """Images are [H x W] where they have one channel, else [H x W x C]."""

    def __init__(self) -> None:
        self.numpy_type_to_cvtype = {dtype: depth for depth, dtype in DEPTHS.items()}
        self.cvdepth_to_numpy_depth = {getattr(cv2, f"CV_{depth}"): dtype
                                       for depth, dtype in DEPTHS.items()}
        self.cvtype_to_name = {getattr(cv2, f"CV_{depth}C{channels}"): f"{depth}C{channels}"
                               for depth in DEPTHS for channels in (1, 2, 3, 4)}

    def dtype_with_channels_to_cvtype2(self, dtype: np.dtype[Any], n_channels: int) -> str:
        """The generic encoding of an array, for example 8UC3."""
        try:
            return f"{self.numpy_type_to_cvtype[dtype.name]}C{n_channels}"
        except KeyError:
            raise CvBridgeError(f"no image has pixels of type {dtype}") from None

    def encoding_to_cvtype2(self, encoding: str) -> int:
        """OpenCV's number for the memory layout of an encoding."""
        known = _encoding(encoding)
        return int(cv2.CV_MAKETYPE(getattr(cv2, f"CV_{known.depth}"), known.channels))

    def encoding_to_dtype_with_channels(self, encoding: str) -> tuple[str, int]:
        """numpy's name of the depth, and the number of channels."""
        known = _encoding(encoding)
        return DEPTHS[known.depth], known.channels

    def imgmsg_to_cv2(self, img_msg: Image, desired_encoding: str = "passthrough") -> Array:
        """Without a conversion the array may share the message's memory."""
        encoding = _encoding(img_msg.encoding)
        pixel = encoding.dtype.itemsize * encoding.channels
        height, width, step = img_msg.height, img_msg.width, img_msg.step
        data = np.frombuffer(_bytes(img_msg.data), np.uint8)
        if step < width * pixel:
            raise CvBridgeError(f"Image is wrongly formed: step < width * bytes of a pixel or "
                                f"{step} < {width} * {pixel}")
        if len(data) < height * step:
            raise CvBridgeError(f"Image is wrongly formed: height * step > size or "
                                f"{height} * {step} > {len(data)}")
        rows = data[:height * step].reshape(height, step)[:, :width * pixel]
        dtype = encoding.dtype.newbyteorder(">" if img_msg.is_bigendian else "<")
        image = np.ascontiguousarray(rows).view(dtype)
        image = image.astype(encoding.dtype, copy=False)
        if encoding.channels > 1:
            image = image.reshape(height, width, encoding.channels)
        if desired_encoding == "passthrough":
            return image
        return _converted(image, img_msg.encoding, desired_encoding)

    def compressed_imgmsg_to_cv2(self, cmprs_img_msg: CompressedImage,
                                 desired_encoding: str = "passthrough") -> Array | None:
        """bgr8, or as asked for; with passthrough None where the data is no image."""
        data = np.frombuffer(_bytes(cmprs_img_msg.data), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_ANYCOLOR)
        if desired_encoding == "passthrough":
            return image
        # As the real one does: a grey image is taken for bgr8, too, and refused.
        return _converted(image, "bgr8", desired_encoding)

    def cv2_to_imgmsg(self, cvim: Array, encoding: str = "passthrough",
                      header: Header | None = None) -> Image:
        """encoding: what the array holds; it must have the array's depth and channels."""
        if not isinstance(cvim, (np.ndarray, np.generic)):
            raise TypeError("Your input type is not a numpy array")
        layout = self.dtype_with_channels_to_cvtype2(
            cvim.dtype, 1 if cvim.ndim < 3 else cvim.shape[2])
        if encoding == "passthrough":
            encoding = layout
        elif _encoding(encoding).name != layout:
            raise CvBridgeError(f"encoding specified as {encoding}, but image has incompatible "
                                f"type {layout}")
        data = array.array("B")
        data.frombytes(np.ascontiguousarray(cvim).reshape(-1).view(np.uint8).data)
        message = Image(height=cvim.shape[0], width=cvim.shape[1], encoding=encoding, data=data,
                        is_bigendian=_big_endian(cvim.dtype), step=len(data) // cvim.shape[0])
        if header is not None:
            message.header = header
        return message

    def cv2_to_compressed_imgmsg(self, cvim: Array, dst_format: str = "jpg") -> CompressedImage:
        """dst_format: a file name's extension that OpenCV can write."""
        if not isinstance(cvim, (np.ndarray, np.generic)):
            raise TypeError("Your input type is not a numpy array")
        data = array.array("B")
        data.frombytes(cv2.imencode(f".{dst_format}", cvim)[1].tobytes())
        return CompressedImage(format=dst_format, data=data)


def _encoding(name: str) -> Encoding:
    try:
        return encoding_of(name)
    except RuntimeError as error:
        raise CvBridgeError(error) from error


def _converted(image: Array | None, source: str, target: str) -> Array:
    if image is None:
        raise CvBridgeError("the data could not be decoded to an image")
    try:
        return convert(image, source, target)
    except RuntimeError as error:
        raise CvBridgeError(error) from error


def _bytes(data: Any) -> Any:
    """A uint8 sequence -> something with a buffer."""
    return bytes(data) if isinstance(data, list) else data


def _big_endian(dtype: np.dtype[Any]) -> bool:
    return dtype.byteorder == ">" or (dtype.byteorder == "=" and sys.byteorder == "big")
