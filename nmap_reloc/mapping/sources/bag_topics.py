"""Which of a recording's topics hold the images, the intrinsics and the poses."""

from __future__ import annotations

from pathlib import Path

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources.bag_file import listing

Topics = dict[str, tuple[str, int]]

IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TF = "tf2_msgs/msg/TFMessage"
ODOMETRY = "nav_msgs/msg/Odometry"
POSE = "geometry_msgs/msg/PoseStamped"
POSE_COVARIANCE = "geometry_msgs/msg/PoseWithCovarianceStamped"
POSES = (POSE, POSE_COVARIANCE, ODOMETRY)


def of_type(topics: Topics, *types: str) -> list[str]:
    """Topics of these types that have messages, sorted."""
    return sorted(name for name, (kind, count) in topics.items() if kind in types and count)


def choose_images(topics: Topics, given: str | None, path: Path) -> str:
    """The topic given, else the one that holds colour or grey images. NmapError lists topics."""
    found = of_type(topics, *IMAGES)
    if given is not None:
        return _checked(topics, given, IMAGES, "image_topic", path)
    colour = [topic for topic in found if "depth" not in topic.lower()]
    # image_transport's compressed twin of a raw topic is the same images again
    single = [topic for topic in colour if topic.rpartition("/")[0] not in colour]
    if not single:
        raise NmapError(f"{path}: no images (sensor_msgs Image or CompressedImage); "
                        f"{listing(topics)}; record the camera's topic")
    if len(single) > 1:
        raise NmapError(f"{path}: {len(single)} cameras ({', '.join(single)}); choose one with "
                        "the option image_topic")
    return single[0]


def choose_info(topics: Topics, given: str | None, images: str, path: Path) -> str:
    """The topic given, else camera_info beside the images, else the only one."""
    if given is not None:
        return _checked(topics, given, (CAMERA_INFO,), "camera_info_topic", path)
    found = of_type(topics, CAMERA_INFO)
    parts = images.split("/")
    beside = ["/".join([*parts[:-drop], "camera_info"]) for drop in (1, 2) if len(parts) > drop]
    for candidate in beside:
        if candidate in found:
            return candidate
    if not found:
        raise NmapError(f"{path}: no sensor_msgs/CameraInfo for {images}; {listing(topics)}; give "
                        "the intrinsics with the option camera")
    if len(found) > 1:
        raise NmapError(f"{path}: {len(found)} camera_info topics ({', '.join(found)}), none "
                        f"beside {images}; choose one with the option camera_info_topic")
    return found[0]


def choose_poses(topics: Topics, given: str, path: Path) -> str:
    """The topic given with the option poses. NmapError: not there or not of a pose."""
    return _checked(topics, given, POSES, "poses", path)


def _checked(topics: Topics, given: str, types: tuple[str, ...], option: str, path: Path) -> str:
    if given in of_type(topics, *types):
        return given
    short = ", ".join(kind.rpartition("/")[2] for kind in types)
    raise NmapError(f"{path} {option} {given}: no messages of {short} there; {listing(topics)}; "
                    "choose one of them")
