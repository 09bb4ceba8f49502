"""Landmarks in, a finished site out: encoded, cut to the budget, checked and saved whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from nmap_reloc import __version__
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import span_of
from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.makers import Order, open_maker
from nmap_reloc.mapping.partition import Piece
from nmap_reloc.maps.held_out import Limits, decode_held_out, encode_held_out
from nmap_reloc.maps.manifest import Manifest, tile_entry, verification_entry
from nmap_reloc.maps.store import Site, next_version, save_site
from nmap_reloc.maps.tile import Tile, encode_tile
from nmap_reloc.maps.verification import check_files, recall_of, relocalize_views
from nmap_reloc.representations import network_name, open_decoder
from nmap_reloc.representations.base import Decoder
from nmap_reloc.weights import content_hash

SELF_CHECK = 80  # bytes of the manifest for the recall that is measured when all else is done


@dataclass(frozen=True)
class BuildOptions:
    """budget: bytes of the finished site, retrieval included; None: a hundredth of all
    observations. tile: side in map units, None: 20 m, one tile where the unit is arbitrary.
    polish: gradient steps that adapt the codes to the scene. weights: folder of the networks,
    None: the shipped ones."""

    representation: str = "neumap"
    budget: int | None = None
    tile: float | None = None
    frame: str = "map"
    site_id: str | None = None
    polish: int = 0
    weights: Path | None = None


def build_site(landmarks: Landmarks, site: Path, representation: str = "neumap",
               budget: int | None = None, options: BuildOptions | None = None) -> Site:
    """Saves the map at `site`; what was there before stays until the new one is whole.

    NmapError: the budget can't be met (the smallest that can is named), the disk is full, ...
    """
    options = replace(options or BuildOptions(), representation=representation, budget=budget)
    network = network_name(representation, landmarks.features)
    decoder = open_decoder(representation, landmarks.features, weights=options.weights)
    name = options.site_id or _site_id(site)
    blank = Manifest(
        name, next_version(site), options.frame, landmarks.unit, representation,
        landmarks.features, landmarks.extractor_hash,
        "" if network is None else content_hash(network, options.weights),
        {"version": __version__, "views": len(landmarks.views), "landmarks": len(landmarks),
         "input": fingerprint_of(landmarks, options)}, ())
    centres = [v.map_from_camera.translation for v in (*landmarks.views, *landmarks.held_out)]
    limits = Limits.usual(landmarks.unit, span_of(centres))
    checks = encode_held_out(landmarks.held_out, limits) if landmarks.held_out else None
    if checks is not None:
        blank = replace(blank, verification=verification_entry(checks))

    maker = open_maker(representation, Order(landmarks, budget, options.weights, options.tile,
                                             options.polish))
    pieces = maker.make(lambda tried: _bytes(*_encode(tried, blank)))
    manifest, encoded = _encode(pieces, blank)
    if checks is not None:
        manifest = checked(manifest, [piece.tile for piece in pieces], checks, decoder,
                           str(site))
    return save_site(site, manifest, encoded, checks)


def unchanged(site: Path, landmarks: Landmarks, options: BuildOptions) -> Site | None:
    """The map at `site` if these landmarks and options made it, else None."""
    try:
        found = Site.open(site)
    except NmapError:
        return None
    same = found.manifest.built.get("input") == fingerprint_of(landmarks, options)
    return found if same and not any(check.problem for check in check_files(found)[0]) else None


def fingerprint_of(landmarks: Landmarks, options: BuildOptions) -> str:
    """16 hexadecimal digits of all that decides what the map will be."""
    network = network_name(options.representation, landmarks.features)
    decoder = "" if network is None else content_hash(network, options.weights)
    settings = replace(options, weights=None)  # where they lie does not matter
    digest = sha256(f"{__version__} {decoder} {landmarks.extractor_hash} {settings}".encode())
    for array in (landmarks.positions, landmarks.track_lengths, landmarks.mean_descriptors()):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _encode(pieces: Sequence[Piece], blank: Manifest) -> tuple[Manifest, list[bytes]]:
    """The manifest with its tiles' entries, and the tiles' bytes."""
    encoded = [encode_tile(piece.tile) for piece in pieces]
    entries = tuple(tile_entry(piece.tile, data, piece.points, piece.neighbours)
                    for piece, data in zip(pieces, encoded, strict=True))
    return replace(blank, tiles=entries), encoded


def _bytes(manifest: Manifest, encoded: Sequence[bytes]) -> int:
    """What the site will weigh once its manifest has the recall."""
    return len(manifest.to_bytes()) + SELF_CHECK + sum(map(len, encoded))


def checked(manifest: Manifest, tiles: Sequence[Tile], checks: bytes, decoder: Decoder,
            name: str) -> Manifest:
    """The manifest with the recall of the held-out views against the tiles as stored."""
    views, limits = decode_held_out(checks, name)
    localizer = Localizer(manifest, tiles, None, decoder, LocalizerOptions())
    results = relocalize_views(views, localizer, limits)
    recall = recall_of(results)
    finite = [r.translation for r in results if np.isfinite(r.translation)]
    turned = [r.rotation for r in results if np.isfinite(r.rotation)]
    built: dict[str, Any] = {**manifest.built, "recall": None if recall is None
                             else round(recall, 4)}
    if finite:
        built["median_error"] = [float(f"{np.median(finite):.3g}"),
                                 float(f"{np.median(turned):.3g}")]
    return replace(manifest, built=built)


def _site_id(site: Path) -> str:
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in site.resolve().name)
    return kept.strip("._-")[:60] or "site"

