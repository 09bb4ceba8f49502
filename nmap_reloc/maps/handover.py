"""Between the node that chooses tiles and the one that loads them: wishes out, confirmations in.

Messages are JSON texts that name tiles and files and never hold them:
    active_tiles     {"generation", "map_version", "site", "tiles": [{"id", "sha256", "path"}]}
    loaded_tiles     {"generation", "map_version", "site", "tiles": [ids], "bytes", "failed",
                      "refused": [{"id", "reason"}]}
    tile_candidates  {"stamp", "tiles": [ids]}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.fields import FieldError, Fields
from nmap_reloc.maps.manifest import MAX_MANIFEST_BYTES, NAME
from nmap_reloc.maps.store import Site
from nmap_reloc.maps.tile import Json, compact_json

MOST_SECONDS = 1e12  # of a stamp
MOST_REASON = 500    # characters that are kept of a reason


@dataclass(frozen=True)
class Report:
    """What the other node says is loaded: generation is that of the set in use, -1 of none that
    was asked for; refused: (id, reason) because of which generation `failed` was not loaded."""

    generation: int
    map_version: int
    site: str
    tiles: tuple[str, ...]
    bytes: int
    refused: tuple[tuple[str, str], ...] = ()
    failed: int | None = None


@dataclass(frozen=True)
class Wish:
    """One generation: the tiles by (id, sha256), and the message that asks for them."""

    generation: int
    map_version: int
    tiles: tuple[tuple[str, str], ...]
    text: str


class Handover:
    """Numbers the wishes and watches whether they are granted. `now`: seconds, never going back.

    first: greater than all that an earlier process may have used, such as the time.
    """

    def __init__(self, first: int) -> None:
        self.wish: Wish | None = None
        self.report: Report | None = None
        self.resent = 0          # how often, of this wish
        self.asked_at = 0.0      # when the wish was first made
        self.sent_at = 0.0
        self._last = first

    @property
    def confirmed(self) -> bool:
        """Whether exactly what is wished for is loaded."""
        return (self.wish is not None and self.report is not None
                and self.report.generation == self.wish.generation)

    def want(self, now: float, site: Site, tiles: Sequence[str]) -> str | None:
        """The message to send, None where these tiles are what was asked for last."""
        manifest = site.manifest
        entries = [manifest.tile(tile) for tile in tiles]
        asked = tuple((entry.id, entry.sha256) for entry in entries)
        if (self.wish is not None and set(asked) == set(self.wish.tiles)
                and manifest.map_version == self.wish.map_version):
            return None
        self._last += 1
        text = compact_json({
            "generation": self._last, "map_version": manifest.map_version,
            "site": manifest.site_id, "tiles": [
                {"id": entry.id, "sha256": entry.sha256,
                 "path": str((site.path / entry.file).resolve())} for entry in entries]})
        self.wish = Wish(self._last, manifest.map_version, asked, text)
        self.asked_at = self.sent_at = now
        self.resent = 0
        return text

    def waiting(self, now: float) -> float:
        """Seconds that the wish has not been granted, 0 where it is."""
        return 0.0 if self.wish is None or self.confirmed else now - self.asked_at

    def resend(self, now: float, timeout: float) -> str | None:
        """The message again, once per timeout for as long as nobody confirms it."""
        if self.wish is None or self.confirmed or now - self.sent_at < timeout:
            return None
        self.sent_at = now
        self.resent += 1
        return self.wish.text

    def hear(self, report: Report) -> None:
        """A greater number than ours means that our clock was behind: count on from there."""
        self.report = report
        newest = max(report.generation, -1 if report.failed is None else report.failed)
        if newest > self._last:
            self._last = newest
            self.wish = None  # the next want() asks again under a number that is accepted

    def forget(self) -> None:
        """Ask again for whatever is wanted next, under a new number."""
        self.wish = None


def parse_report(text: str) -> Report:
    """`loaded_tiles` as received. NmapError: not what a reloc node publishes."""
    fields = _fields(text, "loaded_tiles")
    try:
        refused = [(tile.take("id"), tile.take("reason")) for tile in fields.objects("refused")]
        fields.check(all(isinstance(part, str) for pair in refused for part in pair),
                     "refused", refused, "ids and reasons")
        failed = None
        if fields.rest.get("failed") is not None:
            failed = fields.integer("failed")
        return Report(
            fields.integer("generation", -1), fields.integer("map_version", 1),
            fields.text("site", NAME), _ids(fields), fields.integer("bytes"),
            tuple((name, reason[:MOST_REASON]) for name, reason in refused), failed)
    except FieldError as error:
        raise _malformed("loaded_tiles", error) from error


def parse_candidates(text: str) -> tuple[float, tuple[str, ...]]:
    """`tile_candidates` as received: stamp in seconds, ids best first. NmapError."""
    fields = _fields(text, "tile_candidates")
    try:
        stamp = fields.optional_number("stamp", -MOST_SECONDS, MOST_SECONDS)
        return stamp or 0.0, _ids(fields)
    except FieldError as error:
        raise _malformed("tile_candidates", error) from error


def _ids(fields: Fields) -> tuple[str, ...]:
    found = fields.texts("tiles", NAME)
    fields.check(len(set(found)) == len(found), "tiles", list(found), "different ids")
    return found


def _fields(text: str, what: str) -> Fields:
    if len(text) > MAX_MANIFEST_BYTES:
        raise NmapError(f"{what}: {len(text)} characters are more than a message may have; is "
                        "another node publishing on this topic?")
    try:
        value: Json = json.loads(text)
        return Fields(value, "")
    except (ValueError, RecursionError) as error:
        raise NmapError(f"{what} {text[:60]!r}: not JSON; is another node publishing on this "
                        "topic?") from error
    except FieldError as error:
        raise _malformed(what, error) from error


def _malformed(what: str, error: FieldError) -> NmapError:
    return NmapError(f"{what}: {error}; is a node of another version publishing on this topic?")
