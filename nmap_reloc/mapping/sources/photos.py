"""A folder of photographs without poses; structure from motion places them later."""

from __future__ import annotations

from pathlib import Path

from nmap_reloc.camera import check_camera, from_pycolmap
from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources.base import (
    FileImage,
    PosedImage,
    Source,
    counted,
    fingerprint,
    finish,
    image_files,
)
from nmap_reloc.mapping.sources.calibration import GivenCamera, given_camera
from nmap_reloc.progress import track
from nmap_reloc.types import Camera


def detect(path: Path) -> bool:
    """Whether there is an image anywhere below the folder."""
    return path.is_dir() and bool(image_files(path))


def open_photos(path: Path, *, camera: GivenCamera = None) -> Source:
    """All images below the folder, without poses; unit "arbitrary".

    camera: for all of them; else each one's is guessed as SIMPLE_RADIAL from the focal length in
    EXIF, or 1.2 times the longer side. NmapError: no folder, no readable image.
    """
    if not path.is_dir():
        raise NmapError(f"{path}: no such folder; name a folder of photographs")
    files = image_files(path)
    given = given_camera(camera)
    images, damaged = [], []
    for file in track(files, "reading photographs"):
        intrinsics = given or _guess(file)
        name = file.relative_to(path).as_posix()
        if intrinsics is None:
            damaged.append(name)
        else:
            images.append(PosedImage(name, intrinsics, None, FileImage(file, intrinsics)))
    if not images:
        raise NmapError(f"{path}: no readable image among {len(files)}; name a folder of "
                        "photographs")
    notes = [f"{counted(damaged, 'image', len(files))} no readable header: left out"
             ] if damaged else []
    return finish(path, "photos", images, unit="arbitrary", warnings=notes, posed=False,
                  fingerprint=fingerprint("photos", {"camera": given}, (), files, path))


def _guess(file: Path) -> Camera | None:
    import pycolmap

    try:
        camera = from_pycolmap(pycolmap.infer_camera_from_image(file))
        check_camera(camera, None, str(file))
    except (ValueError, RuntimeError, NmapError):
        return None
    return camera
