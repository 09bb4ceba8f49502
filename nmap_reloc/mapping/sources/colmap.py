"""A COLMAP model (text or binary) and the images it was made from."""

from __future__ import annotations

from pathlib import Path

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources.base import (
    FileImage,
    PosedImage,
    Source,
    Unit,
    check_unique,
    counted,
    fingerprint,
    finish,
    image_files,
)
from nmap_reloc.mapping.sources.colmap_model import (
    ModelImage,
    is_model,
    model_files,
    read_model,
)
from nmap_reloc.types import Camera

PLACES = (".", "sparse/0", "sparse", "colmap/sparse/0", "dense/sparse")


def detect(path: Path) -> bool:
    """Whether a model lies in the folder or where COLMAP puts it below."""
    return path.is_dir() and _model_folder(path) is not None


def open_colmap(path: Path, *, images: str | Path | None = None,
                unit: Unit = "arbitrary") -> Source:
    """A model folder or a project folder. images: the images' folder where it is elsewhere.

    unit: "metre" where the model is metric (a model does not say). NmapError: no model, no
    images, a damaged file, two images under one name.
    """
    model = _model_folder(path)
    if model is None:
        raise NmapError(f"{path}: no COLMAP model (cameras and images, .txt or .bin) in "
                        f"{', '.join(PLACES)}; name the model's folder")
    if unit not in ("metre", "arbitrary"):
        raise NmapError(f"unit {unit!r}: not known; use metre or arbitrary")
    cameras, listed = read_model(model)
    folder = _images_folder(model, images, listed)
    notes = []
    others = sorted(p.name for p in model.parent.iterdir() if p != model and is_model(p))
    if model.name.isdigit() and others:
        notes.append(f"{model} is one of several models ({', '.join(others)} too): name another's "
                     "folder to use it")
    unlisted = _unlisted(folder, listed)
    if unlisted:
        total = len(listed) + len(unlisted)
        notes.append(f"{counted(unlisted, 'image', total)} no pose in {model}: left out")
    made = posed_images(model, folder, cameras, listed, notes)
    used = fingerprint("colmap", {"unit": unit}, model_files(model),
                       [folder / image.name for image in made], folder)
    return finish(path, "colmap", made, unit=unit, warnings=notes, fingerprint=used)


def posed_images(model: Path, folder: Path, cameras: dict[int, Camera], listed: list[ModelImage],
                 notes: list[str]) -> list[PosedImage]:
    """The model's images that are files in the folder, sorted by name; notes what is missing."""
    check_unique([image.name for image in listed], model_files(model)[1])
    missing = [image.name for image in listed if not (folder / image.name).is_file()]
    if listed and len(missing) == len(listed):
        raise NmapError(f"{folder}: none of the model's {len(listed)} images, such as "
                        f"{missing[0]!r}, is here; give their folder with the option images")
    if missing:
        notes.append(f"{counted(missing, 'image', len(listed))} a pose but no file in {folder}: "
                     "left out")
    gone = set(missing)
    return [PosedImage(image.name, cameras[image.camera_id], image.map_from_camera,
                       FileImage(folder / image.name, cameras[image.camera_id]))
            for image in sorted(listed, key=lambda image: image.name) if image.name not in gone]


def _model_folder(path: Path) -> Path | None:
    """The folder itself or the first of the places below it that holds a model."""
    if path.is_file():
        path = path.parent
    return next((path / place for place in PLACES if is_model(path / place)), None)


def _images_folder(model: Path, given: str | Path | None, listed: list[ModelImage]) -> Path:
    """The folder given, else the nearest above the model where the first images lie."""
    if given is not None:
        folder = Path(given)
        if not folder.is_dir():
            raise NmapError(f"images {folder}: no such folder; give the folder of the images")
        return folder
    above = [model, *model.absolute().parents[:3]]
    candidates = [up / below for up in above for below in ("images", "rgb", ".")]
    for folder in candidates:
        if any((folder / image.name).is_file() for image in listed[:20]):
            return folder
    if not listed:
        raise NmapError(f"{model}: the model has no images; register images first")
    raise NmapError(f"{model}: no folder with its images, such as {listed[0].name!r}, beside it; "
                    "give it with the option images")


def _unlisted(folder: Path, listed: list[ModelImage]) -> list[str]:
    if folder.name != "images":  # a project's top holds other pictures too
        return []
    names = {image.name for image in listed}
    found = (path.relative_to(folder).as_posix() for path in image_files(folder))
    return [name for name in found if name not in names]
