"""On the robot: product-quantised descriptors and mutual nearest neighbours. numpy only.

The baseline that MAD-DR recommends (section 4.1): the same views, the same keypoints, another code
for their descriptors and no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import quantize
from nmap_reloc.maps.tile import Tile
from nmap_reloc.representations.maddr.layout import BITS, CodedViews, from_tile
from nmap_reloc.representations.maddr.views import Views, agreed, choose, load
from nmap_reloc.types import Correspondences, Features, Floats, Ints

SURE = 0.5  # most a single view's match counts: neighbours say nothing about their certainty


class PqDecoder:
    """Restores the descriptors when a tile loads; an image is then compared with its views."""

    name = "pq"
    content_hash = ""

    def load(self, tiles: Sequence[Tile]) -> Views:
        coded = [from_tile(tile) for tile in tiles]
        return load(coded, np.concatenate([_descriptors(tile, views) for tile, views
                                           in zip(tiles, coded, strict=True)]))

    def decode(self, features: Features, active: Views, wanted: Ints | None = None
               ) -> Correspondences:
        """The best of the wanted views (indices; None: all), one after another."""
        found: list[npt.NDArray[np.int64]] = [np.zeros((3, 0), np.int64)]
        likeness: list[Floats] = [np.zeros(0, np.float32)]
        for view in choose(features, active, wanted):
            shown = active.shown[view]
            similarity = features.descriptors @ active.descriptors[shown].T  # [N x K]
            nearest = similarity.argmax(0)
            mutual = np.flatnonzero(similarity.argmax(1)[nearest] == np.arange(len(shown)))
            found.append(np.stack([nearest[mutual], shown[mutual],
                                   np.full(len(mutual), view)]).astype(np.int64))
            likeness.append(similarity[nearest[mutual], mutual])
        keypoints, landmarks, views = np.concatenate(found, 1)
        confidence = SURE * np.clip(np.concatenate(likeness), 0, 1)
        return agreed(features, active, keypoints, landmarks, views,
                      confidence.astype(np.float32))


def _descriptors(tile: Tile, views: CodedViews) -> Floats:
    """[L x D] unit length. NmapError: no codebooks for these codes."""
    books = quantize.get(tile.arrays, tile.meta, "b")
    numbers = views.landmarks.codes.astype(np.int64)
    if books.ndim != 3 or books.shape[:2] != (numbers.shape[1], 2 ** BITS):
        raise NmapError(f"tile {tile.id}: codebooks {list(books.shape)} for codes of "
                        f"{numbers.shape[1]} numbers; rebuild the map with `nmap-reloc map build`")
    parts = books[np.arange(numbers.shape[1]), numbers].reshape(len(numbers), -1)
    return np.asarray(parts / np.maximum(np.linalg.norm(parts, axis=1, keepdims=True), 1e-9),
                      np.float32)


def open_decoder(network: None, features: str, backend: str, weights: Path | None,
                 threads: int) -> PqDecoder:
    """It has no network, and any features will do."""
    return PqDecoder()
