"""Intrinsics that a person gives: as text, as a ROS calibration file, as COLMAP's cameras.txt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nmap_reloc.camera import check_camera, from_camera_info, parse_camera
from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources.base import read_text
from nmap_reloc.types import Camera

GivenCamera = Camera | str | Path | None


def given_camera(given: GivenCamera) -> Camera | None:
    """A Camera, ``MODEL,WIDTH,HEIGHT,PARAMS...`` or a file read_camera takes -> Camera."""
    if given is None:
        return None
    if isinstance(given, Camera):
        check_camera(given, None, "camera")
        return given
    if isinstance(given, Path) or Path(given).suffix.lower() in (".yaml", ".yml", ".txt"):
        return read_camera(Path(given))
    return parse_camera(given)


def read_camera(path: Path) -> Camera:
    """A camera_calibration YAML of ROS, or text with one camera as COLMAP writes it.

    NmapError: neither of them, or what check_camera refuses.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        return _ros_yaml(path)
    lines = [line for line in read_text(path).splitlines() if line.strip() and line[0] != "#"]
    if len(lines) != 1:
        raise NmapError(f"{path}: {len(lines)} cameras; leave one line MODEL WIDTH HEIGHT PARAMS")
    first, _, rest = lines[0].strip().partition(" ")
    # cameras.txt has an id in front
    return parse_camera(rest if first.isdigit() else lines[0], str(path))


def _ros_yaml(path: Path) -> Camera:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        given: Any = YAML(typ="safe").load(read_text(path))
        fields = (given["distortion_model"], given["distortion_coefficients"]["data"],
                  given["camera_matrix"]["data"], given["image_width"], given["image_height"])
        return from_camera_info(*fields, name=str(path))
    except YAMLError as error:
        line = str(error).splitlines()[0]
        raise NmapError(f"{path}: not YAML ({line}); correct the file") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NmapError(f"{path}: not a ROS camera calibration ({error!r}); it needs image_width, "
                        "image_height, camera_matrix, distortion_model and "
                        "distortion_coefficients") from None
