"""The places the localizer is timed in: a scene with its map, and a site of many tiles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from speed_frames import Frame

from nmap_reloc.features import open_extractor
from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.mapping.build import BuildOptions, build_site
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.partition import cut, partition
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.mapping.triangulate import build_landmarks
from nmap_reloc.maps.active import ActiveMap
from nmap_reloc.maps.retrieval import RetrievalIndex
from nmap_reloc.maps.store import Site
from nmap_reloc.representations.base import Decoder
from nmap_reloc.representations.neumap.layout import BITS, CodedVoxels, from_tile, to_tile
from nmap_reloc.simulation.dataset import simulate
from nmap_reloc.types import Floats, Ints, PosePrior

REAL = Path("../shared/scenes/redkitchen")
KEYPOINTS = 1024
BUDGET = 40_000  # bytes of the map
SIGMA_POSITION, SIGMA_TURN = 0.05, 3.0  # of a tracking frame's prior: metres, degrees
APART = 200.0  # map units between copies of the tiles


@dataclass(frozen=True)
class Place:
    name: str
    frames: tuple[Frame, ...]
    site: Path
    landmarks: Landmarks
    sift: Landmarks


def find(scene: Path | None, work: Path, images: int) -> Place:
    """A scene and its map; without one named and none at REAL a simulated room is made."""
    if scene is None:
        scene = REAL if REAL.is_dir() else simulate(work / "scene", seed=3, query_views=images)
    name = scene.resolve().name
    source, folder = open_source(scene), work / name
    learned, sift = (build_landmarks(source, open_extractor(kind, KEYPOINTS), folder / kind)
                     for kind in ("learned", "sift"))
    site = folder / "site"
    build_site(learned, site, "neumap", BUDGET, BuildOptions())
    queries = source.named("query")
    chosen = np.unique(np.linspace(0, len(queries) - 1, images).round().astype(int))
    covariance = np.diag([SIGMA_POSITION ** 2] * 3 + [np.radians(SIGMA_TURN) ** 2] * 3)
    frames, rng = [], np.random.default_rng(0)
    for query in (queries[k] for k in chosen):
        assert query.map_from_camera is not None
        image = query.read()
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        off = rng.multivariate_normal(np.zeros(6), covariance)  # a prior is as wrong as it says
        prior = Rigid(rotation_from_vector(off[3:]) @ query.map_from_camera.rotation,
                      query.map_from_camera.translation + off[:3])
        frames.append(Frame(np.ascontiguousarray(grey, np.uint8), query.camera,
                            PosePrior(prior, covariance)))
    return Place(name, tuple(frames), site, learned, sift)


def large_site(place: Place, decoder: Decoder, tiles: int) -> ActiveMap:
    """The place cut into small tiles, and copies of these at other places, with other codes and
    other views, until there are `tiles`."""
    site = Site.open(place.site)
    coded = from_tile(site.tile(site.manifest.tiles[0].id))
    parts = partition(coded.cells, coded.side, (0, 1), 2 * coded.side)
    pieces = [cut(coded, part) for part in parts]
    views, seen = _views(place.landmarks, pieces)
    rng = np.random.default_rng(0)
    made, indices = [], []
    for copy in range(-(-tiles // len(pieces))):
        shift = np.rint(np.array([copy % 10, copy // 10, 0]) * APART / coded.side).astype(np.int32)
        codes, descriptors = (_turned(rng, x.shape[1], copy) for x in (coded.codes, views))
        for piece, lists in zip(pieces, seen, strict=True):
            made.append(to_tile(CodedVoxels(
                piece.codes @ codes, piece.positions + shift * coded.side, piece.voxels,
                piece.cells + shift, coded.side), f"{len(made)}_0", BITS))
            rows = [k for k, voxels in enumerate(lists) if len(voxels)]
            indices.append(RetrievalIndex(views[rows] @ descriptors, tuple(
                lists[k] for k in rows), len(piece.cells)))
    return ActiveMap(decoder.load(made[:tiles]), RetrievalIndex.concatenate(indices[:tiles]),
                     tuple(tile.id for tile in made[:tiles]))


def _turned(rng: np.random.Generator, size: int, copy: int) -> Floats:
    """A rotation of what vectors mean; none for the place itself."""
    if copy == 0:
        return np.eye(size, dtype=np.float32)
    return np.asarray(np.linalg.qr(rng.normal(size=(size, size)))[0], np.float32)


def _views(landmarks: Landmarks, pieces: list[CodedVoxels]
           ) -> tuple[Floats, list[tuple[Ints, ...]]]:
    """Global descriptors [R x G] of every fourth view; per tile the voxels each of them sees."""
    views = landmarks.views[::4]
    lists: list[tuple[Ints, ...]] = []
    for piece in pieces:
        index = {tuple(cell): i for i, cell in enumerate(piece.cells.tolist())}
        of = np.array([index.get(tuple(cell), -1) for cell in np.floor(
            landmarks.positions / piece.side).astype(int).tolist()])
        found = [np.unique(of[v.landmarks[v.landmarks >= 0]]) for v in views]
        lists.append(tuple(voxels[voxels >= 0].astype(np.int32) for voxels in found))
    return np.stack([view.global_descriptor for view in views]), lists
