"""Product quantisation of descriptors (Jegou et al., PAMI 2011) by faiss."""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np

from nmap_reloc.errors import NmapError
from nmap_reloc.representations.maddr.layout import BITS
from nmap_reloc.types import Floats

CENTROIDS = 2 ** BITS


@dataclass(frozen=True)
class Quantizer:
    """codebooks [M x 16 x D/M]: the centroids of each of M parts of a descriptor."""

    quantizer: faiss.ProductQuantizer
    codebooks: Floats

    def encode(self, descriptors: Floats) -> Floats:
        """[L x D] -> whole numbers [L x M]: the nearest centroid of each part."""
        packed = self.quantizer.compute_codes(np.ascontiguousarray(descriptors, np.float32))
        both = np.stack([packed & 15, packed >> 4], 2)  # faiss fills a byte from below
        return both.reshape(len(packed), -1).astype(np.float32)


def learn(descriptors: Floats, parts: int) -> Quantizer:
    """Codebooks for these descriptors [L x D] in so many parts, the same on every run.

    NmapError: fewer descriptors than centroids, or parts of different widths.
    """
    width = descriptors.shape[1]
    if width % parts or parts % 2 or len(descriptors) < CENTROIDS:
        raise NmapError(f"representation pq: {len(descriptors)} descriptors of {width} numbers in "
                        f"{parts} parts; it takes {CENTROIDS} or more, in an even number of equal "
                        "parts")
    faiss.omp_set_num_threads(1)
    quantizer = faiss.ProductQuantizer(width, parts, BITS)
    quantizer.cp.seed = 0
    quantizer.cp.min_points_per_centroid = 1  # it warns about small scenes
    quantizer.train(np.ascontiguousarray(descriptors, np.float32))
    centroids = faiss.vector_to_array(quantizer.centroids)
    return Quantizer(quantizer, centroids.reshape(parts, CENTROIDS, width // parts))
