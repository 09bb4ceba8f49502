"""cv_bridge: encodings, row padding, byte order, and images that are none."""

from __future__ import annotations

import array

import cv2
import numpy as np
import pytest
from cv_bridge import CvBridge, CvBridgeError
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def bridge() -> CvBridge:
    return CvBridge()


def picture(dtype: str = "uint8", channels: int = 1) -> np.ndarray:
    """[6 x 8] or [6 x 8 x channels] random pixels."""
    shape = (6, 8) if channels == 1 else (6, 8, channels)
    if dtype.startswith("float"):
        return RANDOM.random(shape).astype(dtype)
    return RANDOM.integers(0, np.iinfo(dtype).max, shape).astype(dtype)


@pytest.mark.parametrize(("encoding", "dtype", "channels"), [
    ("mono8", "uint8", 1), ("mono16", "uint16", 1), ("rgb8", "uint8", 3), ("bgr8", "uint8", 3),
    ("rgba8", "uint8", 4), ("bgra8", "uint8", 4), ("bayer_rggb8", "uint8", 1),
    ("yuv422", "uint8", 2), ("yuv422_yuy2", "uint8", 2), ("8UC1", "uint8", 1),
    ("8UC2", "uint8", 2), ("8UC3", "uint8", 3), ("8UC4", "uint8", 4), ("16UC1", "uint16", 1),
    ("32FC1", "float32", 1)])
def test_there_and_back(bridge: CvBridge, encoding: str, dtype: str, channels: int) -> None:
    image = picture(dtype, channels)
    message = bridge.cv2_to_imgmsg(image, encoding, header=Header(frame_id="camera"))
    assert (message.width, message.height, message.encoding) == (8, 6, encoding)
    assert message.step == 8 * channels * image.itemsize
    assert message.header.frame_id == "camera"
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(message), image)
    assert bridge.encoding_to_dtype_with_channels(encoding) == (dtype, channels)


def test_passthrough_names_the_layout(bridge: CvBridge) -> None:
    assert bridge.cv2_to_imgmsg(picture("float32", 2)).encoding == "32FC2"


def test_opencv_numbers(bridge: CvBridge) -> None:
    assert bridge.encoding_to_cvtype2("bgr8") == cv2.CV_8UC3
    assert bridge.encoding_to_cvtype2("mono16") == cv2.CV_16UC1
    assert bridge.encoding_to_cvtype2("32FC1") == cv2.CV_32FC1


@pytest.mark.parametrize(("source", "target", "code"), [
    ("rgb8", "bgr8", cv2.COLOR_RGB2BGR), ("bgr8", "mono8", cv2.COLOR_BGR2GRAY),
    ("rgba8", "rgb8", cv2.COLOR_RGBA2RGB), ("bgra8", "mono8", cv2.COLOR_BGRA2GRAY),
    ("mono8", "rgb8", cv2.COLOR_GRAY2RGB), ("yuv422_yuy2", "rgb8", cv2.COLOR_YUV2RGB_YUY2),
    ("yuv422", "bgr8", cv2.COLOR_YUV2BGR_UYVY), ("yuv422_yuy2", "mono8", cv2.COLOR_YUV2GRAY_YUY2),
    ("bayer_rggb8", "rgb8", cv2.COLOR_BayerBG2RGB), ("bayer_bggr8", "mono8",
                                                     cv2.COLOR_BayerRG2GRAY),
    ("bayer_gbrg8", "bgr8", cv2.COLOR_BayerGR2BGR), ("bayer_grbg8", "bgr8",
                                                     cv2.COLOR_BayerGB2BGR)])
def test_colours_are_converted(bridge: CvBridge, source: str, target: str, code: int) -> None:
    channels = bridge.encoding_to_dtype_with_channels(source)[1]
    image = picture("uint8", channels)
    message = bridge.cv2_to_imgmsg(image, source)
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(message, target),
                                  cv2.cvtColor(image, code))


def test_a_red_pixel_behind_a_bayer_filter_is_red(bridge: CvBridge) -> None:
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[0::2, 0::2] = 255  # the R of rggb
    image = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(mosaic, "bayer_rggb8"), "rgb8")
    assert image[4, 4].tolist() == [255, 0, 0]


def test_sixteen_bits_are_scaled_to_eight(bridge: CvBridge) -> None:
    image = np.array([[0, 128, 129, 257, 65535]], np.uint16)
    converted = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(image, "mono16"), "rgb8")
    assert converted[0, :, 0].tolist() == [0, 0, 1, 1, 255]


def test_padded_rows_and_big_endian_pixels(bridge: CvBridge) -> None:
    image = picture("uint16")
    rows = np.zeros((6, 8 + 3), ">u2")
    rows[:, :8] = image
    message = Image(height=6, width=8, step=22, encoding="mono16", is_bigendian=1,
                    data=array.array("B", rows.tobytes()))
    converted = bridge.imgmsg_to_cv2(message)
    assert converted.shape == (6, 8)
    np.testing.assert_array_equal(converted, image)


@pytest.mark.parametrize("change", [
    {"data": b"\0" * 47}, {"height": 7}, {"step": 4_000_000_000}, {"encoding": "purple"},
    {"encoding": ""}])
def test_a_wrong_image_is_refused(bridge: CvBridge, change: dict[str, object]) -> None:
    message = bridge.cv2_to_imgmsg(picture(), "mono8")
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises((TypeError, ValueError)):  # a CvBridgeError is a TypeError
        bridge.imgmsg_to_cv2(message)


def test_conversions_without_sense_are_refused(bridge: CvBridge) -> None:
    with pytest.raises(CvBridgeError, match="not a color format"):
        bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(picture("uint8", 3)), "bgr8")
    with pytest.raises(CvBridgeError, match="Unsupported conversion"):
        bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(picture(), "mono8"), "bayer_rggb8")
    with pytest.raises(CvBridgeError, match="image has incompatible type 8UC1"):
        bridge.cv2_to_imgmsg(picture(), "bgr8")
    with pytest.raises(TypeError, match="not a numpy array"):
        bridge.cv2_to_imgmsg([[1, 2]])


def test_compressed_images(bridge: CvBridge) -> None:
    image = picture("uint8", 3)
    message = bridge.cv2_to_compressed_imgmsg(image, "png")
    assert message.format == "png"
    np.testing.assert_array_equal(bridge.compressed_imgmsg_to_cv2(message), image)
    np.testing.assert_array_equal(bridge.compressed_imgmsg_to_cv2(message, "rgb8"),
                                  image[:, :, ::-1])
    assert bridge.cv2_to_compressed_imgmsg(image).format == "jpg"


def test_what_is_no_compressed_image(bridge: CvBridge) -> None:
    message = CompressedImage(format="jpeg", data=b"no image at all")
    assert bridge.compressed_imgmsg_to_cv2(message) is None
    with pytest.raises(CvBridgeError):
        bridge.compressed_imgmsg_to_cv2(message, "mono8")
