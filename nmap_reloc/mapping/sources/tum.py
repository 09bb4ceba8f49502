"""TUM RGB-D: rgb.txt (stamp file) and groundtruth.txt (stamp tx ty tz qx qy qz qw)."""

from __future__ import annotations

from pathlib import Path

from nmap_reloc.camera import from_camera_info
from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources.base import (
    FileImage,
    PosedImage,
    Source,
    counted,
    fingerprint,
    finish,
    read_text,
)
from nmap_reloc.mapping.sources.calibration import GivenCamera, given_camera, read_camera
from nmap_reloc.mapping.sources.trajectory import keyframes, read_tum
from nmap_reloc.types import Camera

# (fx, fy, cx, cy) and plumb_bob coefficients from the data set's page; pixel centres as in ROS.
PUBLISHED = {
    "freiburg1": ((517.3, 516.5, 318.6, 255.3), (0.2624, -0.9531, -0.0054, 0.0026, 1.1633)),
    "freiburg2": ((520.9, 521.0, 325.1, 249.7), (0.2312, -0.7849, -0.0033, -0.0001, 0.9172)),
    "freiburg3": ((535.4, 539.2, 320.1, 247.6), ()),
}
CALIBRATION_FILES = ("camera.yaml", "calibration.yaml", "camera.txt", "calibration.txt")


def detect(path: Path) -> bool:
    """Whether the folder has an rgb.txt."""
    return (path / "rgb.txt").is_file()


def open_tum(path: Path, *, camera: GivenCamera = None, trajectory: str | Path | None = None,
             max_gap: float = 0.1, tolerance: float = 0.02, every: int = 1,
             min_translation: float = 0.0, min_rotation_deg: float = 0.0) -> Source:
    """camera: else a calibration file in the folder, else the published one by folder name.

    trajectory: instead of groundtruth.txt. Poses are interpolated between two at most max_gap
    seconds apart, else the nearest within tolerance seconds; the rest: see keyframes.
    """
    truth = Path(trajectory) if trajectory is not None else path / "groundtruth.txt"
    poses = read_tum(truth)
    intrinsics, calibration = _camera(path, camera)
    images, missing = [], []
    for stamp, name in _listed(path / "rgb.txt"):
        if not (path / name).is_file():
            missing.append(name)
            continue
        images.append(PosedImage(name, intrinsics, poses.at(stamp, max_gap, tolerance),
                                 FileImage(path / name, intrinsics), stamp))
    notes = []
    if poses.invalid:
        notes.append(f"{truth}: {poses.invalid} poses are not finite: left out")
    if missing:
        notes.append(f"{counted(missing, 'image', len(images) + len(missing))} no file though "
                     "rgb.txt lists them: left out")
    posed = sum(image.map_from_camera is not None for image in images)
    if images and not posed:
        raise NmapError(f"{truth}: no pose within {tolerance} s of an image (the first is at "
                        f"{images[0].stamp}); give the matching trajectory")
    options = {"camera": intrinsics, "max_gap": max_gap, "tolerance": tolerance, "every": every,
               "min_translation": min_translation, "min_rotation_deg": min_rotation_deg}
    used = fingerprint("tum", options, [path / "rgb.txt", truth, *calibration],
                       [path / image.name for image in images], path)
    chosen = keyframes(images, every, min_translation, min_rotation_deg)
    return finish(path, "tum", chosen, unit="metre", warnings=notes, fingerprint=used)


def _listed(path: Path) -> list[tuple[float, str]]:
    """(stamp, file name) in order of time. NmapError names the line."""
    found = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        fields = line.split(maxsplit=1)
        if not fields or fields[0].startswith("#"):
            continue
        try:
            found.append((float(fields[0]), fields[1].strip()))
        except (ValueError, IndexError):
            raise NmapError(f"{path} line {number} {line[:60]!r}: not 'stamp file'; correct the "
                            "line") from None
    return sorted(found)


def _camera(path: Path, given: GivenCamera) -> tuple[Camera, list[Path]]:
    """The camera and the file it was read from, if any."""
    camera = given_camera(given)
    if camera is not None:
        return camera, []
    for name in CALIBRATION_FILES:
        if (path / name).is_file():
            return read_camera(path / name), [path / name]
    for name, ((fx, fy, cx, cy), D) in PUBLISHED.items():
        if name in path.absolute().name:
            return from_camera_info("plumb_bob", D, (fx, 0, cx, 0, fy, cy, 0, 0, 1), 640, 480,
                                    name), []
    raise NmapError(f"{path}: no camera calibration ({', '.join(CALIBRATION_FILES)}); write one "
                    "or give it with the option camera")
