"""A scene folder: images/, sparse/ (a COLMAP model), split.json and scene.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources.base import (
    Source,
    Split,
    Unit,
    check_unique,
    fingerprint,
    finish,
    read_text,
)
from nmap_reloc.mapping.sources.colmap import posed_images
from nmap_reloc.mapping.sources.colmap_model import is_model, model_files, read_model


def detect(path: Path) -> bool:
    """Whether the folder has images/ and a split.json or scene.json."""
    return (path / "images").is_dir() and any(
        (path / name).is_file() for name in ("split.json", "scene.json"))


def open_scene(path: Path, *, model: str = "sparse", unit: Unit | None = None) -> Source:
    """model: the folder of the poses. unit: instead of what scene.json says.

    Only the images of the split are taken where there is one. NmapError: a part is missing or
    damaged, a unit that is neither metre nor arbitrary.
    """
    folder, poses = path / "images", path / model
    if not folder.is_dir():
        raise NmapError(f"{folder}: no such folder; a scene keeps its images there")
    if not is_model(poses):
        raise NmapError(f"{poses}: no COLMAP model (cameras and images, .txt or .bin); name the "
                        "poses' folder with the option model")
    texts = [file for file in (path / "split.json", path / "scene.json") if file.is_file()]
    split = _split(path / "split.json") if path / "split.json" in texts else None
    notes: list[str] = []
    cameras, listed = read_model(poses)
    if split is not None:
        wanted = {name for names in split.values() for name in names}
        listed = [image for image in listed if image.name in wanted]
        if not listed:
            raise NmapError(f"{path / 'split.json'}: none of its {len(wanted)} names has a pose "
                            f"in {poses}; correct the split")
    made = posed_images(poses, folder, cameras, listed, notes)
    said = unit or _unit(path / "scene.json", path / "scene.json" in texts)
    used = fingerprint("scene", {"unit": said, "model": model}, [*model_files(poses), *texts],
                       [folder / image.name for image in made], path)
    return finish(path, "scene", made, unit=said, split=split, warnings=notes, fingerprint=used)


def _split(path: Path) -> Split:
    """{"map": names, "query": names}. NmapError: other keys, no names, a name twice."""
    given = _json(path)
    if not isinstance(given, dict) or set(given) != {"map", "query"}:
        keys = sorted(given) if isinstance(given, dict) else type(given).__name__
        raise NmapError(f"{path} {keys}: not a split; write "
                        '{"map": [names], "query": [names]}')
    for part, names in given.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise NmapError(f"{path} {part!r}: not a list of names; write the images' names")
        check_unique(names, path)
    if not given["map"]:
        raise NmapError(f"{path} 'map': no names; list the images to build the map from")
    both = sorted(set(given["map"]) & set(given["query"]))
    if both:
        raise NmapError(f"{path} {both[0]!r}: in map and in query ({len(both)} such names); list "
                        "each image once")
    return {part: tuple(given[part]) for part in ("map", "query")}


def _unit(path: Path, exists: bool) -> Unit:
    if not exists:
        return "arbitrary"
    given = _json(path)
    unit = given.get("unit") if isinstance(given, dict) else None
    if unit == "metre":
        return "metre"
    if unit == "arbitrary":
        return "arbitrary"
    raise NmapError(f"{path} unit {unit!r}: not known; write \"metre\" or \"arbitrary\"")


def _json(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise NmapError(f"{path}: not JSON ({error}); correct the file") from None
