"""CameraInfo: what is read, what is kept, what can't be."""

from __future__ import annotations

from typing import Any

import pytest
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from nmap_reloc.errors import NmapError
from nmap_reloc.nodes.camera_info import Intrinsics

K = [525.0, 0.0, 319.5, 0.0, 526.0, 239.5, 0.0, 0.0, 1.0]
P = [500.0, 0.0, 320.5, 0.0, 0.0, 500.0, 240.5, 0.0, 0.0, 0.0, 1.0, 0.0]


def info(**changed: Any) -> CameraInfo:
    fields = {"width": 640, "height": 480, "distortion_model": "plumb_bob",
              "d": [0.1, -0.05, 0.001, 0.002, 0.0], "k": K, "p": P, **changed}
    return CameraInfo(**fields)


def with_k(**changed: float) -> list[float]:
    places = {"fx": 0, "skew": 1, "cx": 2, "k10": 3, "fy": 4, "cy": 5, "k20": 6, "last": 8}
    matrix = list(K)
    for name, value in changed.items():
        matrix[places[name]] = value
    return matrix


def test_content_is_read_once() -> None:
    intrinsics = Intrinsics()
    camera = intrinsics.camera(info(), (480, 640, 3))
    assert camera.model == "OPENCV" and (camera.width, camera.height) == (640, 480)
    assert camera.params == (525, 526, 320, 240, 0.1, -0.05, 0.001, 0.002)
    same = info()
    same.header.stamp.sec = 5
    assert intrinsics.camera(same, (480, 640)) is camera
    other = intrinsics.camera(info(k=with_k(fx=530.0)))
    assert other.params[0] == 530
    assert intrinsics.camera(info()).params == camera.params


@pytest.mark.parametrize(("model", "d", "expected"), [
    ("plumb_bob", [], "PINHOLE"), ("", [], "PINHOLE"), ("plumb_bob", [0.0] * 5, "PINHOLE"),
    ("plumb_bob", [0.1, 0, 0, 0, 0.3], "FULL_OPENCV"),
    ("rational_polynomial", [0.1] * 8, "FULL_OPENCV"),
    ("rational_polynomial", [0.1] * 8 + [0.0] * 6, "FULL_OPENCV"),
    ("equidistant", [0.0] * 4, "OPENCV_FISHEYE"),
])
def test_distortion_models(model: str, d: list[float], expected: str) -> None:
    assert Intrinsics().camera(info(distortion_model=model, d=[float(v) for v in d])
                               ).model == expected


def test_rectified_images_use_the_projection_and_ignore_the_rest() -> None:
    camera = Intrinsics(rectified=True).camera(
        info(distortion_model="a secret one", k=[0.0] * 9, d=[float("nan")]), (480, 640))
    assert camera.model == "PINHOLE" and camera.params == (500, 500, 321, 241)
    with pytest.raises(NmapError, match=r"camera_info P .*zeros mean not calibrated"):
        Intrinsics(rectified=True).camera(info(p=[0.0] * 12))


def test_binning_and_region() -> None:
    half = Intrinsics().camera(info(binning_x=2, binning_y=2), (240, 320))
    assert half.params[:4] == (262.5, 263, 160, 120)
    roi = RegionOfInterest(x_offset=100, y_offset=40, width=320, height=240)
    part = Intrinsics().camera(info(roi=roi), (240, 320))
    assert part.params[:4] == (525, 526, 220, 200)
    with pytest.raises(NmapError, match=r"camera_info has roi 320 x 240, binning 2 x 2\) is 320 x "
                                        r"240 but its intrinsics are for 160 x 120"):
        Intrinsics().camera(info(roi=roi, binning_x=2, binning_y=2), (240, 320))


def test_a_wrong_one_is_refused_and_the_next_right_one_taken() -> None:
    intrinsics = Intrinsics()
    good = intrinsics.camera(info(), (480, 640))
    for _ in range(2):
        with pytest.raises(NmapError, match="not finite"):
            intrinsics.camera(info(k=with_k(fx=float("nan"))))
    assert intrinsics.camera(info(), (480, 640)) == good
    with pytest.raises(NmapError, match=r"320 x 240 but its intrinsics are for 640 x 480"):
        intrinsics.camera(info(), (240, 320))


NAN, INF = float("nan"), float("inf")
TRANSPOSED = [525.0, 0, 0, 0, 525, 0, 319.5, 239.5, 1]


@pytest.mark.parametrize(("changed", "words"), [
    ({"k": [0.0] * 9}, "zeros mean not calibrated"),
    ({"k": with_k(fx=NAN)}, "not finite"), ({"k": with_k(last=INF)}, "not finite"),
    ({"k": with_k(fx=-525.0)}, "focal lengths -525"), ({"k": with_k(fx=0.0)}, "focal lengths 0"),
    ({"k": with_k(fx=1.0, fy=1.0)}, "focal lengths 1, 1"),
    ({"k": with_k(fx=1e6, fy=1e6)}, "focal lengths"),
    ({"k": with_k(fx=525.0, fy=100.0)}, "focal lengths"),
    ({"k": TRANSPOSED}, "not transposed"), ({"k": with_k(last=2.0)}, "not transposed or scaled"),
    ({"k": with_k(skew=5.0)}, "skew 5"), ({"k": with_k(cx=5000.0)}, "principal point"),
    ({"k": with_k(cx=-3.0)}, "principal point"),
    ({"k": with_k(cx=159.5, cy=119.5)}, "as if for another size"),
    ({"width": 1280, "height": 960}, "as if for another size"),
    ({"width": 320, "height": 240}, "as if for another size"),
    ({"width": 0}, "size 0 x 480"), ({"height": 0}, "size 640 x 0: not set"),
    ({"width": 2 ** 32 - 1, "height": 2 ** 32 - 1}, "focal lengths"),
    ({"distortion_model": "kannala"}, "distortion_model 'kannala'"),
    ({"distortion_model": "x" * 10000}, "distortion_model 'xxx"),
    ({"d": [NAN, 0.0, 0.0, 0.0, 0.0]}, "camera_info D"), ({"d": [1e300] * 5}, "camera_info D"),
    ({"d": [0.1] * 6}, "camera_info D"), ({"d": [0.0] * 100_000}, "D has 100000 numbers"),
    ({"binning_x": 2 ** 32 - 1}, "binning"), ({"binning_y": 481}, "leaves nothing of 640 x 480"),
    ({"roi": RegionOfInterest(x_offset=400, width=320, height=240)}, "roi 320 x 240"),
    ({"roi": RegionOfInterest(y_offset=2 ** 32 - 1, width=1, height=1)}, "roi 1 x 1"),
    ({"roi": RegionOfInterest(x_offset=600, y_offset=400, width=20, height=20)}, "image"),
])
def test_what_can_not_be_is_refused_in_one_line(changed: dict[str, Any], words: str) -> None:
    if "k" in changed:
        changed = {**changed, "k": [float(value) for value in changed["k"]]}
    with pytest.raises(NmapError) as refusal:
        Intrinsics().camera(info(**changed), (480, 640, 3))
    text = str(refusal.value)
    assert words in text and "\n" not in text and len(text) < 400, text


@pytest.mark.parametrize("changed", [
    {"k": with_k(cx=150.0)},                          # cut on one side only
    {"k": with_k(fx=220.0, fy=220.0)},                # a wide lens
    {"k": with_k(fx=1050.0, fy=525.0)},               # pixels of an interlaced camera
    {"k": with_k(skew=1e-9)}, {"k": with_k(cx=345.0, cy=210.0)},
])
def test_unusual_but_honest_cameras_are_taken(changed: dict[str, Any]) -> None:
    assert Intrinsics().camera(info(**changed), (480, 640)).width == 640
