"""A scene asked about its own map images: each is a query once, of a map made without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.evaluate import Evaluation
from nmap_reloc.mapping.sources import Source
from nmap_reloc.mapping.stage_file import fingerprint
from nmap_reloc.mapping.triangulate import map_images

FEWEST_MAPPED = 3  # images


def folds(source: Source, count: int) -> list[Source]:
    """The scene `count` times; in the i-th the map images i, i + count, i + 2 count… are the
    queries and the other map images the map. Its own queries have no part in it.

    NmapError: too few images.
    """
    names = [image.name for image in map_images(source) if image.map_from_camera is not None]
    if count < 2 or len(names) - -(-len(names) // count) < FEWEST_MAPPED or len(names) < count:
        raise NmapError(f"{source.path}: {len(names)} map images with poses in {count} folds: "
                        f"give --folds from 2 to {len(names)}, of {FEWEST_MAPPED + 2} images or "
                        "more")
    parts = []
    for first in range(count):
        asked = tuple(names[first::count])
        mapped = tuple(name for name in names if name not in set(asked))
        parts.append(replace(source, split={"map": mapped, "query": asked},
                             fingerprint=fingerprint(source.fingerprint, first, count)))
    return parts


def together(parts: Sequence[Evaluation]) -> Evaluation:
    """The queries of all folds as if of one map, as large as the largest of theirs."""
    largest = max(parts, key=lambda part: part.map_bytes)
    return replace(largest, queries=tuple(query for part in parts for query in part.queries),
                   skipped={name: why for part in parts for name, why in part.skipped.items()})
