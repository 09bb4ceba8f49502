"""How a maddr tile lies on disk: landmarks with their codes, and which of them each view shows.

arrays: "z" codes of the landmarks [L x C], whole numbers of `BITS` bits; "p" and "e" where they
are (maps/places.py). "s" or "t": a bit for each view and landmark, view by view or landmark by
landmark, whichever compresses better. "c": a pose per view, float16 [V x 6] (rotation vector of
camera_from_map, camera centre from the tile's middle). "k": camera of each view, where there are
several. "retrieval/...": the views' global descriptors. A tile of the baseline pq is the same
with "b", its codebooks.

Where a view's keypoints are is not stored: the landmarks are projected. That is only for the
position encoding, so poses and cameras (without their distortion) may be rough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import rotation_from_vector
from nmap_reloc.maps import levels
from nmap_reloc.maps.places import Sight, get_places, put_places
from nmap_reloc.maps.retrieval import RetrievalIndex
from nmap_reloc.maps.tile import Arrays, Json, Tile, compressed_bytes, once
from nmap_reloc.representations.neumap.layout import CUT, CodedVoxels
from nmap_reloc.types import Camera, Doubles, Floats, Ints

BITS = 4  # of each number of a code, after training (section 3.5)
GLOBAL_BITS = 8  # of each number of a global descriptor (section 4)
STEP = 2 * CUT[BITS] / (2 ** BITS - 1)  # the network's codes have deviation 1
MOST_VIEWS = 1 << 16
MOST_NUMBERS = 64  # in a code


@dataclass(frozen=True)
class CodedViews:
    """landmarks: by voxel, their codes the stored whole numbers [L x C]; seen [V x L];
    cameras [C x 4]: see camera_row; camera [V] index; rotations [V x 3] rotation vectors of
    camera_from_map; centres [V x 3] map units; global_descriptors [V x G]."""

    landmarks: CodedVoxels
    seen: npt.NDArray[np.bool_]
    cameras: Doubles
    camera: Ints
    rotations: Doubles
    centres: Doubles
    global_descriptors: Floats

    def __len__(self) -> int:
        return len(self.seen)

    def keypoints(self, view: int) -> Floats:
        """[K x 2] where the landmarks that a view shows are in it, about -1..1 over the image."""
        points = self.landmarks.positions[self.seen[view]] - self.centres[view]
        inside = points @ rotation_from_vector(self.rotations[view]).T
        flat = inside[:, :2] / np.maximum(inside[:, 2:], 1e-6)
        camera = self.cameras[self.camera[view]]
        return np.asarray(np.clip(flat * camera[:2] + camera[2:], -2, 2), np.float32)


def camera_row(camera: Camera, params: Sequence[float]) -> tuple[float, ...]:
    """Focal lengths and the way from the image's middle to the principal point, all over half
    the longer side; params: fx, fy, cx, cy in pixels."""
    half = max(camera.width, camera.height) / 2
    fx, fy, cx, cy = params
    return tuple(round(x / half, 4) for x in (fx, fy, cx - camera.width / 2,
                                              cy - camera.height / 2))


def positions_in(keypoints: Floats, width: int, height: int) -> Floats:
    """Pixels [N x 2] -> about -1..1 over the longer side of the image."""
    middle = np.array([width, height], np.float32) / 2
    return np.asarray((keypoints - middle) / middle.max(), np.float32)


def rounded(codes: Floats) -> Floats:
    """The network's codes [L x C] -> whole numbers of BITS bits (post-training quantisation)."""
    return np.asarray(np.clip(np.rint(codes / STEP + (2 ** BITS - 1) / 2), 0, 2 ** BITS - 1),
                      np.float32)


def restored(numbers: Floats) -> Floats:
    """What `rounded` made -> codes, at most half a STEP off where they were not cut."""
    return np.asarray((numbers - (2 ** BITS - 1) / 2) * STEP, np.float32)


def to_tile(views: CodedViews, tile_id: str, representation: str, sight: Sight) -> Tile:
    """NmapError: no landmark to store."""
    numbers = views.landmarks.codes
    if not len(numbers):
        raise NmapError(f"tile {tile_id}: no landmark to store; give a larger --budget")
    middle = views.centres.mean(0).round(2)
    meta: dict[str, Json] = {"middle": [float(x) for x in middle], "width": numbers.shape[1],
                             "cameras": [list(row) for row in views.cameras.tolist()]}
    arrays: Arrays = {}
    order = put_places(arrays, meta, views.landmarks.positions, views.landmarks.side, sight)
    meta["way"] = levels.write(arrays, "z", numbers[order].astype(np.uint8), BITS)
    seen = views.seen[:, order]
    rows, columns = ({name: np.ascontiguousarray(np.packbits(bits, axis=1))}
                     for name, bits in (("s", seen), ("t", seen.T)))
    arrays |= rows if compressed_bytes(rows) <= compressed_bytes(columns) else columns
    arrays["c"] = np.concatenate([views.rotations, views.centres - middle], 1).astype(np.float16)
    if len(views.cameras) > 1:
        arrays["k"] = views.camera.astype(np.uint16)
    arrays |= RetrievalIndex.of_voxels(views.global_descriptors, GLOBAL_BITS)
    return Tile(tile_id, representation, meta, arrays)


@once
def from_tile(tile: Tile) -> CodedViews:
    """NmapError when the tile does not hold what it should."""
    try:
        places = get_places(tile.arrays, tile.meta)
        total, width = len(places.positions), int(tile.meta["width"])
        if not 0 < width <= MOST_NUMBERS:
            raise ValueError(f"codes of {width} numbers")
        numbers = levels.read(tile.arrays, "z", BITS, tile.meta["way"], (total, width))
        poses = tile.arrays["c"].astype(np.float64)
        count = len(poses)
        cameras = np.array(tile.meta["cameras"], np.float64)
        camera = tile.arrays["k"].astype(np.int32) if "k" in tile.arrays \
            else np.zeros(count, np.int32)
        middle = np.array(tile.meta["middle"], np.float64)
        if not 0 < count <= MOST_VIEWS or poses.shape != (count, 6) or middle.shape != (3,) \
                or cameras.ndim != 2 or cameras.shape[1] != 4 or camera.shape != (count,) \
                or camera.max() >= len(cameras) \
                or not all(np.isfinite(a).all() for a in (poses, cameras, middle)):
            raise ValueError(f"{poses.shape} poses by {cameras.shape} cameras")
        return CodedViews(CodedVoxels(numbers.astype(np.float32), places.positions, places.voxels,
                                      places.cells, places.side),
                          _seen(tile, count, total), cameras, camera, poses[:, :3],
                          poses[:, 3:] + middle, _global_descriptors(tile, count))
    except (KeyError, ValueError, TypeError, OverflowError, NmapError) as error:
        raise NmapError(f"tile {tile.id}: not a tile of views ({error}); rebuild the map with "
                        "`nmap-reloc map build`") from error


def _seen(tile: Tile, views: int, landmarks: int) -> npt.NDArray[np.bool_]:
    """[V x L]. ValueError: of other sizes."""
    name, rows, columns = ("s", views, landmarks) if "s" in tile.arrays \
        else ("t", landmarks, views)
    packed = tile.arrays[name]
    if packed.dtype != np.uint8 or packed.shape != (rows, (columns + 7) // 8):
        raise ValueError(f"{packed.shape} bytes for {rows} x {columns} bits")
    bits = np.unpackbits(packed, axis=1, count=columns).astype(bool)
    return bits if name == "s" else bits.T


def _global_descriptors(tile: Tile, views: int) -> Floats:
    """[V x G], G = 0 where the features have none. ValueError: not one for each view."""
    index = RetrievalIndex.from_arrays(tile.arrays)
    if not len(index.descriptors) and index.voxel_count == views:
        return np.zeros((views, 0), np.float32)
    if [listed.tolist() for listed in index.voxels] != [[i] for i in range(views)]:
        raise ValueError(f"{len(index.voxels)} global descriptors of {views} views")
    return index.descriptors
