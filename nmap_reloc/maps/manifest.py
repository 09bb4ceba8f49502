"""The manifest: what a site holds and how to check it, as strict, canonical JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.fields import FieldError, Fields
from nmap_reloc.maps.tile import MAX_JSON_BYTES, Json, Tile, compact_json

FORMAT_VERSION = 1
CONTENT_HASH = re.compile(r"[ -~]{0,200}")
HASH = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
UNITS = ("metre", "arbitrary")
MAX_MANIFEST_BYTES = 8 * MAX_JSON_BYTES
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class TileEntry:
    """One tile: bounds low..high in map units; recall 0..1 of held-out views or None."""

    id: str
    low: Vector
    high: Vector
    neighbours: tuple[str, ...]
    bytes: int
    sha256: str
    representation: str
    recall: float | None = None

    @property
    def file(self) -> str:
        """Relative to the site. Follows from the hash, so a manifest can't point elsewhere."""
        return f"tiles/{self.sha256}.nmap"


@dataclass(frozen=True)
class VerificationEntry:
    """The held-out views' features: not needed to localize, so no part of the map's size."""

    bytes: int
    sha256: str

    @property
    def file(self) -> str:
        return f"verification/{self.sha256}.nmap"


@dataclass(frozen=True)
class Manifest:
    """What localization must know before it reads a tile.

    unit: "metre" or "arbitrary". features: "learned" or "sift". decoder_hash: "" where the
    representation needs no network. built: what the build says of itself: views, landmarks,
    options, recall (0..1) and median_error (map units, degrees) of the held-out views.
    signature: of canonical_bytes(), None where there is none.
    """

    site_id: str
    map_version: int
    frame: str
    unit: str
    representation: str
    features: str
    extractor_hash: str
    decoder_hash: str
    built: dict[str, Json]
    tiles: tuple[TileEntry, ...]
    verification: VerificationEntry | None = None
    signature: str | None = None

    def canonical_bytes(self) -> bytes:
        """What a signature signs: everything but the signature."""
        return compact_json(self._fields()).encode()

    def to_bytes(self) -> bytes:
        """The contents of manifest.json. NmapError when it would not be read back."""
        data = compact_json({**self._fields(), "signature": self.signature}).encode()
        parse_manifest(data, f"manifest of {self.site_id}")
        return data

    def tile(self, tile_id: str) -> TileEntry:
        """NmapError when the site has no such tile."""
        for entry in self.tiles:
            if entry.id == tile_id:
                return entry
        known = ", ".join(entry.id for entry in self.tiles[:5])
        raise NmapError(f"tile {tile_id}: not in map {self.site_id}, which has {known}"
                        f"{', …' if len(self.tiles) > 5 else ''}; choose one of them")

    def _fields(self) -> dict[str, Json]:
        return {
            "format_version": FORMAT_VERSION,
            **{name: getattr(self, name) for name in (
                "site_id", "map_version", "frame", "unit", "representation", "features",
                "extractor_hash", "decoder_hash", "built")},
            "tiles": [{
                "id": tile.id, "bounds": [list(tile.low), list(tile.high)], "bytes": tile.bytes,
                "sha256": tile.sha256, "recall": tile.recall,
                # What goes without saying is left out: a whole map may be 8 KB.
                **({"neighbours": list(tile.neighbours)} if tile.neighbours else {}),
                **({} if tile.representation == self.representation
                   else {"representation": tile.representation}),
            } for tile in self.tiles],
            "verification": None if self.verification is None else {
                "bytes": self.verification.bytes, "sha256": self.verification.sha256},
        }


def tile_entry(tile: Tile, encoded: bytes, points: npt.ArrayLike,
               neighbours: tuple[str, ...] = (), recall: float | None = None) -> TileEntry:
    """The entry of a tile whose file is `encoded`; points [N x 3], N > 0, are to be in bounds.

    Bounds are rounded outward to about a thousandth of the box, recall to four places.
    """
    low, high = np.min(np.asarray(points), axis=0), np.max(np.asarray(points), axis=0)
    # A grid of a power of ten: short in JSON, and exact enough to choose tiles by.
    places = 3 - int(np.ceil(np.log10(max(float(np.max(high - low)), 1e-9))))
    bounds = [tuple(_on_grid(float(value), places, up) for value in corner)
              for corner, up in ((low, False), (high, True))]
    return TileEntry(tile.id, bounds[0], bounds[1], neighbours,  # type: ignore[arg-type]
                     len(encoded), sha256(encoded).hexdigest(), tile.representation,
                     None if recall is None else round(recall, 4))


def verification_entry(encoded: bytes) -> VerificationEntry:
    return VerificationEntry(len(encoded), sha256(encoded).hexdigest())


def parse_manifest(data: bytes, name: str) -> Manifest:
    """name: the file, for messages. NmapError names the field that is missing or wrong."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise NmapError(f"{name}: {len(data)} bytes are more than a manifest may have "
                        f"({MAX_MANIFEST_BYTES}); build with larger tiles")
    try:
        fields = Fields(json.loads(data), "")
        version = fields.integer("format_version")
        if version != FORMAT_VERSION:
            raise NmapError(f"{name}: format_version {version}, this program reads "
                            f"{FORMAT_VERSION}; install the version of nmap_reloc that built "
                            "the map, or rebuild it")
        manifest = _manifest(fields)
        compact_json(manifest.built)
    except (ValueError, RecursionError, FieldError) as error:
        reason = error if isinstance(error, FieldError) else "not JSON"
        raise NmapError(f"{name}: {reason}; copy the map again or rebuild it with "
                        "`nmap-reloc map build`") from error
    return manifest


def unsigned(manifest: Manifest) -> Manifest:
    """The manifest without its signature, as it must be after any change."""
    return replace(manifest, signature=None)


def _on_grid(value: float, places: int, up: bool) -> float:
    rounded = round(value, places)
    if (rounded < value) if up else (rounded > value):
        rounded = round(rounded + (1 if up else -1) * 10.0 ** -places, places)
    return rounded


def _manifest(fields: Fields) -> Manifest:
    representation = fields.text("representation", NAME)
    tiles = tuple(_tile(entry, representation) for entry in fields.objects("tiles"))
    ids = {tile.id for tile in tiles}
    if not tiles or len(ids) != len(tiles):
        raise FieldError(f"tiles has {len(tiles)} entries with {len(ids)} different ids")
    for tile in tiles:
        for neighbour in tile.neighbours:
            if neighbour not in ids:
                raise FieldError(f"tile {tile.id} has the unknown neighbour {neighbour[:40]!r}")
    manifest = Manifest(
        fields.text("site_id", NAME), fields.integer("map_version", 1), fields.text("frame"),
        fields.text("unit", re.compile("|".join(UNITS))), representation,
        fields.text("features", NAME), fields.text("extractor_hash", CONTENT_HASH),
        fields.text("decoder_hash", CONTENT_HASH), fields.mapping("built"), tiles,
        _verification(fields.optional("verification")), fields.optional_text("signature"))
    fields.nothing_else()
    return manifest


def _tile(fields: Fields, representation: str) -> TileEntry:
    low, high = fields.box("bounds")
    if "representation" in fields.rest:
        representation = fields.text("representation", NAME)
    tile = TileEntry(fields.text("id", NAME), low, high, fields.texts("neighbours", NAME),
                     fields.integer("bytes", 1), fields.text("sha256", HASH), representation,
                     fields.optional_number("recall", 0.0, 1.0))
    fields.nothing_else()
    return tile


def _verification(fields: Fields | None) -> VerificationEntry | None:
    if fields is None:
        return None
    entry = VerificationEntry(fields.integer("bytes", 1), fields.text("sha256", HASH))
    fields.nothing_else()
    return entry
