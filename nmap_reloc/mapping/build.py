"""Landmarks in, a finished site out: encoded, cut to the budget, checked and saved whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from nmap_reloc import __version__
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import span_of
from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.makers import Order, open_maker
from nmap_reloc.mapping.partition import Piece
from nmap_reloc.mapping.selection import Choice, Selection
from nmap_reloc.maps.held_out import Limits, decode_held_out, encode_held_out
from nmap_reloc.maps.manifest import Manifest, tile_entry, verification_entry
from nmap_reloc.maps.store import Site, next_version, save_site
from nmap_reloc.maps.tile import Json, Tile, encode_tile
from nmap_reloc.maps.verification import check_files, recall_of, relocalize_views
from nmap_reloc.representations import available, network_name, open_decoder
from nmap_reloc.representations.base import Decoder
from nmap_reloc.weights import content_hash

AUTO = "auto"  # the representation by which held-out views are found best
SELF_CHECK = 80  # bytes of the manifest for the recall that is measured when all else is done


@dataclass(frozen=True)
class BuildOptions:
    """budget: bytes of the finished site, retrieval included; None: a hundredth of all
    observations. tile: side in map units, None: 20 m, one tile where the unit is arbitrary.
    polish: gradient steps that adapt the codes. selection: of a squeezer map, or of one of
    views. weights: folder of the networks, None: the shipped ones."""

    representation: str = "neumap"
    budget: int | None = None
    tile: float | None = None
    frame: str = "map"
    site_id: str | None = None
    polish: int = 0
    weights: Path | None = None
    selection: Choice = Selection()


@dataclass(frozen=True)
class Made:
    """A site that is not saved yet: manifest, encoded tiles, held-out views; recall 0..1 and
    median_error (map units, degrees; infinite) of these views, 0 without any."""

    manifest: Manifest
    encoded: list[bytes]
    checks: bytes | None
    recall: float = 0.0
    median_error: tuple[float, float] = (np.inf, np.inf)

    def bytes(self) -> int:
        return len(self.manifest.to_bytes()) + sum(map(len, self.encoded))


def build_site(landmarks: Landmarks, site: Path, representation: str = "neumap",
               budget: int | None = None, options: BuildOptions | None = None) -> Site:
    """Saves the map at `site`; what was there before stays until the new one is whole.

    NmapError: the budget can't be met (the smallest that can is named), the disk is full, ...
    """
    options = replace(options or BuildOptions(), representation=representation, budget=budget)
    if representation == AUTO:
        from nmap_reloc.mapping.auto import choose  # it makes several by this module

        made = choose(landmarks, site, options)
    else:
        made = make(landmarks, site, options)
    return save_site(site, made.manifest, made.encoded, made.checks)


def make(landmarks: Landmarks, site: Path, options: BuildOptions,
         notes: dict[str, Json] | None = None) -> Made:
    """The map that would be saved at `site`. notes: what its manifest says of it besides."""
    representation = options.representation
    network = network_name(representation, landmarks.features)
    decoder = open_decoder(representation, landmarks.features, weights=options.weights)
    name = options.site_id or _site_id(site)
    blank = Manifest(
        name, next_version(site), options.frame, landmarks.unit, representation,
        landmarks.features, landmarks.extractor_hash,
        "" if network is None else content_hash(network, options.weights),
        {"version": __version__, "views": len(landmarks.views), "landmarks": len(landmarks),
         "input": fingerprint_of(landmarks, options), **(notes or {})}, ())
    centres = [v.map_from_camera.translation for v in (*landmarks.views, *landmarks.held_out)]
    limits = Limits.usual(landmarks.unit, span_of(centres))
    checks = encode_held_out(landmarks.held_out, limits) if landmarks.held_out else None
    if checks is not None:
        blank = replace(blank, verification=verification_entry(checks))

    maker = open_maker(representation, Order(landmarks, options.budget, options.weights,
                                             options.tile, options.polish,
                                             selection=options.selection))
    pieces = maker.make(lambda tried: _bytes(*_encode(tried, blank)))
    manifest, encoded = _encode(pieces, blank)
    if checks is None:
        return Made(manifest, encoded, None)
    return checked(Made(manifest, encoded, checks), [piece.tile for piece in pieces], decoder,
                   str(site))


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
    names = available(landmarks.features, options.weights) if options.representation == AUTO \
        else [options.representation]
    networks = [network_name(name, landmarks.features) for name in names]
    decoder = " ".join(f"{network} {content_hash(network, options.weights)}"
                       for network in networks if network is not None)
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


def checked(made: Made, tiles: Sequence[Tile], decoder: Decoder, name: str) -> Made:
    """The same with the recall of its held-out views against the tiles as stored."""
    assert made.checks is not None
    views, limits = decode_held_out(made.checks, name)
    localizer = Localizer(made.manifest, tiles, None, decoder, LocalizerOptions())
    results = relocalize_views(views, localizer, limits)
    recall = recall_of(results) or 0.0
    # Over those found at all, as the manifest has it; a lost view counts in the recall.
    finite = [(r.translation, r.rotation) for r in results if np.isfinite(r.translation)]
    median = tuple(np.median(finite, axis=0).tolist()) if finite else (np.inf, np.inf)
    built: dict[str, Json] = {**made.manifest.built, "recall": round(recall, 4)}
    if finite:
        built["median_error"] = [float(f"{value:.3g}") for value in median]
    return replace(made, manifest=replace(made.manifest, built=built), recall=recall,
                   median_error=(median[0], median[1]))


def _site_id(site: Path) -> str:
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in site.resolve().name)
    return kept.strip("._-")[:60] or "site"

