"""Cameras and poses of a COLMAP model, text or binary, without its points.

Not pycolmap.Reconstruction: it silently loses the last image of an images.txt that does not end
in a blank line, every second image of one without blank lines, accepts a truncated cameras.bin,
and holds every 3D point in memory. Formats: colmap.github.io/format.html; ids of camera models
from pycolmap.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

from nmap_reloc.camera import LAYOUT
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.base import read_text
from nmap_reloc.types import Camera


@dataclass(frozen=True)
class ModelImage:
    """An image of a model; map_from_camera None where the written pose is not finite."""

    name: str
    camera_id: int
    map_from_camera: Rigid | None


def is_model(folder: Path) -> bool:
    """Whether the folder holds cameras and images, both as text or both as binary."""
    return any((folder / f"cameras{suffix}").is_file() and (folder / f"images{suffix}").is_file()
               for suffix in (".txt", ".bin"))


def model_files(folder: Path) -> tuple[Path, Path]:
    """The cameras and images file that read_model reads: binary first, as COLMAP does."""
    suffix = ".bin" if (folder / "images.bin").is_file() else ".txt"
    return folder / f"cameras{suffix}", folder / f"images{suffix}"


def read_model(folder: Path) -> tuple[dict[int, Camera], list[ModelImage]]:
    """Cameras by id and images in file order. NmapError names the file and the line or byte."""
    cameras_file, images_file = model_files(folder)
    if images_file.suffix == ".bin":
        cameras, images = _binary_cameras(cameras_file), _binary_images(images_file)
    else:
        cameras, images = _text_cameras(cameras_file), _text_images(images_file)
    for image in images:
        if image.camera_id not in cameras:
            raise NmapError(f"{images_file} image {image.name!r}: its camera {image.camera_id} is "
                            f"not in {cameras_file.name}; export the model again")
    return cameras, images


def _pose(quaternion: tuple[float, ...], translation: tuple[float, ...]) -> Rigid | None:
    """(w, x, y, z) and translation of camera_from_world -> world_from_camera."""
    norm = math.hypot(*quaternion)
    if not (math.isfinite(norm) and norm > 1e-6 and all(map(math.isfinite, translation))):
        return None
    return Rigid.from_quaternion(quaternion, translation).inverse()


def _text_cameras(path: Path) -> dict[int, Camera]:
    cameras = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            index, model, width, height, *params = line.split()
            cameras[int(index)] = Camera(model, int(width), int(height),
                                         tuple(float(value) for value in params))
        except ValueError:
            raise NmapError(f"{path} line {number} {line[:60]!r}: not CAMERA_ID MODEL WIDTH "
                            "HEIGHT PARAMS; export the model again") from None
    return cameras


def _text_images(path: Path) -> list[ModelImage]:
    """Lines that end in a name; the 2D points between them, given or not, are passed over."""
    images = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        fields = line.split(maxsplit=9)
        if not fields or line.startswith("#") or _is_number(fields[-1].split()[-1]):
            continue
        try:
            index, *pose, camera_id = fields[:9]
            values = tuple(float(value) for value in pose)
            int(index)
            images.append(ModelImage(fields[9].strip(), int(camera_id),
                                     _pose(values[:4], values[4:])))
        except (ValueError, IndexError):
            raise NmapError(f"{path} line {number} {line[:60]!r}: not IMAGE_ID QW QX QY QZ TX TY "
                            "TZ CAMERA_ID NAME; export the model again") from None
    return images


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _Bytes:
    """A binary file read front to back; NmapError where it ends too early."""

    def __init__(self, path: Path) -> None:
        self.path, self.at = path, 0
        try:
            self.data = path.read_bytes()
        except OSError as error:
            raise NmapError(f"{path}: can't be read ({error.strerror}); restore it") from None

    def take(self, fields: str) -> tuple[float, ...]:
        size = struct.calcsize("<" + fields)
        self._need(size)
        values = struct.unpack_from("<" + fields, self.data, self.at)
        self.at += size
        return values

    def integers(self, fields: str) -> tuple[int, ...]:
        return tuple(int(value) for value in self.take(fields))

    def name(self) -> str:
        end = self.data.find(b"\0", self.at)
        self._need(end - self.at if end >= 0 else len(self.data))
        text = self.data[self.at:end].decode("utf-8", "replace")
        self.at = end + 1
        return text

    def skip(self, size: int) -> None:
        self._need(size)
        self.at += size

    def _need(self, size: int) -> None:
        if self.at + size > len(self.data):
            raise NmapError(f"{self.path} ({len(self.data)} bytes): truncated, more is needed at "
                            f"byte {self.at}; restore the file or export the model again")


def _binary_cameras(path: Path) -> dict[int, Camera]:
    import pycolmap

    models = {int(model): name for name, model in pycolmap.CameraModelId.__members__.items()}
    data = _Bytes(path)
    cameras = {}
    for _ in range(data.integers("Q")[0]):
        index, model, width, height = data.integers("IiQQ")
        name = models.get(model, str(model))
        if name not in LAYOUT:
            raise NmapError(f"{path} camera {index}: model {name} is not supported; use one of "
                            f"{', '.join(LAYOUT)}")
        cameras[index] = Camera(name, width, height, data.take(f"{LAYOUT[name][1]}d"))
    return cameras


def _binary_images(path: Path) -> list[ModelImage]:
    data = _Bytes(path)
    images = []
    for _ in range(data.integers("Q")[0]):
        data.skip(4)  # the image's id
        values = data.take("7d")
        camera_id = data.integers("I")[0]
        images.append(ModelImage(data.name(), camera_id, _pose(values[:4], values[4:])))
        data.skip(24 * data.integers("Q")[0])  # x, y (double) and the id of the 3D point
    return images
