"""What every source of images hands out, and the checks that all of them share."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nmap_reloc.camera import check_camera
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.mapping.sources.decode import SUFFIXES, UnreadableImageError, decode_file
from nmap_reloc.types import Camera, Image

Unit = Literal["metre", "arbitrary"]
Split = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class PosedImage:
    """An image, its intrinsics and (where known) its pose; read() decodes it.

    name: unique in its source. stamp: seconds, where the source has time.
    read: grey [H x W] or RGB [H x W x 3]; raises NmapError naming the file.
    """

    name: str
    camera: Camera
    map_from_camera: Rigid | None
    read: Callable[[], Image]
    stamp: float | None = None


@dataclass(frozen=True)
class Source:
    """Images of one place. split: {"map": names, "query": names} where the data defines one.

    warnings: one line each, for the person. fingerprint: changes when any input or option does.
    """

    path: Path
    kind: str
    images: tuple[PosedImage, ...]
    unit: Unit
    split: Split | None
    warnings: tuple[str, ...]
    fingerprint: str

    def named(self, part: str) -> tuple[PosedImage, ...]:
        """The images of one part of the split, "map" or "query"; all of them without a split."""
        if self.split is None:
            return self.images
        names = set(self.split[part])
        return tuple(image for image in self.images if image.name in names)


@dataclass(frozen=True)
class FileImage:
    """Reads one image file and refuses a size that its intrinsics are not for."""

    path: Path
    camera: Camera

    def __call__(self) -> Image:
        image = decode_file(self.path)
        check_camera(self.camera, image.shape, str(self.path))
        return image


def finish(path: Path, kind: str, images: Iterable[PosedImage], *, unit: Unit, fingerprint: str,
           split: Split | None = None, warnings: Sequence[str] = (), posed: bool = True) -> Source:
    """Checks what all kinds must keep and makes the Source.

    Images without a finite pose are left out with a warning (posed=False keeps them); names that
    the split has and the source has not likewise. NmapError: two images under one name, nothing
    left, intrinsics that do not fit.
    """
    found = tuple(images)
    notes = list(warnings)
    check_unique([image.name for image in found], path)
    kept = tuple(image for image in found if not posed or _finite(image.map_from_camera))
    if len(kept) < len(found):
        left = [i.name for i in found if not _finite(i.map_from_camera)]
        notes.append(f"{counted(left, 'image', len(found))} no finite pose: left out")
    if not kept:
        raise NmapError(f"{path}: none of {len(found)} images is usable"
                        f"{'; ' + notes[-1] if notes else ''}; check the folder and its poses")
    if split is not None:
        split = _known_names(split, {image.name for image in kept}, path, notes)
    _check_first(kept)
    return Source(path, kind, kept, unit, split, tuple(notes), fingerprint)


def check_unique(names: Sequence[str], path: Path) -> None:
    """NmapError naming the first name that occurs twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise NmapError(f"{path}: two images are named {twice[0]!r} ({len(twice)} such names); "
                        "rename or remove one of each")


def counted(names: Sequence[str], noun: str, total: int) -> str:
    """``3 of 10 images (a, b, ...) have``: how many, and the first few by name."""
    some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return (f"{len(names)} of {total} {noun}{'' if total == 1 else 's'} ({some}) "
            f"{'has' if len(names) == 1 else 'have'}")


def nearly_rigid(matrix: Any) -> Rigid | None:
    """A written-out 4 x 4 or 3 x 4 pose -> Rigid with an orthonormal rotation; None if it is none.

    Poses printed with few digits are off by 1e-3 or so; more than 1e-2 is not a rotation.
    """
    m = np.asarray(matrix, np.float64)
    if m.shape not in ((4, 4), (3, 4)) or not np.isfinite(m).all():
        return None
    u, singular, vt = np.linalg.svd(m[:3, :3])
    rotation = u @ vt
    if np.abs(singular - 1).max() > 1e-2 or np.linalg.det(rotation) < 0:
        return None
    return Rigid(rotation, m[:3, 3].copy())


def image_files(folder: Path, recursive: bool = True) -> list[Path]:
    """Image files by suffix, sorted by path; hidden ones are not counted."""
    found = folder.rglob("*") if recursive else folder.glob("*")
    return sorted(p for p in found if p.suffix.lower() in SUFFIXES and p.is_file()
                  and not any(part.startswith(".") for part in p.relative_to(folder).parts))


def fingerprint(kind: str, options: dict[str, Any], texts: Iterable[Path],
                large: Iterable[Path], root: Path) -> str:
    """SHA-256 (hex) over options, contents of small text files, size and mtime of the rest."""
    digest = hashlib.sha256(json.dumps([kind, options], sort_keys=True, default=repr).encode())
    for path in texts:
        digest.update(f"\n{_name(path, root)} ".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for path in large:
        if path.is_file():
            state = path.stat()
            digest.update(f"\n{_name(path, root)} {state.st_size} {state.st_mtime_ns}".encode())
    return digest.hexdigest()


def read_text(path: Path) -> str:
    """The text of a small file. NmapError: missing, unreadable or not text."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NmapError(f"{path}: can't be read ({error.strerror}); restore the file") from None
    except UnicodeDecodeError:
        raise NmapError(f"{path}: not a text file; restore the file") from None


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _finite(pose: Rigid | None) -> bool:
    return pose is not None and bool(np.isfinite(pose.rotation).all()
                                     and np.isfinite(pose.translation).all())


def _known_names(split: Split, known: set[str], path: Path, notes: list[str]) -> Split:
    missing = [name for names in split.values() for name in names if name not in known]
    if missing:
        total = sum(len(names) for names in split.values())
        notes.append(f"{counted(missing, 'name', total)} no posed image though the split lists "
                     "them: left out")
    kept = {part: tuple(n for n in names if n in known) for part, names in split.items()}
    if split.get("map") and not kept["map"]:
        raise NmapError(f"{path}: none of the {len(split['map'])} names of the split's map, such "
                        f"as {split['map'][0]!r}, is an image with a pose; correct the split")
    return kept


def _check_first(images: Sequence[PosedImage], cameras: int = 8, tries: int = 3) -> None:
    """Wrong intrinsics concern every image: say so at once, not after an hour's work."""
    first: dict[Camera, list[PosedImage]] = {}
    for image in images:
        first.setdefault(image.camera, []).append(image)
    for camera, some in list(first.items())[:cameras]:
        check_camera(camera, None, f"camera of {some[0].name}")
        for image in some[:tries]:
            try:
                image.read()
                break
            except UnreadableImageError:
                continue  # one among many: whoever reads it counts it
