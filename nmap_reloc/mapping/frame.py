"""Are new images' poses in a map's frame? The map itself is asked before it is changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, angle_degrees
from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.mapping.extract import Shot
from nmap_reloc.maps.held_out import Limits
from nmap_reloc.maps.store import Site
from nmap_reloc.representations.base import Decoder

ASKED = 12  # images that are localized
AGREE = 3  # of them must be off by the same transform: a place that has changed gives any pose
FARTHER = 4.0  # times the limits of a view that counts as found

Pair = tuple[str, Rigid, Rigid]  # name, pose by the map, given pose


def check_frame(site: Site, shots: Sequence[Shot], decoder: Decoder) -> None:
    """NmapError where the map finds the shots elsewhere than they say, all by one transform."""
    manifest = site.manifest
    localizer = Localizer(manifest, [site.tile(entry.id) for entry in manifest.tiles], None,
                          decoder, LocalizerOptions())
    found: list[Pair] = []
    for i in np.unique(np.linspace(0, len(shots) - 1, ASKED).astype(int)):
        shot = shots[i]
        answer = localizer.localize_features(shot.features, shot.camera)
        if answer.accepted and answer.map_from_camera and shot.map_from_camera:
            found.append((shot.name, answer.map_from_camera, shot.map_from_camera))
    reach = max(float(np.linalg.norm(np.subtract(t.high, t.low))) for t in manifest.tiles)
    usual = Limits.usual(manifest.unit, reach)
    limits = Limits(FARTHER * usual.translation, FARTHER * usual.rotation)
    if sum(_same(pose, given, limits) for _, pose, given in found) * 2 >= len(found):
        return
    for name, pose, given in found:
        given_from_map = given @ pose.inverse()
        votes = sum(_same(given_from_map @ other, theirs, limits) for _, other, theirs in found)
        if not _same(pose, given, limits) and votes >= AGREE and 2 * votes > len(found):
            away = np.linalg.norm(pose.translation - given.translation)
            raise NmapError(
                f"{name}: its pose is {away:.3g} map units and {angle_degrees(pose, given):.3g} "
                f"degrees from where map {manifest.site_id} sees it, and {votes} of "
                f"{len(found)} images agree; give poses in the map's frame {manifest.frame!r}")


def _same(a: Rigid, b: Rigid, limits: Limits) -> bool:
    return bool(np.linalg.norm(a.translation - b.translation) <= limits.translation
                and angle_degrees(a, b) <= limits.rotation)
