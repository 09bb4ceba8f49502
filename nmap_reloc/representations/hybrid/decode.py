"""On the robot: neumap's answer and that of the explicit landmarks, weighed together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmap_reloc.confirm import Known, confirm, evidence
from nmap_reloc.errors import NmapError
from nmap_reloc.maps.tile import Tile
from nmap_reloc.outlook import Outlook
from nmap_reloc.pose import Solution, SolveOptions, solve
from nmap_reloc.representations.hybrid.explicit import Explicit, match
from nmap_reloc.representations.hybrid.layout import from_tile
from nmap_reloc.representations.neumap import decode as neumap
from nmap_reloc.representations.neumap.loaded import Voxels
from nmap_reloc.types import Camera, Correspondences, Doubles, Features, Ints, Refusal

# Cosine from which a keypoint near a projected landmark is it; coarse descriptors are less alike.
ALIKE = {"learned": 0.6, "sift": 0.75}
MOST_VOTES = 2.0  # of landmarks for a voxel: it may be large, and show little of itself
ENOUGH = -10.0  # log10 of false alarms: with more there are doubts


@dataclass(frozen=True)
class LoadedHybrid:
    """codes: neumap's voxels, None where no tile has any, and numbers: which voxels these are;
    landmarks; centres [V x 3] and side of the voxels, map units."""

    codes: Voxels | None
    numbers: Ints
    landmarks: Explicit
    centres: Doubles
    side: float

    def __len__(self) -> int:
        return len(self.centres)

    def nbytes(self) -> int:
        return self.landmarks.nbytes() + (0 if self.codes is None else self.codes.nbytes())


class HybridDecoder:
    """The bulk of the map is codes; the landmarks settle doubts, confirm the pose and stand in."""

    name = "hybrid"

    def __init__(self, codes: neumap.NeumapDecoder, features: str):
        self.content_hash = codes.content_hash
        self._codes, self._alike = codes, ALIKE[features]

    def load(self, tiles: Sequence[Tile]) -> LoadedHybrid:
        """NmapError: not tiles of a hybrid map, or of different ones."""
        start, numbers, explicit, centres, coded, sides = 0, [], [], [], [], set()
        for tile in tiles:
            parts = from_tile(tile)
            places = parts.present()
            count = len(places.cells)
            if parts.codes is not None:
                coded.append(parts.codes)
                numbers.append(np.arange(start, start + count))
            if parts.landmarks is not None:
                mine = parts.landmarks
                unit = mine.codes / np.maximum(np.linalg.norm(mine.codes, axis=1,
                                                              keepdims=True), 1e-9)
                explicit.append(Explicit(mine.positions, unit, mine.voxels + start))
            centres.append((places.cells + 0.5) * places.side)
            sides.add(places.side)
            start += count
        if len(sides) != 1:
            raise NmapError(f"tiles {', '.join(t.id for t in tiles)}: voxels of different sides "
                            f"{sorted(sides)}; load tiles of one map version only")
        return LoadedHybrid(
            self._codes.load_voxels(coded) if coded else None,
            np.concatenate([np.zeros(0, np.int32), *numbers]).astype(np.int32),
            _joined(explicit), np.concatenate(centres), sides.pop())

    def decode(self, features: Features, active: LoadedHybrid, wanted: Ints | None = None
               ) -> Correspondences:
        """Neumap's pairs, surer where landmarks agree; those of the landmarks where there are no
        codes."""
        return self.decode_in_view(features, active, wanted, None)

    def decode_in_view(self, features: Features, active: LoadedHybrid, wanted: Ints | None,
                       outlook: Outlook | None) -> Correspondences:
        """The same by those codes alone that a camera of this outlook may see; there are few
        landmarks."""
        own = match(features, active.landmarks.of_voxels(wanted, len(active)))
        if active.codes is None:
            return own
        inner = None if wanted is None else np.flatnonzero(
            np.isin(active.numbers, wanted)).astype(np.int32)
        read = self._codes.decode_in_view(features, active.codes, inner, outlook)
        return settled(replace(read, voxels=active.numbers[read.voxels]), own, len(active))

    def confirm(self, features: Features, active: LoadedHybrid, pairs: Correspondences,
                camera: Camera, solution: Solution | Refusal, solving: SolveOptions
                ) -> tuple[Solution | Refusal, Correspondences]:
        """The pose refined and made surer by landmarks, then refined by the codes around."""
        best, pairs = self._surest(features, active, pairs, camera, solution, solving)
        if active.codes is None:
            return best, pairs
        count = len(pairs)
        best, pairs = self._codes.confirm(features, active.codes, pairs, camera, best, solving)
        voxels = np.concatenate([pairs.voxels[:count], active.numbers[pairs.voxels[count:]]])
        return best, replace(pairs, voxels=voxels.astype(np.int32))

    def _surest(self, features: Features, active: LoadedHybrid, pairs: Correspondences,
                camera: Camera, solution: Solution | Refusal, solving: SolveOptions
                ) -> tuple[Solution | Refusal, Correspondences]:
        """Where doubts stay, landmarks are asked for a pose themselves, alone and with the codes,
        and the surest of all is taken."""
        best = self._confirmed(features, active, pairs, camera, solution, solving)
        if active.codes is None or not len(active.landmarks):
            return best
        own = match(features, active.landmarks)
        for tried in (own, joined(pairs, own)):
            if not isinstance(best[0], Refusal) and best[0].log_false_alarms <= ENOUGH:
                break
            other = self._confirmed(features, active, tried, camera,
                                    solve(tried, camera, solving), solving)
            if not isinstance(other[0], Refusal) and (
                    isinstance(best[0], Refusal)
                    or other[0].log_false_alarms < best[0].log_false_alarms):
                best = other
        return best

    def _confirmed(self, features: Features, active: LoadedHybrid, pairs: Correspondences,
                   camera: Camera, solution: Solution | Refusal, solving: SolveOptions
                   ) -> tuple[Solution | Refusal, Correspondences]:
        marks = active.landmarks
        if isinstance(solution, Refusal) or not len(marks):
            return solution, pairs
        pairs = replace(pairs, points3D=solution.points3D, others=None)
        known = Known(marks.positions, marks.descriptors, features.descriptors, self._alike,
                      marks.voxels)
        surer = evidence(solution, pairs, features, known, camera)
        solution = replace(solution, log_false_alarms=solution.log_false_alarms + surer)
        return confirm(solution, pairs, features, known, camera, solving)


def settled(read: Correspondences, own: Correspondences, voxels: int) -> Correspondences:
    """neumap's pairs, with a confidence raised by every landmark that was matched in the same
    voxel: it says that the image shows this voxel at all."""
    votes = np.bincount(own.voxels, own.confidences, voxels)[read.voxels]
    doubt = (1 - read.confidences) ** (1 + np.minimum(votes, MOST_VOTES))
    return replace(read, confidences=(1 - doubt).astype(np.float32))


def joined(read: Correspondences, own: Correspondences) -> Correspondences:
    """Both; a keypoint may then have two pairs, of which the solver takes one."""
    def both(name: str) -> npt.NDArray[np.generic]:
        return np.concatenate([getattr(read, name), getattr(own, name)])

    together = Correspondences(*(both(name) for name in (  # type: ignore[arg-type]
        "points2D", "points3D", "confidences", "keypoints", "voxels")))
    if read.others is None:
        return together
    same = np.repeat(own.points3D[:, None], read.others.shape[1], axis=1)  # it has no other place
    return replace(together, others=np.concatenate([read.others, same]))


def open_decoder(network: str, features: str, backend: str, weights: Path | None,
                 threads: int) -> HybridDecoder:
    """NmapError: the network is missing, or nothing can run it."""
    return HybridDecoder(neumap.open_decoder(network, features, backend, weights, threads),
                         features)


def _joined(parts: Sequence[Explicit]) -> Explicit:
    if not parts:
        return Explicit(np.zeros((0, 3)), np.zeros((0, 1), np.float32), np.zeros(0, np.int32))
    return Explicit(np.concatenate([p.positions for p in parts]),
                    np.concatenate([p.descriptors for p in parts]).astype(np.float32),
                    np.concatenate([p.voxels for p in parts]).astype(np.int32))
