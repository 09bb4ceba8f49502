"""Where the node is measured: a scene with a map, its own or a small simulated one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.mapping.sources.base import PosedImage
from nmap_reloc.maps.manifest import Manifest
from nmap_reloc.maps.store import Site

SIZE = (640, 480)
TILE, BUDGET = 3.0, 120_000  # metres and bytes: several tiles of a usual weight in one room
MOST_VIEWS = 24  # kept in memory, decoded


@dataclass(frozen=True)
class Place:
    """site: folder of the map; views: posed images that the map was not built from."""

    name: str
    site: Path
    manifest: Manifest
    views: tuple[PosedImage, ...]

    def subset(self, views: Sequence[PosedImage]) -> tuple[str, ...]:
        """Ids of all tiles but the one farthest from these views, which they need least."""
        centres = np.array([view.map_from_camera.translation for view in views
                            if view.map_from_camera is not None])
        middle = np.median(centres, axis=0)
        far = max(self.manifest.tiles, key=lambda entry: float(np.linalg.norm(
            (np.asarray(entry.low) + entry.high) / 2 - middle)))
        return tuple(entry.id for entry in self.manifest.tiles if entry.id != far.id)


def find(site: Path | None, scene: Path | None, work: Path, keypoints: int) -> Place:
    """A map and the scene whose query images are shown to it; without them a simulated room."""
    if (site is None) != (scene is None):
        raise NmapError("--site and --scene: only one of them is given; give both or none")
    work.mkdir(parents=True, exist_ok=True)
    if site is not None and scene is not None:
        return _place(scene.name, site, open_source(scene).named("query"))
    return _simulated(work / str(keypoints), keypoints)


def _simulated(folder: Path, keypoints: int) -> Place:
    """A room and its map by the shipped networks; what an earlier run left there is used."""
    from nmap_reloc.features import open_extractor
    from nmap_reloc.mapping.build import BuildOptions, build_site, unchanged
    from nmap_reloc.mapping.triangulate import build_landmarks
    from nmap_reloc.simulation.dataset import simulate

    source = open_source(simulate(folder / "scene", seed=3, map_views=30, query_views=10,
                                  size=SIZE, extent=1))
    landmarks = build_landmarks(source, open_extractor("learned", keypoints), folder / "work")
    options = BuildOptions(tile=TILE, budget=BUDGET)
    if unchanged(folder / "site", landmarks, options) is None:
        build_site(landmarks, folder / "site", budget=BUDGET, options=options)
    return _place("a simulated room", folder / "site", source.named("query"))


def _place(name: str, site: Path, views: Sequence[PosedImage]) -> Place:
    manifest = Site.open(site).manifest
    if len(manifest.tiles) < 2:
        raise NmapError(f"{site}: {len(manifest.tiles)} tile; to swap tiles build the map of at "
                        "least two, with a smaller --tile")
    posed = [view for view in views if view.map_from_camera is not None]
    if not posed:
        raise NmapError(f"{name}: none of {len(views)} query images has a pose; give a scene that "
                        "has")
    return Place(name, site, manifest, tuple(posed[:MOST_VIEWS]))
