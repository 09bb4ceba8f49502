"""New images into a map that is there: the tiles they change are made anew, the rest stays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.features.base import Extractor
from nmap_reloc.geometry import span_of
from nmap_reloc.mapping.build import BuildOptions, Made, checked, fingerprint_of
from nmap_reloc.mapping.change import Change, revise
from nmap_reloc.mapping.extract import Progress, Shot, extract
from nmap_reloc.mapping.frame import check_frame
from nmap_reloc.mapping.landmark_store import load_landmarks, save_landmarks
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.makers import Order, open_maker
from nmap_reloc.mapping.partition import Piece, square_side
from nmap_reloc.mapping.record import BuildRecord, forget
from nmap_reloc.mapping.sources.base import Source
from nmap_reloc.mapping.squares import Squares
from nmap_reloc.mapping.triangulate import hold_out, landmarks_file, map_images
from nmap_reloc.maps.compatibility import check_weights
from nmap_reloc.maps.held_out import Limits, encode_held_out
from nmap_reloc.maps.manifest import (
    Manifest,
    TileEntry,
    tile_entry,
    unsigned,
    verification_entry,
)
from nmap_reloc.maps.store import Site, save_site
from nmap_reloc.maps.tile import Tile, encode_tile
from nmap_reloc.progress import track
from nmap_reloc.representations import UNCOMPRESSED, open_decoder
from nmap_reloc.representations.base import Decoder
from nmap_reloc.representations.neumap.voxels import choose_side, grid
from nmap_reloc.types import Doubles

CHANGED = 8  # landmarks of a tile that are new, gone or seen again: fewer are chance
GROWTH = (1.0, 1.25, 1.6, 2.0)  # of a tile's budget, until a tile can be made within it
SMALLEST = 1000  # bytes that are worth a tile of their own
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Updated:
    """site: as it is now. made, removed: ids of tiles; kept: how many stayed byte for byte."""

    site: Site
    made: tuple[str, ...]
    removed: tuple[str, ...]
    kept: int
    gone: int
    outdated: int


def update_site(path: Path, source: Source, extractor: Extractor, work: Path,
                weights: Path | None = None, held_out: int | None = None,
                progress: Progress = track) -> Updated | None:
    """Puts the source's map images into the map at `path`; None where they are in it already.

    source: poses in the map's frame. extractor: with as many keypoints as the build had
    (BuildRecord.of). work: the build's folder. Until the new version is whole the old one stays;
    an interrupted update resumes. NmapError: no poses, another unit or frame, other weights, the
    work folder is gone.
    """
    site = Site.open(path)
    record = BuildRecord.of(site, work)
    if source.fingerprint in record.sources:
        return None
    decoder = open_decoder(site.manifest.representation, site.manifest.features, weights=weights)
    check_weights(site.manifest, extractor.content_hash, decoder.content_hash)
    shots = _shots(source, site.manifest, extractor, work, progress)
    check_frame(site, shots, decoder)
    old = load_landmarks(work / record.landmarks)
    change = revise(old, *hold_out(shots, held_out), progress)
    squares = _squares(site, len(old), record)
    options = BuildOptions(site.manifest.representation, tile=record.tile,
                           frame=site.manifest.frame, polish=record.polish, weights=weights)
    made = fingerprint_of(change.landmarks, options)
    after = record.followed_by(made, landmarks_file(work, made).name, source.fingerprint)
    save_landmarks(work / after.landmarks, change.landmarks)
    after.save(work)
    updated = _Update(site, change, squares, options, made, decoder).run(old)
    if made != record.input:
        forget(work, record)
    return updated


def _shots(source: Source, manifest: Manifest, extractor: Extractor, work: Path,
           progress: Progress) -> list[Shot]:
    """NmapError: without poses, or in another unit."""
    images = [image for image in map_images(source) if image.map_from_camera is not None]
    if not images:
        raise NmapError(f"{source.path}: images without poses can't update a map; give them "
                        f"poses in its frame {manifest.frame!r}, for example those that "
                        "`nmap-reloc evaluate` finds")
    if source.unit != manifest.unit:
        raise NmapError(f"{source.path}: poses in unit {source.unit} where map "
                        f"{manifest.site_id} has {manifest.unit}; give poses in the map's frame "
                        "(--option unit=…)")
    return extract(images, extractor, work / "features", source.fingerprint, progress)


def _squares(site: Site, landmarks: int, record: BuildRecord) -> Squares:
    """landmarks: how many the map was made of."""
    entries, tile = site.manifest.tiles, record.tile
    first = site.tile(entries[0].id)
    side = None if tile is None else square_side(tile, float(first.meta.get("side", tile)))
    fewest = SMALLEST * landmarks / sum(entry.bytes for entry in entries)
    return Squares.of(entries, side, record.axes, fewest)


class _Update:
    """One update under way: which tiles to make, and the new version of the site."""

    def __init__(self, site: Site, change: Change, squares: Squares, options: BuildOptions,
                 made: str, decoder: Decoder):
        self._site, self._change, self._squares = site, change, squares
        self._options, self._made, self._decoder = options, made, decoder
        self._entries = {entry.id: entry for entry in site.manifest.tiles}
        self._like = site.tile(site.manifest.tiles[0].id)

    def run(self, old: Landmarks) -> Updated:
        landmarks, manifest = self._change.landmarks, self._site.manifest
        owners = self._squares.owners(landmarks.positions)
        before = self._squares.owners(old.positions)
        changed = self._changed(owners)
        tiles: dict[str, Tile] = {}
        entries: list[TileEntry] = []
        encoded: list[bytes] = []
        present = [name for name in (*self._entries, *sorted(changed - set(self._entries)))
                   if name not in changed or (owners == name).any()]
        for name in present:
            neighbours = self._squares.neighbours(name, present)
            if name in changed:
                tile, points = self._make(name, owners, old, before)
                data = encode_tile(tile)
                tiles[name] = tile
                encoded.append(data)
                entries.append(tile_entry(tile, data, points, neighbours))
            else:
                entry = self._entries[name]
                same = set(neighbours) == set(entry.neighbours)
                entries.append(entry if same else replace(entry, neighbours=neighbours))
        saved = self._save(manifest, tuple(entries), tiles, encoded)
        removed = tuple(name for name in self._entries if name not in present)
        return Updated(saved, tuple(tiles), removed, len(present) - len(tiles),
                       len(self._change.gone), self._change.outdated)

    def _changed(self, owners: Names) -> set[str]:
        """Tiles with CHANGED landmarks or more that are new, seen again or gone."""
        names = np.concatenate([owners[self._change.fresh],
                                self._squares.owners(self._change.gone)])
        found, counts = np.unique(names, return_counts=True)
        return {str(name) for name, count in zip(found, counts, strict=True) if count >= CHANGED}

    def _make(self, name: str, owners: Names, old: Landmarks, before: Names
              ) -> tuple[Tile, Doubles]:
        """The tile and the points that bound it."""
        mine = self._change.landmarks.subset(np.flatnonzero(owners == name))
        budget = self._budget(name, mine.positions, old.positions[before == name], len(old))
        piece = self._piece(mine, budget)
        own = self._squares.within(name, piece.points)
        return replace(piece.tile, id=name), piece.points[own] if own.any() else piece.points

    def _piece(self, mine: Landmarks, budget: int | None) -> Piece:
        """A tile of the budget, or of a little more where none is so small. NmapError."""
        for growth in GROWTH:
            maker = open_maker(self._options.representation, Order(
                mine, None if budget is None else int(growth * budget), self._options.weights,
                polish=self._options.polish, like=self._like))
            try:
                piece, = maker.make(lambda made: sum(len(encode_tile(p.tile)) for p in made))
                return piece
            except NmapError:
                if growth == GROWTH[-1]:
                    raise
        raise AssertionError("GROWTH is not empty")

    def _budget(self, name: str, now: Doubles, before: Doubles, all_before: int) -> int | None:
        """Bytes: what the tile had, more where it covers more; a new one as the others have.

        now, before [N x 3]: landmarks of the tile; all_before: how many the map had.
        """
        if self._options.representation == UNCOMPRESSED:
            return None
        if name not in self._entries or not len(before):
            whole = sum(entry.bytes for entry in self._entries.values())
            return int(whole * len(now) / all_before)
        side = choose_side(before)  # a place seen again has more landmarks, but no more ground
        covers = len(grid(now, side)[0]) / len(grid(before, side)[0])
        return int(self._entries[name].bytes * max(1.0, covers))

    def _save(self, manifest: Manifest, entries: tuple[TileEntry, ...], tiles: dict[str, Tile],
              encoded: list[bytes]) -> Site:
        landmarks = self._change.landmarks
        centres = [v.map_from_camera.translation
                   for v in (*landmarks.views, *landmarks.held_out)]
        limits = Limits.usual(landmarks.unit, span_of(centres))
        checks = encode_held_out(landmarks.held_out, limits) if landmarks.held_out else None
        built = {**manifest.built, "views": len(landmarks.views), "landmarks": len(landmarks),
                 "input": self._made}
        built.pop("recall", None)
        built.pop("median_error", None)
        new = replace(unsigned(manifest), map_version=manifest.map_version + 1, tiles=entries,
                      built=built,
                      verification=None if checks is None else verification_entry(checks))
        made = Made(new, encoded, checks)
        if checks is not None:
            everything = [tiles.get(entry.id) or self._site.tile(entry.id) for entry in entries]
            made = checked(made, everything, self._decoder, str(self._site.path))
        return save_site(self._site.path, made.manifest, encoded, checks)
