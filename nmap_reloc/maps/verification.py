"""Is this map whole, and does it still localize as it did when it was built?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import angle_degrees
from nmap_reloc.maps.held_out import HeldOut, Limits, decode_held_out
from nmap_reloc.maps.store import Site
from nmap_reloc.types import Camera, Estimate, Features

ALLOWED_LOSS = 0.05  # of recall, since the build
# Of the build's limits: with another processor or solver a pose ends a little elsewhere, and a
# view that was just within them must not make a whole map a bad one.
LENIENCE = 1.1


class Relocalizer(Protocol):
    """The part of Localizer that verification needs."""

    def localize_features(self, features: Features, camera: Camera) -> Estimate: ...


@dataclass(frozen=True)
class FileCheck:
    """A tile, or the held-out views: problem is None where it is whole."""

    id: str
    file: str
    bytes: int
    problem: str | None


@dataclass(frozen=True)
class ViewCheck:
    """A held-out view: errors in map units and degrees, infinite where it was refused."""

    name: str
    translation: float
    rotation: float
    found: bool
    refusal: str | None


@dataclass(frozen=True)
class VerifyReport:
    """recall, recorded: 0..1, None where not measured. problems: empty when the map is good."""

    files: tuple[FileCheck, ...]
    views: tuple[ViewCheck, ...]
    limits: Limits | None
    recall: float | None
    recorded: float | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def verify_site(path: Path, localizer: Relocalizer | None = None, *, relocalize: bool = True,
                weights: Path | None = None,
                progress: Callable[[Iterable[HeldOut]], Iterable[HeldOut]] | None = None
                ) -> VerifyReport:
    """Check every file of the site and, if all are whole, localize its held-out views again.

    localizer: opened on this site; None opens it once the files are known to be whole. weights:
    folder of the decoder's networks, None: the shipped ones. relocalize=False: files only. Not ok
    when a file is damaged or when recall is more than 5 points below what the build recorded,
    though errors may be a tenth larger than there.
    NmapError: no map there, or not for these weights.
    """
    site = Site.open(path)
    files, held_out, limits = check_files(site)
    problems = [check.problem for check in files if check.problem is not None]
    recorded = site.manifest.built.get("recall")
    recorded = float(recorded) if isinstance(recorded, (int, float)) else None
    views: tuple[ViewCheck, ...] = ()
    if relocalize and not problems and limits is not None:
        localizer, limits = localizer or _open(path, weights), limits.times(LENIENCE)
        views = relocalize_views(progress(held_out) if progress else held_out, localizer, limits)
    recall = recall_of(views)
    # A thousandth of slack: what is recorded is rounded.
    if recall is not None and recorded is not None and recall < recorded - ALLOWED_LOSS - 1e-3:
        problems.append(f"{site.path}: recall of held-out views {recall:.1%}, at build it was "
                        f"{recorded:.1%}; rebuild the map with `nmap-reloc map build`")
    return VerifyReport(files, views, limits, recall, recorded, tuple(problems))


def check_files(site: Site) -> tuple[tuple[FileCheck, ...], tuple[HeldOut, ...], Limits | None]:
    """(checks, held-out views, their limits): all is read, nothing is raised for a bad file."""
    checks = [FileCheck(entry.id, entry.file, entry.bytes, _problem(site, entry.id))
              for entry in site.manifest.tiles]
    entry = site.manifest.verification
    if entry is None:
        return tuple(checks), (), None
    held_out: tuple[HeldOut, ...] = ()
    limits, problem = None, None
    try:
        held_out, limits = decode_held_out(site.read(entry), str(site.path / entry.file))
    except NmapError as error:
        problem = str(error)
    checks.append(FileCheck("held-out views", entry.file, entry.bytes, problem))
    return tuple(checks), held_out, limits


def relocalize_views(views: Iterable[HeldOut], localizer: Relocalizer, limits: Limits
                     ) -> tuple[ViewCheck, ...]:
    """Localize each from its stored features. The build records recall by this very function."""
    return tuple(_relocalize(view, localizer, limits) for view in views)


def recall_of(checks: Iterable[ViewCheck]) -> float | None:
    """Share of views found, None where there are none."""
    found = [check.found for check in checks]
    return float(np.mean(found)) if found else None


def _relocalize(view: HeldOut, localizer: Relocalizer, limits: Limits) -> ViewCheck:
    estimate = localizer.localize_features(view.features, view.camera)
    if estimate.refusal is not None or estimate.map_from_camera is None:
        refusal = estimate.refusal
        why = f"{refusal.stage}: {refusal.reason}" if refusal else "no pose"
        return ViewCheck(view.name, float("inf"), float("inf"), False, why)
    pose = estimate.map_from_camera
    translation = float(np.linalg.norm(pose.translation - view.map_from_camera.translation))
    rotation = angle_degrees(pose, view.map_from_camera)
    found = translation <= limits.translation and rotation <= limits.rotation
    return ViewCheck(view.name, translation, rotation, found, None)


def _problem(site: Site, tile_id: str) -> str | None:
    try:
        site.tile(tile_id)
    except NmapError as error:
        return str(error)
    return None


def _open(path: Path, weights: Path | None) -> Relocalizer:
    from nmap_reloc.localizer import Localizer  # it imports this room

    localizer: Relocalizer = Localizer.open(path, weights=weights)
    return localizer
