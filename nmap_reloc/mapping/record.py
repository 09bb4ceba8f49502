"""What a build leaves beside its stage files, so that its map can be updated later."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.build import BuildOptions, fingerprint_of
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.makers import Order
from nmap_reloc.mapping.partition import ground_axes
from nmap_reloc.mapping.stage_file import read_stage, write_stage
from nmap_reloc.maps.store import Site
from nmap_reloc.representations import UNCOMPRESSED

KIND = "build"


@dataclass(frozen=True)
class BuildRecord:
    """One version of a map. input: as in its manifest; landmarks: their file's name in the work
    folder; keypoints, tile, polish: as the build was told; axes: along which tiles lie, which
    must not follow where later cameras travel; sources: fingerprints of what it was built from
    and of what was added since."""

    input: str
    landmarks: str
    keypoints: int
    tile: float | None
    polish: int
    axes: tuple[int, int]
    sources: tuple[str, ...]

    @staticmethod
    def made_by(landmarks: Landmarks, options: BuildOptions, file: str, keypoints: int,
                source: str) -> BuildRecord:
        """file: of the landmarks, in the work folder; source: fingerprint of their images."""
        order = Order(landmarks, tile=options.tile)
        whole = options.representation == UNCOMPRESSED  # one tile, wherever the cameras went
        return BuildRecord(fingerprint_of(landmarks, options), file, keypoints,
                           None if whole else order.tile_side(), options.polish,
                           ground_axes(landmarks), (source,))

    def save(self, work: Path) -> None:
        """One file per version: a kill between this and the map's own save loses neither.
        Raises NmapError."""
        write_stage(_file(work, self.input), {}, {"kind": KIND, **asdict(self)})

    @staticmethod
    def of(site: Site, work: Path) -> BuildRecord:
        """NmapError: the work folder is gone, or holds the build of another map or version."""
        made = str(site.manifest.built.get("input", ""))
        stored = read_stage(_file(work, made))
        if stored is None:
            there = "does not hold the build of this map" if work.is_dir() else "no such folder"
            raise NmapError(
                f"{work}: {there} (site {site.manifest.site_id}, version "
                f"{site.manifest.map_version}); an update needs the stage files that `nmap-reloc "
                "map build` left there: name their folder with --work, or build the map anew "
                "from all images")
        found = _parsed(stored[1])
        if found is None or not (work / found.landmarks).is_file():
            raise NmapError(f"{work / (found.landmarks if found else _file(work, made).name)}: "
                            "missing or damaged, and an update needs it; build the map anew from "
                            "all images")
        return found

    def followed_by(self, made: str, landmarks: str, source: str) -> BuildRecord:
        return replace(self, input=made, landmarks=landmarks, sources=(*self.sources, source))


def work_folder(site: Path) -> Path:
    """Where a map's stage files lie unless told otherwise."""
    return site.with_name(f"{site.name}.work")


def forget(work: Path, record: BuildRecord) -> None:
    """Removes what a newer version has replaced."""
    for file in (_file(work, record.input), work / record.landmarks):
        with suppress(OSError):
            file.unlink()


def _file(work: Path, made: str) -> Path:
    return work / f"build-{made or 'unknown'}.safetensors"


def _parsed(header: Any) -> BuildRecord | None:
    try:
        fields = dict(header)
        if fields.pop("kind") != KIND:
            return None
        return BuildRecord(**{**fields, "axes": tuple(fields["axes"]),
                              "sources": tuple(fields["sources"])})
    except (TypeError, KeyError, ValueError):
        return None
