"""A site on disk: open, check, read and replace it, never half of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.atomic import Writer, locked, writing
from nmap_reloc.maps.manifest import (
    MAX_MANIFEST_BYTES,
    Manifest,
    TileEntry,
    VerificationEntry,
    parse_manifest,
)
from nmap_reloc.maps.tile import Tile, compressed_bytes, decode_tile

MANIFEST = "manifest.json"
RETRIEVAL = "retrieval/"  # arrays of the retrieval index begin so
FOLDERS = ("tiles", "verification")
REMEDY = "copy the map again or rebuild it with `nmap-reloc map build`"


@dataclass(frozen=True)
class Site:
    """An opened map: its manifest is read and checked, tiles are read when asked for."""

    path: Path
    manifest: Manifest
    manifest_bytes: int

    @staticmethod
    def open(path: Path) -> Site:
        """NmapError when there is no map at `path` or its manifest is damaged."""
        path = Path(path)
        file = path / MANIFEST
        if not file.exists():
            what = "no map there" if path.is_dir() else "no such folder"
            raise NmapError(f"{path}: {what} ({MANIFEST} is missing); build one with "
                            "`nmap-reloc map build` or correct the path")
        data = _read(file, MAX_MANIFEST_BYTES)
        return Site(path, parse_manifest(data, str(file)), len(data))

    def tile(self, tile_id: str) -> Tile:
        """Read, check size and SHA-256, then decode. NmapError when anything is amiss."""
        entry = self.manifest.tile(tile_id)
        tile = decode_tile(self.read(entry), str(self.path / entry.file))
        if (tile.id, tile.representation) != (entry.id, entry.representation):
            raise NmapError(f"{self.path / entry.file}: holds tile {tile.id[:40]!r} "
                            f"({tile.representation[:40]!r}) where the manifest says {entry.id!r} "
                            f"({entry.representation!r}); {REMEDY}")
        return tile

    def read(self, entry: TileEntry | VerificationEntry) -> bytes:
        """A file's bytes, once they are known to be those of the manifest."""
        file = self.path / entry.file
        data = _read(file, entry.bytes)
        if len(data) != entry.bytes:
            raise NmapError(f"{file}: {len(data)} bytes where the manifest says {entry.bytes}; "
                            f"{REMEDY}")
        digest = sha256(data).hexdigest()
        if digest != entry.sha256:
            raise NmapError(f"{file}: SHA-256 {digest[:12]}… where the manifest says "
                            f"{entry.sha256[:12]}…; {REMEDY}")
        return data

    def bytes(self) -> int:
        """The map's size: everything that localization needs."""
        return self.manifest_bytes + sum(tile.bytes for tile in self.manifest.tiles)

    def bytes_by_part(self) -> dict[str, int]:
        """bytes() by part: "manifest", "retrieval" and each representation. Reads every tile.

        A tile's arrays are compressed together; a part's share is by what it weighs alone.
        """
        parts = {"manifest": self.manifest_bytes}
        for entry in self.manifest.tiles:
            arrays = self.tile(entry.id).arrays
            index = {name: array for name, array in arrays.items() if name.startswith(RETRIEVAL)}
            rest = {name: array for name, array in arrays.items() if name not in index}
            weights = compressed_bytes(index), max(1, compressed_bytes(rest))
            share = round(entry.bytes * weights[0] / sum(weights)) if index else 0
            if share:
                parts["retrieval"] = parts.get("retrieval", 0) + share
            parts[entry.representation] = (parts.get(entry.representation, 0)
                                           + entry.bytes - share)
        return parts


def save_site(path: Path, manifest: Manifest, tiles: Iterable[bytes],
              verification: bytes | None = None) -> Site:
    """Make `path` hold exactly this map; until the last moment it holds the one before.

    tiles: encoded tiles, each named in the manifest. A tile that is already there, whole, need
    not be given and is not written again. Order: new files, manifest, then removal of what no
    manifest names any more. NmapError: disk full or read-only, another save under way, or a
    tile or the verification does not fit the manifest.
    """
    path = Path(path)
    data = manifest.to_bytes()
    given = {sha256(blob).hexdigest(): blob for blob in tiles}
    wanted = {entry.file: given.get(entry.sha256) for entry in manifest.tiles}
    unknown = set(given) - {entry.sha256 for entry in manifest.tiles}
    if unknown:
        raise NmapError(f"{path}: tile {min(unknown)[:12]}… is not in the manifest to save; "
                        "make the manifest's entries with tile_entry of the same bytes")
    if verification is not None and (
            manifest.verification is None
            or manifest.verification.sha256 != sha256(verification).hexdigest()):
        raise NmapError(f"{path}: the verification file is not the one in the manifest to save; "
                        "make its entry with verification_entry of the same bytes")
    entries: list[TileEntry | VerificationEntry] = list(manifest.tiles)
    if manifest.verification is not None:
        entries.append(manifest.verification)
        wanted[manifest.verification.file] = verification
    needed = len(data) + sum(len(blob) for blob in wanted.values() if blob is not None)
    writer = Writer()
    with writing(path, needed):
        try:
            writer.folder(path)
            with locked(path):
                _replace(writer, Site(path, manifest, len(data)), data, entries, wanted)
        except BaseException:
            if not _holds(path / MANIFEST, data):
                writer.undo()  # what was there before stays as it was
            raise
    return Site.open(path)


def next_version(path: Path) -> int:
    """The map version to save at `path`: one more than what is there, 1 where there is nothing."""
    return Site.open(path).manifest.map_version + 1 if (path / MANIFEST).exists() else 1


def _replace(writer: Writer, site: Site, data: bytes,
             entries: list[TileEntry | VerificationEntry],
             wanted: dict[str, bytes | None]) -> None:
    for entry in entries:
        blob = wanted[entry.file]
        try:
            site.read(entry)
        except NmapError:
            if blob is None:
                raise
            writer.write(site.path / entry.file, blob)
    writer.write(site.path / MANIFEST, data)
    _remove_stale(site.path, {entry.file for entry in entries})


def _remove_stale(path: Path, keep: set[str]) -> None:
    """What no manifest names any more, and temporary files of a process that was killed."""
    stale = list(path.glob(f".{MANIFEST}.*.tmp"))
    for folder in FOLDERS:
        stale += [file for file in (path / folder).glob("*.nmap*")
                  if f"{folder}/{file.name}" not in keep]
    for file in stale:
        with suppress(OSError):  # the new map is in place; what is left is found next time
            file.unlink(missing_ok=True)


def _holds(file: Path, data: bytes) -> bool:
    """Whether the switch has happened; when in doubt it has, so that nothing is taken back."""
    try:
        return file.read_bytes() == data
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _read(file: Path, limit: int) -> bytes:
    """At most limit + 1 bytes: a longer file is seen to be longer, and never read whole."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # opening a pipe would wait for a writer
            raise NmapError(f"{file}: not a regular file; {REMEDY}")
        with file.open("rb") as stream:
            # The opened file's size: by now another may have taken its place under this name.
            return stream.read(min(os.fstat(stream.fileno()).st_size, limit) + 1)
    except FileNotFoundError as error:
        raise NmapError(f"{file}: missing; {REMEDY}") from error
    except OSError as error:
        raise NmapError(f"{file}: can't be read ({error.strerror}); make it readable or "
                        f"{REMEDY}") from error
