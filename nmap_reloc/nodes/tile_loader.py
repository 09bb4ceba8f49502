"""Swaps the loaded tiles while images flow: a new set is built beside the old one."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.localizer import Localizer
from nmap_reloc.maps.store import Site
from nmap_reloc.maps.tile import Tile

MAX_TILES = 100_000
NICE = 10  # of the loader's thread: images go before tiles
REMEDY = "is a tile manager of another version running?"


@dataclass(frozen=True)
class Wanted:
    """The contents of `active_tiles`: tiles as (id, sha256)."""

    generation: int
    site: str
    map_version: int
    tiles: tuple[tuple[str, str], ...]

    @staticmethod
    def parse(text: str) -> Wanted:
        """NmapError: not what a tile manager publishes."""
        try:
            fields = json.loads(text)
            tiles = tuple((str(tile["id"]), str(tile["sha256"])) for tile in fields["tiles"])
            wanted = Wanted(int(fields["generation"]), str(fields["site"]),
                            int(fields["map_version"]), tiles)
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
            raise NmapError(f"active_tiles {text[:80]!r}: malformed ({error!r}); {REMEDY}"
                            ) from error
        if wanted.generation < 0 or len(tiles) > MAX_TILES or len(dict(tiles)) != len(tiles):
            raise NmapError(f"active_tiles: generation {wanted.generation} with {len(tiles)} "
                            f"tiles, {len(dict(tiles))} different ones; {REMEDY}")
        return wanted


@dataclass(frozen=True)
class Loaded:
    """What is loaded now. refused: (id, reason) of the tiles because of which the last wish was
    not granted, empty when it was; failed: its generation, None likewise. milliseconds: that
    loading took; handover: milliseconds of the swap itself, which is one assignment."""

    generation: int
    map_version: int
    site: str
    tiles: tuple[str, ...]
    bytes: int
    refused: tuple[tuple[str, str], ...] = ()
    failed: int | None = None
    milliseconds: float | None = None
    handover: float | None = None

    def to_json(self) -> str:
        """The contents of `~/loaded_tiles`."""
        return json.dumps({
            "generation": self.generation, "map_version": self.map_version, "site": self.site,
            "tiles": list(self.tiles), "bytes": self.bytes, "failed": self.failed,
            "refused": [{"id": name, "reason": reason} for name, reason in self.refused]})


def give_way() -> None:
    """Lowers the priority of the thread that calls it, where threads have one of their own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class TileLoader:
    """One thread; of several wishes the newest wins. The old set stays where the new one fails.

    on_change is called from the thread with what is loaded after each attempt.
    """

    def __init__(self, path: Path, localizer: Localizer, on_change: Callable[[Loaded], None]):
        self.site = Site.open(path)
        self.localizer, self.on_change = localizer, on_change
        self._tiles: dict[str, Tile] = {}  # by SHA-256: what stays is not read again
        self._wish: Wanted | None = None
        self._closed = False
        self._news = threading.Condition()
        self.loaded = self._report(-1, localizer.active.tiles if localizer.active else ())
        self._thread = threading.Thread(target=self._run, name="tile loader", daemon=True)
        self._thread.start()

    def request(self, text: str) -> None:
        """`active_tiles` as received. NmapError: malformed, or of another map."""
        wanted = Wanted.parse(text)
        if wanted.site != self.site.manifest.site_id:
            raise NmapError(f"active_tiles of map {wanted.site[:80]!r}: this node has "
                            f"{self.site.manifest.site_id!r}; start both with the same map")
        with self._news:
            self._wish = wanted
            self._news.notify()

    def close(self) -> None:
        """Returns when the thread has ended."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join()

    def _run(self) -> None:
        give_way()
        while True:
            with self._news:
                self._news.wait_for(lambda: self._closed or self._wish is not None)
                if self._closed:
                    return
                wanted, self._wish = self._wish, None
            assert wanted is not None
            self.loaded = self._attempt(wanted)
            try:
                self.on_change(self.loaded)
            except Exception:  # the next wish is granted all the same
                logging.getLogger(__name__).exception("tile loader: on_change failed")

    def _attempt(self, wanted: Wanted) -> Loaded:
        old, start = self.loaded, time.perf_counter()
        try:
            tiles, refused = self._read(wanted)
            if not refused:
                handover = self._swap(tiles)
                return self._report(wanted.generation, tuple(name for name, _ in wanted.tiles),
                                    (time.perf_counter() - start) * 1e3, handover)
        except NmapError as error:
            refused = [("", str(error))]
        except Exception as error:  # whatever a tile's content did: the old set still localizes
            refused = [("", f"{type(error).__name__}: {error}")]
        return Loaded(old.generation, old.map_version, old.site, old.tiles, old.bytes,
                      tuple(refused), wanted.generation)

    def _read(self, wanted: Wanted) -> tuple[dict[str, Tile], list[tuple[str, str]]]:
        """The wanted tiles by SHA-256, and those that were refused."""
        if wanted.map_version != self.site.manifest.map_version:  # the map was updated
            self.site = Site.open(self.site.path)
        known = {entry.id: entry.sha256 for entry in self.site.manifest.tiles}
        tiles: dict[str, Tile] = {}
        refused = []
        for name, sha256 in wanted.tiles:
            if known.get(name) != sha256:
                refused.append((name, f"tile {name}: {sha256[:12]!r} is not in the manifest of "
                                      f"{self.site.path}; reload the tile manager"))
                continue
            try:
                tiles[sha256] = self._tiles.get(sha256) or self.site.tile(name)
            except NmapError as error:
                refused.append((name, str(error)))
        return tiles, refused

    def _swap(self, tiles: dict[str, Tile]) -> float:
        """Milliseconds of the hand-over: the localizer reads `active` once per image, so that it
        is one assignment. The old set is freed after it, by whoever lets go of it last."""
        new, old = self.localizer.load(list(tiles.values())), self.localizer.active
        start = time.perf_counter()
        self.localizer.active = new
        spent = (time.perf_counter() - start) * 1e3
        del old
        self._tiles = tiles
        return spent

    def _report(self, generation: int, tiles: tuple[str, ...], spent: float | None = None,
                handover: float | None = None) -> Loaded:
        active: Any = self.localizer.active
        size = 0 if active is None else active.loaded.nbytes()
        manifest = self.site.manifest
        return Loaded(generation, manifest.map_version, manifest.site_id, tiles, size,
                      milliseconds=spent, handover=handover)
