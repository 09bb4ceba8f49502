"""ROS 2 recordings, really written: images of all encodings, choice of topics, damage."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.types import Camera

from .image_folders import assert_close, picture, pose
from .recorded_bags import (
    COUNT,
    PERIOD,
    START,
    base_to_camera,
    camera_info,
    compressed_image,
    images,
    moving_tf,
    pose_stamped,
    raw_image,
    record,
)


def test_a_single_file_and_a_folder_without_metadata(tmp_path: Path) -> None:
    for storage, suffix in (("mcap", "mcap"), ("sqlite3", "db3")):
        bag = record(tmp_path / suffix, [*images(2), camera_info(), *base_to_camera(),
                                         *moving_tf()], storage)
        (file,) = bag.glob(f"*.{suffix}")
        assert len(open_source(file).images) == 2
        (bag / "metadata.yaml").unlink()
        assert len(open_source(bag).images) == 2
        (bag / f"other.{suffix}").write_bytes(b"")
        with pytest.raises(NmapError, match=r"no metadata.yaml and 2 recordings"):
            open_source(bag)


ENCODINGS = {
    "mono8": picture()[:, :, 0], "bgr8": picture()[:, :, ::-1],
    "rgba8": np.dstack([picture(), picture()[:, :, 0]]),
    "bgra8": np.dstack([picture()[:, :, ::-1], picture()[:, :, 0]]),
    "mono16": (picture()[:, :, 0].astype(np.uint16) << 8) + 7,
}


@pytest.mark.parametrize("encoding", [*ENCODINGS])
@pytest.mark.parametrize("padding", [0, 6])
def test_encodings(tmp_path: Path, encoding: str, padding: int) -> None:
    pixels = ENCODINGS[encoding]
    bag = record(tmp_path / "bag", [raw_image(pixels, encoding, START, padding=padding),
                                    camera_info(), pose_stamped(START, pose(0))])
    expected = picture()[:, :, 0] if encoding.startswith("mono") else picture()
    np.testing.assert_array_equal(open_source(bag).images[0].read(), expected)


COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}


@pytest.mark.parametrize("encoding", ["bayer_rggb8", "bayer_bggr8", "bayer_gbrg8", "bayer_grbg8",
                                      "yuv422_yuy2", "yuv422"])
@pytest.mark.parametrize("colour", [*COLOURS])
def test_mosaics_and_subsampled_colours(tmp_path: Path, encoding: str, colour: str) -> None:
    flat = np.full((48, 64, 3), COLOURS[colour], np.uint8)
    if encoding.startswith("bayer"):
        raw = np.empty((48, 64), np.uint8)
        for index, letter in enumerate(encoding[6:10]):
            row, column = divmod(index, 2)
            raw[row::2, column::2] = flat[row::2, column::2, "rgb".index(letter)]
    else:
        red, green, blue = (flat[..., i] / 255.0 for i in range(3))  # BT.601 as cameras send it
        yuv = np.stack([16 + 65.5 * red + 128.6 * green + 25.0 * blue,
                        128 - 37.8 * red - 74.2 * green + 112.0 * blue,
                        128 + 112.0 * red - 93.8 * green - 18.2 * blue], -1).round().astype("u1")
        chroma = np.where(np.arange(64) % 2 == 0, yuv[..., 1], yuv[..., 2])
        order = [yuv[..., 0], chroma] if encoding == "yuv422_yuy2" else [chroma, yuv[..., 0]]
        raw = np.dstack(order)
    bag = record(tmp_path / "bag", [raw_image(raw, encoding, START), camera_info(),
                                    pose_stamped(START, pose(0))])
    image = open_source(bag).images[0].read().astype(int)
    np.testing.assert_allclose(image[4:-4, 4:-4], flat[4:-4, 4:-4], atol=3)


def test_compressed_twin_depth_and_second_camera(tmp_path: Path) -> None:
    poses = [pose_stamped(START, pose(0))]
    twin = [compressed_image(picture(), START), camera_info(), *poses]
    only = open_source(record(tmp_path / "only", twin))
    np.testing.assert_array_equal(only.images[0].read(), picture())
    depth = raw_image(np.zeros((48, 64), np.uint16), "16UC1", START, "/cam/depth/image_raw")
    assert len(open_source(record(tmp_path / "both", [*twin, *images(1), depth])).images) == 1
    second = raw_image(picture(1), "rgb8", START, "/right/image_raw")
    bag = record(tmp_path / "two", [*twin, *images(1), second])
    with pytest.raises(NmapError, match=r"2 cameras \(/cam/image_raw, /right/image_raw\)"):
        open_source(bag)
    chosen = open_source(bag, image_topic="/right/image_raw")
    np.testing.assert_array_equal(chosen.images[0].read(), picture(1))
    with pytest.raises(NmapError, match="image_topic /left: no messages of Image"):
        open_source(bag, image_topic="/left")
    with pytest.raises(NmapError, match="encoding '16UC1'"):
        open_source(record(tmp_path / "depth", [*twin, depth]),
                    image_topic="/cam/depth/image_raw")


def test_rectified_images_use_the_projection(tmp_path: Path) -> None:
    bag = record(tmp_path / "bag", [raw_image(picture(), "rgb8", START, "/cam/image_rect"),
                                    camera_info(), pose_stamped(START, pose(0))])
    rectified = Camera("PINHOLE", 64, 48, (50, 50, 32, 24))
    assert open_source(bag).images[0].camera == rectified
    assert open_source(bag, rectified=False).images[0].camera.model == "OPENCV"


def test_repeated_and_missing_stamps(tmp_path: Path) -> None:
    bag = record(tmp_path / "bag", [
        *images(2), raw_image(picture(9), "rgb8", START, recorded=START + 5),
        raw_image(picture(7), "rgb8", 0, recorded=START + 3 * PERIOD),
        camera_info(), *base_to_camera(), *moving_tf()])
    source = open_source(bag)
    assert len(source.images) == 3
    np.testing.assert_array_equal(source.images[0].read(), picture(0))
    np.testing.assert_array_equal(source.images[2].read(), picture(7))
    text = " | ".join(source.warnings)
    assert "1 images of /cam/image_raw repeat a stamp" in text and "1 images of" in text
    assert "have no stamp" in text


def test_bags_that_lack_something_list_their_topics(tmp_path: Path) -> None:
    poses = [pose_stamped(START, pose(0))]
    no_info = record(tmp_path / "no_info", [*images(1), *poses])
    with pytest.raises(NmapError, match=r"no sensor_msgs/CameraInfo for /cam/image_raw; topics "
                                        r"found: /cam/image_raw sensor_msgs/msg/Image x1; /pose"):
        open_source(no_info)
    assert len(open_source(no_info, camera="PINHOLE,64,48,60,60,32,24").images) == 1
    no_poses = record(tmp_path / "no_poses", [*images(1), camera_info(), *base_to_camera()])
    with pytest.raises(NmapError, match=r"no poses of 'cam_optical' .*topics found: .*TF frames: "
                                        r"base_link, cam_optical, mast"):
        open_source(no_poses)
    with pytest.raises(NmapError, match="TF: no chain from earth to cam_optical"):
        open_source(no_poses, poses="tf", map_frame="earth")
    no_images = record(tmp_path / "no_images", [camera_info(), *poses])
    with pytest.raises(NmapError, match=r"no images .*/cam/camera_info"):
        open_source(no_images)
    two = record(tmp_path / "two", [*images(1), camera_info(), *poses,
                                    pose_stamped(START, pose(1), "/other")])
    with pytest.raises(NmapError, match=r"2 topics of poses \(/other, /pose\)"):
        open_source(two)
    assert_close(open_source(two, poses="/other").images[0].map_from_camera, pose(1))
    with pytest.raises(NmapError, match="poses /cam/camera_info: no messages of PoseStamped"):
        open_source(two, poses="/cam/camera_info")


def test_wrong_intrinsics_size_and_short_image(tmp_path: Path) -> None:
    poses = [pose_stamped(START + i * PERIOD, pose(i)) for i in range(2)]
    with pytest.raises(NmapError, match="64 x 48 but its intrinsics are for 128 x 96"):
        open_source(record(tmp_path / "size", [*images(1), *poses,
                                               camera_info(width=128, height=96)]))
    _, ns, kind, message = images(1)[0]
    message.data = message.data[:-10]
    short = open_source(record(tmp_path / "short", [
        ("/cam/image_raw", ns, kind, message), images(2)[1], camera_info(), *poses]))
    with pytest.raises(NmapError, match=f"{START} .*too few bytes"):
        short.images[0].read()
    assert short.images[1].read().shape == (48, 64, 3)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_damaged_recordings(tmp_path: Path, storage: str) -> None:
    bag = record(tmp_path / "bag", [*images(), camera_info(), *base_to_camera(), *moving_tf()],
                 storage)
    (file,) = (path for path in bag.iterdir() if path.suffix in (".mcap", ".db3"))
    whole = file.read_bytes()
    for keep in (0, 10, len(whole) // 2, len(whole) - 20):
        file.write_bytes(whole[:keep])
        if storage == "sqlite3" and keep == len(whole) - 20:
            continue  # the last page is padding
        for path in (bag, file):
            with pytest.raises(NmapError) as refusal:
                open_source(path)
            assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)
    file.write_bytes(whole)
    (bag / "metadata.yaml").write_text("rosbag2_bagfile_information: {")
    with pytest.raises(NmapError, match="damaged or no ROS 2 recording"):
        open_source(bag)
    with pytest.raises(NmapError, match="not a ROS 2 recording"):
        open_source(bag / "metadata.yaml", kind="bag")


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_images_read_in_other_threads_and_processes(tmp_path: Path, storage: str) -> None:
    source = open_source(record(tmp_path / "bag", [*images(), camera_info(), *base_to_camera(),
                                                   *moving_tf()], storage))
    copy = pickle.loads(pickle.dumps(source))
    read = {}
    threads = [threading.Thread(target=lambda i=i: read.update({i: copy.images[i].read()}))
               for i in range(COUNT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in range(COUNT):
        np.testing.assert_array_equal(read[index], picture(index))
