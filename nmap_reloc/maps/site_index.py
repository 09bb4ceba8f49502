"""Which tiles of a whole site an image may show: retrieval beyond the tiles that are loaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.retrieval import PREFIX, RetrievalIndex
from nmap_reloc.maps.store import Site
from nmap_reloc.types import Floats


@dataclass(frozen=True)
class SiteIndex:
    """descriptors [R x G] of representative views, unit length; owners [R]: index into tiles."""

    tiles: tuple[str, ...]
    descriptors: Floats
    owners: npt.NDArray[np.int64]

    @staticmethod
    def read(site: Site) -> SiteIndex:
        """Reads every tile once and keeps its views. NmapError: a damaged tile."""
        names, rows, owners = [], [], []
        for number, entry in enumerate(site.manifest.tiles):
            names.append(entry.id)
            arrays = site.tile(entry.id).arrays
            if any(name.startswith(PREFIX) for name in arrays):
                index = RetrievalIndex.from_arrays(arrays)
                if len(index.descriptors):
                    rows.append(index.descriptors)
                    owners.append(np.full(len(index.descriptors), number))
        if not rows:
            return SiteIndex(tuple(names), np.zeros((0, 0), np.float32), np.zeros(0, np.int64))
        return SiteIndex(tuple(names), np.concatenate(rows), np.concatenate(owners))

    def candidates(self, global_descriptor: npt.NDArray[np.float32], most: int) -> list[str]:
        """Ids of at most `most` tiles, that of the most similar view first; none where the map or
        the image has no global descriptor. NmapError: a descriptor of another size."""
        if not len(self.descriptors) or not len(global_descriptor):
            return []
        if global_descriptor.shape != self.descriptors.shape[1:]:
            raise NmapError(f"global descriptor of {global_descriptor.size} values: the map has "
                            f"{self.descriptors.shape[1]}; use the extractor it was built with")
        order = np.argsort(-(self.descriptors @ global_descriptor), kind="stable")
        ranked = dict.fromkeys(self.owners[order].tolist())  # the first time each is met
        return [self.tiles[number] for number in list(ranked)[:most]]
