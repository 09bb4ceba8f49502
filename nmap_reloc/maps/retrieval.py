"""Which voxels to look at when lost: a few representative views and the voxels they see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.maps import representatives
from nmap_reloc.maps.levels import pack_bits, unpack_bits
from nmap_reloc.maps.tile import Arrays, compressed_bytes
from nmap_reloc.types import Floats, Ints

PREFIX = "retrieval/"
BITS = (2, 4, 8)  # per descriptor value
STEPS = {2: 0.996, 4: 0.335, 8: 0.0308}  # best uniform step for a Gaussian, in deviations
MAX_VOXELS = 1 << 24
REMEDY = "rebuild the map with `nmap-reloc map build`"


@dataclass(frozen=True)
class RetrievalIndex:
    """R representatives: descriptors [R x G] unit length, voxels: R arrays of voxel indices.

    stored_bytes: what the index adds to the compressed tile or tiles it came from.
    """

    descriptors: Floats
    voxels: tuple[Ints, ...]
    voxel_count: int
    arrays: tuple[Arrays, ...] = ()

    @staticmethod
    def encode(view_descriptors: Floats, view_voxels: Sequence[npt.NDArray[Any]],
               voxel_count: int, budget_bytes: int) -> Arrays:
        """The tile arrays "retrieval/…" of the best index of at most budget_bytes, compressed.

        view_descriptors [V x G] unit length; view_voxels: per view the voxels it sees. More
        representatives against more bits each is decided by leaving one view out at a time.
        Without global descriptors (G = 0) the index only knows how many voxels there are.
        NmapError: not even one representative fits.
        """
        views = np.asarray(view_descriptors, np.float32)
        if len(views) != len(view_voxels) or not 0 < voxel_count <= MAX_VOXELS:
            raise ValueError(f"{len(views)} descriptors, {len(view_voxels)} voxel lists, "
                             f"{voxel_count} voxels")
        seen = [np.unique(voxels).astype(np.int32) for voxels in view_voxels]
        if views.shape[1] == 0 or not len(views):
            return _arrays(np.zeros((0, 0), np.float32), (), voxel_count, 2)
        most = min(len(views), max(1, 8 * budget_bytes // (BITS[0] * views.shape[1])))
        order = representatives.order(views, most)
        fitting = [arrays for bits in BITS
                   if (arrays := _largest(views, seen, voxel_count, order, bits, budget_bytes))]
        if not fitting:
            lists = representatives.voxel_lists(views, seen, order[:1], voxel_count)
            least = compressed_bytes(_arrays(views[order[:1]], lists, voxel_count, BITS[0]))
            raise NmapError(f"retrieval budget {budget_bytes} bytes: one view needs {least}; "
                            "raise --budget")
        return max(fitting, key=lambda arrays: _leave_one_out(arrays, views, seen, order))

    @staticmethod
    def of_voxels(descriptors: Floats, bits: int) -> Arrays:
        """The tile arrays of an index in which each voxel is a view; descriptors [V x G]."""
        return _arrays(np.asarray(descriptors, np.float32) if descriptors.shape[1]
                       else np.zeros((0, 0), np.float32),
                       [np.array([i], np.int32) for i in range(len(descriptors))],
                       len(descriptors), bits)

    @staticmethod
    def from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> RetrievalIndex:
        """Reads what `encode` made (other arrays are ignored). NmapError when malformed."""
        own = {name: array for name, array in arrays.items() if name.startswith(PREFIX)}
        try:
            voxel_count, count, dimensions, bits = (int(value) for value in own["retrieval/n"])
            if not 0 < voxel_count <= MAX_VOXELS or bits not in BITS:
                raise ValueError(f"{voxel_count} voxels, {bits} bits")
            if not count:
                return RetrievalIndex(np.zeros((0, 0), np.float32), (), voxel_count, (own,))
            levels = unpack_bits(own["retrieval/d"], bits, count * dimensions)
            low, step = (float(value) for value in own["retrieval/s"])
            descriptors = _unit(low + step * levels.reshape(count, dimensions).astype(np.float32))
            voxels = _voxels(own, count, voxel_count)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise NmapError(f"retrieval index: malformed ({error}); {REMEDY}") from error
        return RetrievalIndex(descriptors, voxels, voxel_count, (own,))

    @staticmethod
    def concatenate(indices: Sequence[RetrievalIndex]) -> RetrievalIndex:
        """One index over several tiles: the voxels of each follow those of the one before."""
        starts = np.cumsum([0, *(index.voxel_count for index in indices)]).tolist()
        seen = [index for index in indices if len(index.descriptors)]
        sizes = {index.descriptors.shape[1] for index in seen}
        if len(sizes) > 1:
            raise NmapError(f"retrieval index: tiles have global descriptors of {sorted(sizes)} "
                            f"values; {REMEDY}")
        voxels = [(listed + start).astype(np.int32)
                  for index, start in zip(indices, starts, strict=False)
                  for listed in index.voxels]
        return RetrievalIndex(np.concatenate([index.descriptors for index in seen or indices]),
                              tuple(voxels), starts[-1],
                              tuple(arrays for index in indices for arrays in index.arrays))

    def select(self, global_descriptor: npt.NDArray[Any], top: int) -> tuple[Ints, Floats]:
        """(voxels, scores 0..1), best first: what the `top` most similar representatives see.

        A voxel's score is the share of those representatives' weight that sees it; a weight
        falls from 1 at the most similar one to 0 at the average. Without representatives every
        voxel is returned, with score 0. NmapError: a descriptor of another size.
        """
        if not len(self.descriptors):
            return np.arange(self.voxel_count, dtype=np.int32), np.zeros(self.voxel_count,
                                                                         np.float32)
        if global_descriptor.shape != self.descriptors.shape[1:]:
            raise NmapError(f"global descriptor of {global_descriptor.size} values: the map has "
                            f"{self.descriptors.shape[1]}; use the extractor it was built with")
        similarity = self.descriptors @ np.asarray(global_descriptor, np.float32)
        best = np.argsort(-similarity, kind="stable")[:max(1, top)]
        above = similarity[best] - similarity.mean()
        weights = np.maximum(above / max(float(above[0]), 1e-6), 1e-3)
        weights /= weights.sum()
        listed = np.concatenate([self.voxels[i] for i in best])
        repeated = np.repeat(weights, [len(self.voxels[i]) for i in best])
        voxels, inverse = np.unique(listed, return_inverse=True)
        scores = np.bincount(inverse, repeated, len(voxels)).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        return voxels[order].astype(np.int32), scores[order]

    def bytes(self) -> int:
        """What the index adds to the compressed tiles it was read from."""
        return sum(compressed_bytes(arrays) for arrays in self.arrays)


def _largest(views: Floats, seen: list[Ints], voxel_count: int, order: Ints, bits: int,
             budget: int) -> Arrays | None:
    """The arrays with as many representatives as fit, None where not even one does."""
    def build(count: int) -> Arrays:
        lists = representatives.voxel_lists(views, seen, order[:count], voxel_count)
        return _arrays(views[order[:count]], lists, voxel_count, bits)

    best, low, high = None, 0, len(order)
    while low < high:
        middle = (low + high + 1) // 2
        arrays = build(middle)
        if compressed_bytes(arrays) <= budget:
            best, low = arrays, middle
        else:
            high = middle - 1
    return best


def _arrays(descriptors: Floats, voxels: Sequence[Ints], voxel_count: int, bits: int) -> Arrays:
    """n: voxels, representatives, values, bits; s: lowest level and step; d: packed levels;
    v: a bit per voxel, or i: counts and index differences, whichever compresses better."""
    count, dimensions = descriptors.shape
    arrays: Arrays = {"retrieval/n": np.array([voxel_count, count, dimensions, bits], np.uint32)}
    if not count:
        return arrays
    step = max(float(descriptors.std()) * STEPS[bits], 1e-6)
    low = float(descriptors.mean()) - step * (2 ** bits - 1) / 2
    levels = np.clip(np.rint((descriptors - low) / step), 0, 2 ** bits - 1)
    arrays["retrieval/s"] = np.array([low, step], np.float32)
    arrays["retrieval/d"] = pack_bits(levels, bits)
    steps = np.concatenate([np.diff(listed, prepend=0) for listed in voxels])
    numbers = np.concatenate([[len(listed) for listed in voxels], steps])
    kind = np.uint8 if numbers.max() < 256 else np.uint16 if numbers.max() < 65536 else np.uint32
    ways: list[Arrays] = [{"retrieval/i": numbers.astype(kind)}]
    if count * voxel_count <= 64 * len(numbers) * numbers.astype(kind).itemsize:
        mask = np.zeros((count, voxel_count), bool)
        for row, listed in zip(mask, voxels, strict=True):
            row[listed] = True
        ways.append({"retrieval/v": np.packbits(mask, axis=1)})
    smallest: Arrays = min(ways, key=compressed_bytes)
    return {**arrays, **smallest}


def _voxels(arrays: Arrays, count: int, voxel_count: int) -> tuple[Ints, ...]:
    """ValueError where they do not fit."""
    if "retrieval/v" in arrays:
        packed = arrays["retrieval/v"]
        if packed.shape != (count, (voxel_count + 7) // 8) or packed.dtype != np.uint8:
            raise ValueError(f"{packed.shape} bits of {count} x {voxel_count} voxels")
        rows = (np.flatnonzero(np.unpackbits(row, count=voxel_count)) for row in packed)
        return tuple(row.astype(np.int32) for row in rows)
    numbers = arrays["retrieval/i"].astype(np.int64).reshape(-1)
    lengths, steps = numbers[:count], numbers[count:]
    if len(lengths) != count or lengths.min() < 0 or lengths.sum() != len(steps):
        raise ValueError(f"{len(numbers)} numbers for the lists of {count} representatives")
    lists = [np.cumsum(part) for part in np.split(steps, np.cumsum(lengths)[:-1])]
    for listed in lists:
        if len(listed) and not 0 <= listed.min() <= listed.max() < voxel_count:
            raise ValueError(f"a voxel index beyond {voxel_count}")
    return tuple(listed.astype(np.int32) for listed in lists)


def _leave_one_out(arrays: Arrays, views: Floats, seen: list[Ints], order: Ints, top: int = 3
                   ) -> float:
    """Mean share of a view's voxels among as many selected when its own entry is left out."""
    index = RetrievalIndex.from_arrays(arrays)
    shares = []
    for i in np.unique(np.linspace(0, len(views) - 1, 200).astype(int)):
        if not len(seen[i]):
            continue
        others = np.flatnonzero(order[:len(index.descriptors)] != i)
        if not len(others):
            continue
        rest = RetrievalIndex(index.descriptors[others], tuple(index.voxels[j] for j in others),
                              index.voxel_count)
        selected, _ = rest.select(views[i], top)
        shares.append(np.isin(seen[i], selected[:len(seen[i])]).mean())
    return float(np.mean(shares)) if shares else 0.0


def _unit(rows: npt.NDArray[Any]) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-9), np.float32)
