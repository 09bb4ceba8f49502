"""The landmarks that the scene-agnostic networks are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nmap_reloc.features.base import Extractor
    from nmap_reloc.mapping.landmarks import Landmarks


def training_landmarks(scenes: Sequence[Path], extractor: Extractor, work: Path
                       ) -> list[Landmarks]:
    """Of the map images of scenes (any source that `map build` takes), all of them mapped.

    work: where they are kept for the next run. NmapError: a scene can't be read or mapped.
    """
    from nmap_reloc.mapping.sources import open_source
    from nmap_reloc.mapping.triangulate import build_landmarks

    return [build_landmarks(open_source(scene), extractor,
                            work / f"{scene.resolve().name}-{extractor.name}", held_out=0)
            for scene in scenes]
