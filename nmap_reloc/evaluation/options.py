"""What a bench is asked to measure, from the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nmap_reloc import text
from nmap_reloc.errors import NmapError
from nmap_reloc.mapping.selection import Choice, Selection, TopK

_UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000 ** 2, "gb": 1000 ** 3, "kib": 1024,
          "mib": 1024 ** 2, "gib": 1024 ** 3}
REPRESENTATIONS = {"landmarks": ("sift", "learned"), "neumap": ("learned",),
                   "squeezer": ("learned",), "hybrid": ("learned",),
                   "maddr": ("learned",), "pq": ("learned",)}
FEATURES = ("sift", "learned")
UNCOMPRESSED = "landmarks"
COMPARED = {"maddr": 4, "pq": 16}  # numbers in a code: MAD-DR against PQ of four times its bytes


@dataclass(frozen=True)
class Budget:
    """Bytes of a whole map: a count, or a fraction of the scene's reference bytes.

    scene: the only one it is for, None for all.
    """

    label: str
    scene: str | None
    fraction: float | None
    count: int | None

    def bytes(self, reference: int) -> int:
        if self.count is not None:
            return self.count
        return int(reference * (self.fraction or 0.0))


@dataclass(frozen=True)
class Kind:
    """A way to make a map: representation ("landmarks" is uncompressed) and its features.
    selection: of a map whose size is not a budget's."""

    representation: str
    features: str
    selection: Choice | None = None


def parse_size(words: str) -> int:
    """``40KB`` -> 40000, ``1.5 MiB`` -> 1572864. NmapError otherwise."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", words.strip().lower())
    if match is None or match[2] not in _UNITS or float(match[1]) <= 0:
        raise NmapError(f"size {words!r}: not a number of bytes; write it like 200KB or 1.5MB")
    return int(float(match[1]) * _UNITS[match[2]])


def parse_budgets(words: str) -> tuple[Budget, ...]:
    """``1%,0.25%,redkitchen=40KB`` -> budgets in that order; ``none`` -> none."""
    return () if words == "none" else tuple(_budget(word) for word in _items(words))


def parse_kinds(words: str) -> tuple[Kind, ...]:
    """``landmarks,neumap:sift`` -> landmarks with every feature there is, neumap with SIFT."""
    kinds: list[Kind] = []
    for word in _items(words):
        representation, _, features = word.partition(":")
        if representation not in REPRESENTATIONS:
            raise NmapError(f"--representations {word}: there is no such representation; choose "
                            f"from {', '.join(REPRESENTATIONS)}")
        if features and features not in FEATURES:
            raise NmapError(f"--representations {word}: there are no such features; choose from "
                            f"{', '.join(FEATURES)}")
        chosen = (features,) if features else REPRESENTATIONS[representation]
        kinds += [Kind(representation, name) for name in chosen]
    return tuple(dict.fromkeys(kinds))


def parse_selections(ways: str, points: str) -> tuple[Selection, ...]:
    """``random,kc`` and ``1.5%`` or ``1.5%:100`` (at least so many in a cluster) -> each way with
    each number of points. NmapError otherwise."""
    made = []
    for word in _items(points):
        share, _, least = word.partition(":")
        try:
            fraction, at_least = float(share.removesuffix("%")) / 100, int(least or 0)
        except ValueError:
            raise NmapError(f"--points {word}: not a share of the points; write it like 1.5% or "
                            "1.5%:100") from None
        made += [Selection(way, fraction, at_least) for way in _items(ways)]
    return tuple(made)


def parse_per_view(words: str) -> tuple[int, ...]:
    """``256,1024`` -> keypoints of each view. NmapError otherwise."""
    for word in _items(words):
        if not word.isdigit() or not int(word):
            raise NmapError(f"--per-view {word}: not a number of keypoints; write it like 256")
    return tuple(dict.fromkeys(int(word) for word in _items(words)))


def compared(representation: str, keypoints: int) -> TopK | None:
    """The paper's comparison of descriptors: the same views and keypoints of each, whatever the
    bytes. None: the representation has no part in it."""
    width = COMPARED.get(representation)
    return None if width is None else TopK(keypoints, width)


def parse_reference_bytes(words: Iterable[str]) -> dict[str, int]:
    """``redkitchen=81226096`` -> {"redkitchen": 81226096}."""
    table: dict[str, int] = {}
    for word in words:
        scene, sign, count = word.partition("=")
        if not sign or not scene:
            raise NmapError(f"--reference-bytes {word}: names no scene; write SCENE=BYTES")
        table[scene] = parse_size(count)
    return table


def parse_decoders(words: Iterable[str]) -> dict[str | None, Path]:
    """``fox=weights/without_fox`` or a folder for every scene -> {scene or None: folder}."""
    table: dict[str | None, Path] = {}
    for word in words:
        scene, sign, path = word.partition("=")
        weights = Path(path if sign else word)
        if not weights.is_dir():
            raise NmapError(f"--decoder {weights}: no such folder; make one with "
                            "`nmap-reloc train neumap`")
        table[scene if sign else None] = weights
    return table


def _budget(word: str) -> Budget:
    scene, sign, amount = word.rpartition("=")
    only = scene if sign else None
    if not amount.endswith("%"):
        count = parse_size(amount)
        return Budget(text.size(count), only, None, count)
    try:
        percent = float(amount[:-1])
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise NmapError(f"--budgets {word}: not a share between 0 % and 100 %; write it like "
                        "0.25% or 40KB")
    return Budget(f"{percent:g} %", only, percent / 100, None)


def _items(words: str) -> list[str]:
    items = [word.strip() for word in words.split(",") if word.strip()]
    if not items:
        raise NmapError(f"{words!r}: an empty list; name at least one, separated by commas")
    return items
