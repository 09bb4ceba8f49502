"""Sources of images: open_source() finds out what a path is, or is told."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources.base import PosedImage, Source

__all__ = ["KINDS", "Kind", "PosedImage", "Source", "open_source"]


@dataclass(frozen=True)
class Kind:
    """A kind of source. Its module ``<name>.py`` has detect(path) and open_<name>(path, ...);
    it is imported only when asked for."""

    name: str
    looks_for: str

    def detect(self, path: Path) -> bool:
        return bool(self._module().detect(path))

    def opener(self) -> Callable[..., Source]:
        opener: Callable[..., Source] = getattr(self._module(), f"open_{self.name}")
        return opener

    def _module(self) -> Any:
        return importlib.import_module(f"{__name__}.{self.name}")


# In this order: what is more particular comes first, photographs are everywhere.
KINDS = {kind.name: kind for kind in (
    Kind("bag", "a ROS 2 bag: metadata.yaml, *.mcap or *.db3"),
    Kind("scene", "a scene: images/ with split.json or scene.json"),
    Kind("sevenscenes", "7-Scenes: seq-*/ with frame-*.pose.txt"),
    Kind("tum", "TUM: rgb.txt with groundtruth.txt"),
    Kind("colmap", "a COLMAP model: cameras and images, .txt or .bin, also in sparse/"),
    Kind("photos", "photographs: image files"),
)}


def open_source(path: str | Path, kind: str | None = None, **options: Any) -> Source:
    """The images, cameras and poses at a path, as a kind named or found out.

    options: those of open_<kind>. NmapError: nothing there, nothing that fits (says what was
    looked for), an option that the kind does not have, and what the kind itself refuses.
    """
    path = Path(path)
    if kind is not None and kind not in KINDS:
        raise NmapError(f"kind {kind!r}: not known; use one of {', '.join(KINDS)}")
    if not path.exists():
        raise NmapError(f"{path}: no such file or folder; name a source of images")
    found = KINDS[kind] if kind else next((k for k in KINDS.values() if k.detect(path)), None)
    if found is None:
        raise NmapError(f"{path}: no source of images; looked for "
                        f"{'; '.join(k.looks_for for k in KINDS.values())}")
    opener = found.opener()
    known = list(inspect.signature(opener).parameters)[1:]
    for name in options:
        if name not in known:
            raise NmapError(f"option {name}={options[name]!r}: a source of kind {found.name} has "
                            f"none of that name; use {', '.join(known)}")
    return opener(path, **options)
