"""On the robot: query features and loaded voxels in, 2D-3D correspondences out. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmap_reloc.confirm import ConfirmOptions, Known, confirm
from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import Engine
from nmap_reloc.errors import NmapError
from nmap_reloc.maps.tile import Tile
from nmap_reloc.outlook import Outlook
from nmap_reloc.pose import Solution, SolveOptions
from nmap_reloc.representations.neumap.layout import CodedVoxels, from_tile
from nmap_reloc.representations.neumap.loaded import Asked, Halves, Voxels, in_bytes
from nmap_reloc.types import Camera, Correspondences, Features, Floats, Ints, Refusal
from nmap_reloc.weights import content_hash

CONFIDENT = 0.02  # below this a correspondence is not worth a RANSAC sample (the paper uses 0.5)
HOPELESS = 0.5  # a keypoint less like every code than this is dropped after the first meeting
ALIKE = 0.6  # cosine from which a keypoint near a projected code is it
ONCE = ConfirmOptions(radius=4.0, rounds=1)  # pixels; more of either gain nothing
EXPECTED = 4  # of a keypoint's candidates suffice where a prior has ruled out most rivals
OTHERS = 4  # of a keypoint's candidates that the pose may choose from once there is one
HOPEFUL = 0.75  # share of the keypoints that go on at most, and
FEWEST_HOPEFUL = 256  # of how many none is dropped for being one of many
MOST_AT_ONCE = 1 << 25  # similarities of keypoints and codes in one call: 134 MB


class NeumapDecoder:
    """unfold: codes -> keys and values, once per tile. meet, decode: keypoints -> coordinates."""

    name = "neumap"

    def __init__(self, unfold: Engine, meet: Engine, decode: Engine, content_hash: str):
        self.content_hash = content_hash
        self._unfold, self._meet, self._decode = unfold, meet, decode
        self._asked: Asked | None = None
        self._met_before: tuple[Features, Floats] | None = None  # a query's keypoints as codes

    def load(self, tiles: Sequence[Tile]) -> Voxels:
        """NmapError: not neumap tiles, or of different maps."""
        coded = [from_tile(tile) for tile in tiles]
        sides = {c.side for c in coded}
        if len(sides) != 1:
            raise NmapError(f"tiles {', '.join(t.id for t in tiles)}: voxels of different sides "
                            f"{sorted(sides)}; load tiles of one map version only")
        return self.load_voxels(coded)

    def load_voxels(self, coded: Sequence[CodedVoxels]) -> Voxels:
        """Everything that does not depend on the query is computed here; all have one side."""
        side = coded[0].side
        starts = np.cumsum([0, *(len(c.cells) for c in coded)])
        cells = np.concatenate([c.cells for c in coded])
        origin = cells.mean(0) * side
        levels, ranges = zip(*(in_bytes(c.codes) for c in coded), strict=True)
        keys, values, marks = zip(*(self._unfolded(c) for c in coded), strict=True)
        voxels = Voxels(np.concatenate(levels), np.concatenate(ranges),
                      np.concatenate(keys, axis=1), np.concatenate(values, axis=1),
                      np.concatenate(marks),
                      (np.concatenate([c.positions for c in coded]) - origin).astype(np.float32),
                      np.concatenate([c.voxels + s for c, s in zip(coded, starts, strict=False)]
                                     ).astype(np.int64),
                      (cells + 0.5) * side, origin, side)
        for array in (voxels.keys, voxels.values, voxels.marks, voxels.positions, voxels.voxels):
            array.flags.writeable = False  # so engines may keep them on their device
        return voxels

    def _unfolded(self, coded: CodedVoxels) -> tuple[Halves, Halves, Halves]:
        """Keys, values and marks of one tile. NmapError: it is of another decoder."""
        codes, factors = coded.codes, coded.factors
        blocks = self._unfold.shape("factors")[1]
        if factors is None:
            factors = np.ones((len(codes), blocks), np.float32)
        if codes.shape[1] != self._unfold.shape("codes")[1] or factors.shape[1] != blocks:
            raise NmapError(f"codes of {codes.shape[1]} numbers for {factors.shape[1]} blocks: "
                            f"the decoder takes {self._unfold.shape('codes')[1]} for {blocks}; "
                            "rebuild the map with `nmap-reloc map build`")
        out = self._unfold({"codes": codes, "factors": factors.astype(np.float32)})
        return out["keys"], out["values"], out["marks"]

    def decode(self, features: Features, active: Voxels, wanted: Ints | None = None
               ) -> Correspondences:
        """All wanted voxels (indices; None: all of them) in one batched call."""
        return self.decode_in_view(features, active, wanted, None)

    def decode_in_view(self, features: Features, active: Voxels, wanted: Ints | None,
                       outlook: Outlook | None) -> Correspondences:
        """The same by those codes alone that a camera of this outlook may see."""
        if self._asked is None or not self._asked.is_of(active, wanted, outlook):
            self._asked = Asked(active, wanted, outlook)
        rows, codes = self._asked.rows, self._asked.codes
        if not len(features) or not len(rows):
            return nothing()
        asked, first, chosen = self._met(features.descriptors, codes)
        self._met_before = features, asked
        if outlook is not None:
            first, chosen = first[:, :EXPECTED], chosen[:, :EXPECTED]
        hopeful = self._hopeful(first[:, 0])
        if not len(hopeful):
            return nothing()
        decoded: npt.NDArray[np.int64] = np.arange(len(first))
        # Engines that plan ahead gain more from a size that comes again than from fewer.
        if self._decode.backend == "onnx" and len(hopeful) < len(first):
            decoded = hopeful
            asked, first = asked.take(hopeful, axis=0), first.take(hopeful, axis=0)
            chosen = chosen.take(hopeful, axis=0)
        out = self._decode({
            "asked": asked, "first": first, "chosen": rows.take(chosen), "keys": active.keys,
            "values": active.values, "marks": active.marks, "positions": active.positions,
            "voxels": active.voxels, "side": np.array([active.side], np.float32)})
        confidence = (0.5 + 0.5 * np.tanh(0.5 * out["confidence"])).astype(np.float32)
        good = np.flatnonzero(confidence > CONFIDENT)
        if decoded is not hopeful:  # whatever was decoded, every backend gives the same answer
            good = good[np.isin(good, hopeful)]
        good = good[np.argsort(-confidence[good], kind="stable")]
        keypoints = decoded[good]
        return Correspondences(
            features.keypoints[keypoints].astype(np.float64),
            out["coordinates"][good].astype(np.float64) + active.origin,
            confidence[good], keypoints.astype(np.int32), out["voxel"][good].astype(np.int32),
            active.positions.take(rows.take(chosen[good, :OTHERS]), axis=0) + active.origin)

    def confirm(self, features: Features, active: Voxels, pairs: Correspondences, camera: Camera,
                solution: Solution | Refusal, solving: SolveOptions
                ) -> tuple[Solution | Refusal, Correspondences]:
        """The pose refined once more, with the codes that keypoints beside them are like. Of what
        decode was last asked."""
        if isinstance(solution, Refusal) or self._asked is None or self._met_before is None \
                or self._met_before[0] is not features:
            return solution, pairs
        positions, codes, voxels = self._asked.known
        pairs = replace(pairs, points3D=solution.points3D, others=None)
        known = Known(positions, codes, self._met_before[1], ALIKE, voxels)
        return confirm(solution, pairs, features, known, camera, solving, ONCE)

    @staticmethod
    def _hopeful(similarity: Floats) -> npt.NDArray[np.int64]:
        """Which keypoints go on: not those like no code, and of many only the most alike."""
        least = HOPELESS
        most = max(FEWEST_HOPEFUL, int(HOPEFUL * len(similarity)))
        if len(similarity) > most:
            least = max(least, float(np.partition(similarity, -most)[-most]))
        return np.flatnonzero(similarity >= least)

    def _met(self, descriptors: Floats, codes: Floats
             ) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
        """Keypoints as codes [N x C], similarities [N x K] to the codes chosen [N x K]."""
        parts = -(-len(descriptors) * len(codes) // MOST_AT_ONCE)
        met = [self._meet({"descriptors": part, "codes": codes})
               for part in np.array_split(descriptors, parts)]
        asked, first, chosen = (met[0][name] if parts == 1 else np.concatenate(
            [m[name] for m in met]) for name in ("asked", "first", "chosen"))
        return asked, first, chosen


def open_decoder(network: str, features: str, backend: str, weights: Path | None,
                 threads: int) -> NeumapDecoder:
    """NmapError: the network is missing, or nothing can run it."""
    # A tile is unfolded in one thread, of the priority that its caller has: images come first.
    unfold = open_engine(f"{network}-unfold", backend, weights, 1)
    meet, decode = (open_engine(f"{network}-{part}", backend, weights, threads)
                    for part in ("meet", "decode"))
    return NeumapDecoder(unfold, meet, decode, content_hash(network, weights))


def nothing() -> Correspondences:
    return Correspondences(np.zeros((0, 2)), np.zeros((0, 3)), np.zeros(0, np.float32),
                           np.zeros(0, np.int32), np.zeros(0, np.int32))
