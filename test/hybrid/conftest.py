"""A synthetic scene as hybrid maps, by a network that was trained for some seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from synthetic_landmarks import world

from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.mapping import hybrid_tiles
from nmap_reloc.mapping.build import BuildOptions, make
from nmap_reloc.mapping.hybrid_tiles import Split
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.maps.tile import decode_tile
from nmap_reloc.representations import open_decoder

BUDGET = 16_000


@pytest.fixture(scope="session")
def landmarks() -> Landmarks:
    return world(1, dimensions=128)


@pytest.fixture(scope="session")
def localizer_of(landmarks: Landmarks, neumap_weights: Path) -> Callable[[Split], Localizer]:
    """Of a map with one given split."""
    def build(split: Split) -> Localizer:
        options = BuildOptions("hybrid", BUDGET, weights=neumap_weights)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hybrid_tiles, "SPLITS", (split,))
            made = make(landmarks, Path("site"), options)
        tiles = [decode_tile(data, "tile") for data in made.encoded]
        decoder = open_decoder("hybrid", "sift", "onnx", neumap_weights)
        return Localizer(made.manifest, tiles, None, decoder, LocalizerOptions(), made.bytes())

    return build
