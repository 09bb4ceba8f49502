"""Measure every representation on scenes: build, localize, time, and compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.evaluate import Localizes, camera_centres, evaluate
from nmap_reloc.evaluation.folds import folds, together
from nmap_reloc.evaluation.foreign import ask_foreign
from nmap_reloc.evaluation.options import UNCOMPRESSED, Budget, Kind, compared
from nmap_reloc.evaluation.rows import Row
from nmap_reloc.evaluation.speed import compare
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.selection import Choice, Selection
from nmap_reloc.mapping.sources import PosedImage, Source
from nmap_reloc.representations import WITHOUT_NETWORK

REFERENCE = ("sift", 2048)  # features and keypoints of the classical map that sizes refer to


class Makes(Protocol):
    """Where maps come from: nmap_reloc.evaluation.workshop.Workshop says what each does."""

    @property
    def keypoints(self) -> int: ...

    def landmarks(self, scene: str, source: Source, features: str,
                  keypoints: int) -> Landmarks: ...

    def site(self, scene: str, landmarks: Landmarks, kind: Kind, budget: int | None,
             decoder: Path | None) -> Path: ...

    def open(self, site: Path, decoder: Path | None) -> Localizes: ...

    def bytes_by_part(self, site: Path) -> dict[str, int]: ...


@dataclass(frozen=True)
class Order:
    """What to measure. reference_bytes: of scenes whose classical map's size is known already.

    decoders: weights for an additional row per budget, by scene (None: for every scene).
    speed_images: how many queries are timed against SIFT (0: none). foreign: how many queries of
    each other scene are asked as well. selections: further rows of squeezer maps; per_view: of
    maddr and pq, with so many keypoints of each view. folds: in so many parts the map images are
    asked instead of the queries (0: they are not; see folds.py), the first part's map being timed
    and asked about other scenes.
    """

    kinds: tuple[Kind, ...]
    budgets: tuple[Budget, ...]
    reference_bytes: Mapping[str, int] = field(default_factory=dict)
    decoders: Mapping[str | None, Path] = field(default_factory=dict)
    speed_images: int = 20
    foreign: int = 0
    selections: tuple[Selection, ...] = ()
    per_view: tuple[int, ...] = ()
    folds: int = 0


@dataclass(frozen=True)
class Job:
    """One row to come: budget None is uncompressed, decoder None is the shipped one."""

    kind: Kind
    budget: Budget | None
    decoder: Path | None


def bench(scenes: Mapping[str, Source], order: Order, workshop: Makes,
          finished: Callable[[list[Row]], None]) -> list[Row]:
    """All rows, scene by scene; ``finished`` gets the rows so far after each one.

    A map that can't be made or measured becomes a row that says why; the others go on.
    """
    rows: list[Row] = []
    # All of them first: a scene of too few images is refused before hours go into another.
    parts = {scene: folds(source, order.folds) if order.folds else [source]
             for scene, source in scenes.items()}
    for scene, source in scenes.items():
        others = {name: _spread(queries_of(other), order.foreign)
                  for name, other in scenes.items() if name != scene and order.foreign}
        reference = order.reference_bytes.get(scene)
        if reference is None:
            reference = workshop.landmarks(scene, source, *REFERENCE).observation_bytes()
        for job in jobs(scene, order):
            rows.append(_measure(scene, parts[scene], others, job, reference, order, workshop))
            finished(rows)
    return rows


def jobs(scene: str, order: Order) -> Iterator[Job]:
    """The rows of a scene in the order of the table."""
    decoders: list[Path | None] = [None]
    decoders += [path for name, path in order.decoders.items() if name in (None, scene)]
    for kind in order.kinds:
        if kind.representation == UNCOMPRESSED:
            yield Job(kind, None, None)
            continue
        for budget in order.budgets:
            if budget.scene in (None, scene):
                yield from (Job(kind, budget, decoder) for decoder in decoders
                            if decoder is None or kind.representation not in WITHOUT_NETWORK)
        chosen: list[Choice] = list(order.selections if kind.representation == "squeezer" else ())
        chosen += [top for keypoints in order.per_view
                   if (top := compared(kind.representation, keypoints))]
        yield from (Job(replace(kind, selection=choice), None, decoder)
                    for choice in chosen for decoder in decoders
                    if decoder is None or kind.representation not in WITHOUT_NETWORK)


def queries_of(source: Source) -> tuple[PosedImage, ...]:
    """The split's queries. NmapError where a scene has none to measure with."""
    if source.split is None or not source.split.get("query"):
        raise NmapError(f"{source.path}: no split into map and query images; a bench needs one "
                        "(split.json), or --folds 5; `nmap-reloc evaluate` needs none")
    return source.named("query")


def _measure(scene: str, parts: Sequence[Source], others: Mapping[str, Sequence[PosedImage]],
             job: Job, reference: int, order: Order, workshop: Makes) -> Row:
    budget = None if job.budget is None else job.budget.bytes(reference)
    selected = job.kind.selection.label if job.kind.selection else ""
    row = Row(scene if len(parts) == 1 else f"{scene}-{len(parts)}-folds", job.kind,
              job.budget.label if job.budget else selected, budget,
              job.decoder.stem if job.decoder else "", reference)
    measured = []
    try:
        for source in parts:
            queries = queries_of(source)
            landmarks = workshop.landmarks(scene, source, job.kind.features, workshop.keypoints)
            start = time.perf_counter()
            site = workshop.site(scene, landmarks, job.kind, budget, job.decoder)
            seconds = time.perf_counter() - start
            localizer = workshop.open(site, job.decoder)
            measured.append(evaluate(
                localizer, queries, centres=camera_centres(source.images),
                bytes_by_part=workshop.bytes_by_part(site), description=f"{scene} {row.name}"))
            if source is parts[0]:
                chosen = _spread(queries, order.speed_images)
                row = replace(
                    row, build_seconds=seconds,
                    foreign=ask_foreign(localizer, others, f"{scene} {row.name}") if others
                    else None, speed=compare(localizer, chosen) if chosen else None)
    except NmapError as error:
        return replace(row, problem=str(error))
    return replace(row, evaluation=together(measured))


def _spread(images: Sequence[PosedImage], count: int) -> list[PosedImage]:
    """At most ``count`` of the images, evenly spread."""
    wanted = min(count, len(images))
    return [images[i] for i in np.linspace(0, len(images) - 1, wanted).round().astype(int)]
