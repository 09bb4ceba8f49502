"""The file that holds the last pose: its contents, strictly checked."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.maps.fields import FieldError, Fields
from nmap_reloc.maps.tile import compact_json
from nmap_reloc.nodes.convert import checked_covariance, rigid_from_numbers
from nmap_reloc.types import Doubles

FORMAT_VERSION = 1
MAX_BYTES = 65536


@dataclass(frozen=True)
class SavedPose:
    """stamp: wall clock, seconds since 1970. covariance: see Estimate, of the base. frames: names
    of the map's, the odometry's and the robot's. odom_from_base: None where there was none."""

    site: str
    map_version: int
    frames: tuple[str, str, str]
    stamp: float
    map_from_base: Rigid
    covariance: Doubles
    odom_from_base: Rigid | None


def encode_pose(pose: SavedPose) -> bytes:
    """The contents of the file."""
    return compact_json({
        "format_version": FORMAT_VERSION, "site": pose.site, "map_version": pose.map_version,
        "frames": list(pose.frames), "stamp": float(pose.stamp),
        "map_from_base": _numbers(pose.map_from_base),
        "covariance": np.asarray(pose.covariance, np.float64).reshape(36).tolist(),
        "odom_from_base": (None if pose.odom_from_base is None
                           else _numbers(pose.odom_from_base))}).encode()


def read_pose(path: Path) -> SavedPose:
    """NmapError: not there, not readable, or not a pose in every detail."""
    remedy = "delete it"
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for a writer
            raise NmapError(f"{path}: not a regular file; set pose_file to another path")
        with open(path, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NmapError(f"{path}: no pose was saved yet; it is written once the robot is "
                        "localized") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no path"
        raise NmapError(f"{path}: can't be read ({why}); make it readable or set pose_file to "
                        "another path") from None
    if len(data) > MAX_BYTES:
        raise NmapError(f"{path}: more than {MAX_BYTES} bytes are no saved pose; {remedy}")
    try:
        return _parse(Fields(json.loads(data), ""), str(path))
    except FieldError as error:
        raise NmapError(f"{path}: {error}; {remedy}") from None
    except (ValueError, RecursionError):
        raise NmapError(f"{path}: not JSON; {remedy}") from None


def _parse(fields: Fields, name: str) -> SavedPose:
    version = fields.integer("format_version")
    fields.check(version == FORMAT_VERSION, "format_version", version, str(FORMAT_VERSION))
    frames = fields.take("frames")
    fields.check(isinstance(frames, list) and len(frames) == 3
                 and all(isinstance(frame, str) for frame in frames), "frames", frames,
                 "three names")
    site, map_version = fields.text("site"), fields.integer("map_version")
    stamp = fields.optional_number("stamp", 0.0, 1e12)
    fields.check(stamp is not None, "stamp", stamp, "a number")
    pose = _rigid(fields, "map_from_base", name)
    covariance = checked_covariance(_list(fields, "covariance", 36), f"{name} covariance")
    odometry = None
    if fields.rest.get("odom_from_base", ()) is None:
        fields.take("odom_from_base")
    else:
        odometry = _rigid(fields, "odom_from_base", name)
    fields.nothing_else()
    assert stamp is not None and pose is not None
    return SavedPose(site, map_version, (frames[0], frames[1], frames[2]), stamp, pose,
                     covariance, odometry)


def _rigid(fields: Fields, field: str, name: str) -> Rigid:
    numbers = _list(fields, field, 7)
    return rigid_from_numbers(numbers[4:], numbers[:4], f"{name} {field}")


def _list(fields: Fields, field: str, count: int) -> list[float]:
    value: Any = fields.take(field)
    fields.check(isinstance(value, list) and len(value) == count and all(
        type(number) in (int, float) and abs(number) < 1e300 for number in value),
        field, value, f"a list of {count} numbers")
    return [float(number) for number in value]


def _numbers(pose: Rigid) -> list[float]:
    """[7] (w, x, y, z) of the rotation, then the translation."""
    return [*pose.quaternion().tolist(), *np.asarray(pose.translation, np.float64).tolist()]
