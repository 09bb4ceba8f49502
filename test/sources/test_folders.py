"""7-Scenes, TUM and photographs; what open_source says when nothing fits; damaged images."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources import KINDS, open_source
from nmap_reloc.mapping.sources.decode import UnreadableImageError, decode_bytes

from .image_folders import CAMERA, assert_close, picture, pose, tum_line, write_image, write_scene

CAMERA_TEXT = "PINHOLE,64,48,60,60,32,24"


def seven_scenes(folder: Path, sequences: int = 2, frames: int = 4, width: int = 64,
                 height: int = 48) -> Path:
    for sequence in range(1, sequences + 1):
        for frame in range(frames):
            stem = folder / f"seq-{sequence:02d}" / f"frame-{frame:06d}"
            write_image(Path(f"{stem}.color.png"), frame, width, height)
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = pose(frame).rotation, pose(frame).translation
            Path(f"{stem}.pose.txt").write_text(
                "\n".join(" ".join(f"{v: .7e}" for v in row) + " " for row in matrix))
    (folder / "TrainSplit.txt").write_text("sequence1\n")
    (folder / "TestSplit.txt").write_text("sequence2\n")
    return folder


def tum(folder: Path, images: int = 5) -> Path:
    lines = []
    for index in range(images):
        write_image(folder / f"rgb/{index}.png", index)
        lines.append(f"{100 + 0.1 * index:.6f} rgb/{index}.png\n")
    (folder / "rgb.txt").write_text("# color images\n" + "".join(lines))
    # the truth is offset by half of its 20 ms, so that nothing but interpolation gives the poses
    truth = [tum_line(100.01 + 0.02 * k, pose(0.1 + 0.2 * k)) for k in range(-2, 25)]
    (folder / "groundtruth.txt").write_text("# ground truth\n" + "".join(truth))
    return folder


def test_seven_scenes(tmp_path: Path) -> None:
    source = open_source(seven_scenes(tmp_path), camera=CAMERA_TEXT)
    assert (source.kind, source.unit, len(source.images)) == ("sevenscenes", "metre", 8)
    assert source.split is not None
    assert source.split["query"] == tuple(f"seq-02/frame-00000{i}.color.png" for i in range(4))
    for index, image in enumerate(source.named("map")):
        assert_close(image.map_from_camera, pose(index))
        assert image.camera == CAMERA
        np.testing.assert_array_equal(image.read(), picture(index))


def test_seven_scenes_default_camera_and_one_sequence(tmp_path: Path) -> None:
    seven_scenes(tmp_path, 1, 2, 640, 480)
    source = open_source(tmp_path / "seq-01")
    assert source.kind == "sevenscenes" and source.split is None
    assert source.images[0].camera.params == (585, 585, 320, 240)
    with pytest.raises(NmapError, match="640 x 480 but its intrinsics are for 64 x 48"):
        open_source(tmp_path / "seq-01", camera=CAMERA_TEXT)


def test_seven_scenes_bad_poses_and_splits(tmp_path: Path) -> None:
    folder = seven_scenes(tmp_path)
    (folder / "seq-01/frame-000000.pose.txt").unlink()
    (folder / "seq-01/frame-000001.pose.txt").write_text(" ".join(["nan"] * 16))
    (folder / "seq-01/frame-000002.pose.txt").write_text(" ".join(["2"] * 16))
    (folder / "TestSplit.txt").write_text("sequence2\nsequence7\n")
    source = open_source(folder, camera=CAMERA_TEXT)
    assert len(source.images) == 5
    text = " | ".join(source.warnings)
    assert "3 of 8 images" in text and "no finite pose" in text
    assert "(seq-07) have no frames" in text
    (folder / "TrainSplit.txt").write_text("sequence9\n")
    with pytest.raises(NmapError, match=r"TrainSplit.txt: none of its sequences"):
        open_source(folder, camera=CAMERA_TEXT)
    (folder / "TrainSplit.txt").unlink()
    with pytest.raises(NmapError, match="the other of TrainSplit"):
        open_source(folder, camera=CAMERA_TEXT)


def test_tum_interpolates(tmp_path: Path) -> None:
    source = open_source(tum(tmp_path), camera=CAMERA_TEXT)
    assert (source.kind, source.unit, source.warnings) == ("tum", "metre", ())
    for index, image in enumerate(source.images):
        assert image.stamp == pytest.approx(100 + 0.1 * index)
        assert_close(image.map_from_camera, pose(index), 1e-5)
        np.testing.assert_array_equal(image.read(), picture(index))
    nearest = open_source(tmp_path, camera=CAMERA_TEXT, max_gap=0)
    assert_close(nearest.images[1].map_from_camera, pose(1), 0.02)
    assert nearest.fingerprint != source.fingerprint


def test_tum_keyframes_by_count_and_motion(tmp_path: Path) -> None:
    tum(tmp_path)

    def names(**options: object) -> list[str]:
        return [image.name for image in open_source(tmp_path, camera=CAMERA_TEXT,
                                                    **options).images]
    assert names(every=2) == ["rgb/0.png", "rgb/2.png", "rgb/4.png"]
    assert names(min_translation=0.15) == ["rgb/0.png", "rgb/2.png", "rgb/4.png"]
    assert names(min_rotation_deg=15) == ["rgb/0.png", "rgb/3.png"]
    assert names(min_translation=0.35, min_rotation_deg=11) == names(every=2)
    with pytest.raises(NmapError, match="every 0"):
        names(every=0)


def test_tum_cameras(tmp_path: Path) -> None:
    with pytest.raises(NmapError, match="no camera calibration"):
        open_source(tum(tmp_path / "x"))
    (tmp_path / "x/camera.txt").write_text("# one\n1 PINHOLE 64 48 60 60 32 24\n")
    assert open_source(tmp_path / "x").images[0].camera == CAMERA
    (tmp_path / "x/camera.yaml").write_text(
        "image_width: 64\nimage_height: 48\ncamera_name: c\n"
        "camera_matrix: {rows: 3, cols: 3, data: [60, 0, 31.5, 0, 60, 23.5, 0, 0, 1]}\n"
        "distortion_model: plumb_bob\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n")
    assert open_source(tmp_path / "x").images[0].camera == CAMERA
    for text, said in (("a: [", "not YAML"), ("a: 1", "not a ROS camera calibration")):
        (tmp_path / "x/camera.yaml").write_text(text)
        with pytest.raises(NmapError, match=said):
            open_source(tmp_path / "x")
    with pytest.raises(NmapError, match="intrinsics are for 640 x 480"):
        open_source(tum(tmp_path / "rgbd_dataset_freiburg1_desk"))


def test_tum_bad_input(tmp_path: Path) -> None:
    folder = tum(tmp_path)
    with open(folder / "rgb.txt", "a") as file:
        file.write("100.5 rgb/gone.png\n999.0 rgb/0_late.png\n")
    write_image(folder / "rgb/0_late.png")
    with open(folder / "groundtruth.txt", "a") as file:
        file.write("100.7 nan 0 0 0 0 0 1\n100.8 0 0 0 0 0 0 0\n")
    text = " | ".join(open_source(folder, camera=CAMERA_TEXT).warnings)
    assert "2 poses are not finite" in text and "(rgb/gone.png)" in text
    assert "1 of 6 images (rgb/0_late.png) has no finite pose" in text
    with open(folder / "rgb.txt", "a") as file:
        file.write("100.9 rgb/0.png\n")
    with pytest.raises(NmapError, match=r"two images are named 'rgb/0.png'"):
        open_source(folder, camera=CAMERA_TEXT)
    (folder / "other.txt").write_text(tum_line(5.0, pose(0)))
    with pytest.raises(NmapError, match="no pose within"):
        open_source(folder, camera=CAMERA_TEXT, trajectory=folder / "other.txt")
    (folder / "other.txt").write_text("1 2 3\n")
    with pytest.raises(NmapError, match=r"other.txt line 1"):
        open_source(folder, camera=CAMERA_TEXT, trajectory=folder / "other.txt")
    (folder / "groundtruth.txt").unlink()
    with pytest.raises(NmapError, match=r"groundtruth.txt: can't be read"):
        open_source(folder, camera=CAMERA_TEXT)


def test_photos(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg")
    write_image(tmp_path / "below/b.png", 1, 80, 40)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    (tmp_path / ".hidden.jpg").write_bytes(b"")
    source = open_source(tmp_path)
    assert (source.kind, source.unit, source.split) == ("photos", "arbitrary", None)
    assert [image.name for image in source.images] == ["a.jpg", "below/b.png"]
    assert all(image.map_from_camera is None for image in source.images)
    assert source.images[1].camera.params == pytest.approx((96, 40, 20, 0))
    assert "1 of 3 images (broken.jpg)" in source.warnings[0]
    with pytest.raises(NmapError, match="80 x 40 but its intrinsics are for 64"):
        open_source(tmp_path, camera=CAMERA_TEXT).images[1].read()


def test_photos_focal_length_and_orientation_from_exif(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    exif = image.Exif()
    exif[0x0112] = 6  # stored lying on its side: the pixels are taken as stored
    exif.get_ifd(0x8769)[0xA405] = 28  # focal length in 35 mm film
    image.fromarray(picture(0, 400, 300)).save(tmp_path / "a.jpg", exif=exif)
    photo = open_source(tmp_path).images[0]
    assert (photo.camera.model, photo.camera.width, photo.camera.height) == (
        "SIMPLE_RADIAL", 400, 300)
    assert photo.camera.params[0] == pytest.approx(28 / np.hypot(36, 24) * 500, rel=0.02)
    assert photo.read().shape == (300, 400, 3)


def test_nothing_fits(tmp_path: Path) -> None:
    with pytest.raises(NmapError) as refusal:
        open_source(tmp_path)
    assert all(kind.looks_for in str(refusal.value) for kind in KINDS.values())
    with pytest.raises(NmapError, match="no such file"):
        open_source(tmp_path / "gone")
    with pytest.raises(NmapError, match="kind 'video'"):
        open_source(tmp_path, kind="video")
    for kind in KINDS:
        with pytest.raises(NmapError) as refusal:
            open_source(tmp_path, kind=kind)
        assert str(tmp_path) in str(refusal.value) and "\n" not in str(refusal.value)


def test_unknown_option_is_named(tmp_path: Path) -> None:
    write_scene(tmp_path)
    with pytest.raises(NmapError, match="option every=2: a source of kind scene has none"):
        open_source(tmp_path, every=2)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_truncated_image_among_many(tmp_path: Path, suffix: str, share: float) -> None:
    write_image(tmp_path / f"a.{suffix}", 0, 640, 480)
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    (tmp_path / f"a.{suffix}").write_bytes(whole[:int(share * len(whole))])
    write_image(tmp_path / f"b.{suffix}", 0, 640, 480)
    source = open_source(tmp_path, camera="PINHOLE,640,480,525,525,320,240")
    assert source.images[1].read().shape == (480, 640, 3)
    with pytest.raises(NmapError, match=rf"a\.{suffix} .*truncated"):
        source.images[0].read()


def test_decodes_grey_16_bit_and_thumbnails() -> None:
    for grey in (picture()[:, :, 0], picture()[:, :, 0].astype(np.uint16) << 8):
        data = cv2.imencode(".png", grey)[1].tobytes()
        np.testing.assert_array_equal(decode_bytes(data, "grey"), picture()[:, :, 0])
    # a truncated JPEG whose thumbnail has an end marker of its own
    body = cv2.imencode(".jpg", picture(0, 640, 480))[1].tobytes()
    segment = b"\xff\xe1\x00\x08ab\xff\xd9cd"
    assert decode_bytes(body[:2] + segment + body[2:], "whole").shape == (480, 640, 3)
    with pytest.raises(UnreadableImageError):
        decode_bytes(body[:2] + segment + body[2:-900], "half")


def test_read_travels_to_other_processes(tmp_path: Path) -> None:
    write_scene(tmp_path)
    copy = pickle.loads(pickle.dumps(open_source(tmp_path)))
    np.testing.assert_array_equal(copy.images[1].read(), picture(1))
