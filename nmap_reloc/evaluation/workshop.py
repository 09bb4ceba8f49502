"""Makes the maps that a bench measures, and keeps the landmarks for the next run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nmap_reloc.evaluation.evaluate import Localizes
from nmap_reloc.evaluation.options import Kind
from nmap_reloc.features import open_extractor
from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.mapping.build import BuildOptions, build_site
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.selection import Selection
from nmap_reloc.mapping.sources import Source
from nmap_reloc.mapping.triangulate import build_landmarks
from nmap_reloc.maps.store import Site


@dataclass(frozen=True)
class Workshop:
    """work: folder of stage files and sites, per scene. keypoints: of a view and of a query."""

    work: Path
    keypoints: int = 1024
    backend: str = "auto"

    def landmarks(self, scene: str, source: Source, features: str, keypoints: int) -> Landmarks:
        """Triangulated from the map images; at once where an earlier run did it."""
        extractor = open_extractor(features, keypoints=keypoints, backend=self.backend)
        return build_landmarks(source, extractor, self.work / scene / f"{features}-{keypoints}")

    def site(self, scene: str, landmarks: Landmarks, kind: Kind, budget: int | None,
             decoder: Path | None) -> Path:
        """Build the map; replaces one of an earlier run. Returns its folder."""
        name = "-".join(str(part) for part in (
            kind.representation, kind.features, budget or "all",
            kind.selection.label.replace(" ", "") if kind.selection else "",
            decoder.stem if decoder else "") if part)
        site = self.work / scene / "sites" / name
        build_site(landmarks, site, kind.representation, budget, BuildOptions(
            weights=decoder, selection=kind.selection or Selection()))
        return site

    def open(self, site: Path, decoder: Path | None) -> Localizes:
        options = LocalizerOptions(keypoints=self.keypoints)
        return Localizer.open(site, self.backend, options, decoder)

    def bytes_by_part(self, site: Path) -> dict[str, int]:
        return Site.open(site).bytes_by_part()
