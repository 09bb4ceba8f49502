"""On the robot: query features and loaded views in, 2D-3D correspondences out. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nmap_reloc.confirm import Known, confirm, evidence
from nmap_reloc.engines import open_engine
from nmap_reloc.engines.base import Engine
from nmap_reloc.errors import NmapError
from nmap_reloc.maps.tile import Tile
from nmap_reloc.pose import Solution, SolveOptions, solve
from nmap_reloc.representations.maddr.consensus import QUICK, THOROUGH, Asking, agree
from nmap_reloc.representations.maddr.guide import Assignment, Guide, alone, judged, likeliest
from nmap_reloc.representations.maddr.layout import (
    CodedViews,
    from_tile,
    positions_in,
    restored,
)
from nmap_reloc.representations.maddr.nearest import nearest
from nmap_reloc.representations.maddr.views import Views, agreed, choose, load
from nmap_reloc.types import Camera, Correspondences, Features, Floats, Ints, Refusal
from nmap_reloc.weights import content_hash

WORTH = 0.03  # sureness of a match below which it is not worth a RANSAC sample
KEYPOINTS = 512  # of the image that each view is asked about: those most like what it shows
LANDMARKS = 384  # of the view that are asked about: those most like what the image shows
DIMENSIONS = (4, 8, 16)
INDEPENDENT = 0.5  # share of what a match proves: its neighbours had a say in it
DOUBTFUL = -40.0  # log10 of false alarms above which a pose is looked for again, thoroughly
CLEAR = -20.0  # below which it is looked for no further
ALL_LANDMARKS = 1024  # of the view that are then asked about
ALIKE = 0.5  # least cosine of a restored descriptor with its keypoint, once a pose says where


class MaddrDecoder:
    """restore: codes -> descriptors, once per tile. match: an image against views, one call."""

    name = "maddr"

    def __init__(self, restore: dict[int, Engine], match: Engine, content_hash: str):
        self.content_hash = content_hash
        self._restore, self._match = restore, match

    def load(self, tiles: Sequence[Tile]) -> Views:
        """Everything that does not depend on the query is computed here."""
        coded = [from_tile(tile) for tile in tiles]
        return load(coded, np.concatenate([self._descriptors(tile, views) for tile, views
                                           in zip(tiles, coded, strict=True)]))

    def confirm(self, features: Features, active: Views, pairs: Correspondences,
                camera: Camera, solution: Solution | Refusal, solving: SolveOptions
                ) -> tuple[Solution | Refusal, Correspondences]:
        """The pose refined with every landmark that is where it should be; not in the paper.

        Where there is none, or a doubtful one, it is looked for again first. Pairs that were
        chosen because they agree are half a witness; landmarks found at the pose that had no part
        in it are whole ones.
        """
        marks = known(features, active, ALIKE)
        if isinstance(solution, Refusal) or solution.log_false_alarms > DOUBTFUL:
            solution, pairs = self._again(features, active, pairs, camera, solution, solving)
            if isinstance(solution, Refusal):
                return solution, pairs
        else:
            solution = replace(solution, log_false_alarms=INDEPENDENT * solution.log_false_alarms
                               + evidence(solution, pairs, features, marks, camera))
        return confirm(solution, pairs, features, marks, camera, solving)

    def _again(self, features: Features, active: Views, pairs: Correspondences, camera: Camera,
               solution: Solution | Refusal, solving: SolveOptions
               ) -> tuple[Solution | Refusal, Correspondences]:
        """What nearest neighbours lead to, if that is clear. Else the likeliest pose under all
        that the matcher says of the same views, asked about all keypoints and landmarks: from
        those to which the pairs of each view alone lead, or, where none is surely right, those
        that more neighbours agree on."""
        views = np.unique(pairs.voxels)
        if not len(views):
            return solution, pairs
        near = nearest(features, active)
        found = solve(near, camera, solving)
        known_chance = 0.0 if isinstance(solution, Refusal) else solution.log_false_alarms
        if isinstance(found, Solution) \
                and found.log_false_alarms < min(CLEAR, INDEPENDENT * known_chance):
            return found, near
        looked = self._look(features, active, views, len(features), ALL_LANDMARKS)
        guide = Guide(Assignment.of(looked.scores, looked.keypoints, looked.landmarks, views),
                      features, active.positions, camera)
        starts = judged(guide, [solution, *alone(pairs, camera, solving)])
        again = likeliest(guide, starts, solving)
        if again is None or again[0].log_false_alarms > CLEAR:
            wider = looked.pairs(features, active, THOROUGH)
            most = max((start.evidence for start in starts), default=-np.inf)
            more = judged(guide, [solve(wider, camera, solving), *alone(wider, camera, solving)])
            likelier = [start for start in more if start.evidence > most]
            again = likeliest(guide, likelier, solving) or again
        return again or (solution, pairs)

    def _descriptors(self, tile: Tile, views: CodedViews) -> Floats:
        codes = restored(views.landmarks.codes)
        engine = self._restore.get(codes.shape[1])
        if engine is None:
            raise NmapError(f"tile {tile.id}: codes of {codes.shape[1]} numbers where the decoder "
                            f"takes {', '.join(map(str, self._restore))}; rebuild the map with "
                            "`nmap-reloc map build`")
        return np.asarray(engine({"codes": codes})["descriptors"], np.float32)

    def decode(self, features: Features, active: Views, wanted: Ints | None = None
               ) -> Correspondences:
        """The best of the wanted views (indices; None: all) in one call."""
        views = choose(features, active, wanted)
        if not len(views) or not len(features):
            none = np.zeros(0, np.int64)
            return agreed(features, active, none, none, none, np.zeros(0, np.float32))
        return self._look(features, active, views, KEYPOINTS, LANDMARKS).pairs(features, active,
                                                                               QUICK)

    def _look(self, features: Features, active: Views, views: Ints, keypoints: int,
              landmarks: int) -> Looked:
        """The matcher's answer about so many keypoints and landmarks of each of the views."""
        mine, shown, places = likely(features, active, views, keypoints, landmarks)
        there = shown >= 0
        asked = positions_in(features.keypoints, features.width, features.height)
        out = self._match({
            "query": features.descriptors[mine], "query_positions": asked[mine],
            "view": active.descriptors[shown] * there[..., None],
            "view_positions": places, "there": there.astype(np.float32)})
        return Looked(views, mine, shown, asked, places, out["scores"])


@dataclass(frozen=True)
class Looked:
    """An image matched with views [B]: which keypoints [B x N] with which landmarks [B x K], -1:
    none; where they are, asked [all keypoints x 2] and places [B x K x 2], about -1..1; scores
    [B x N x K] log-probability."""

    views: Ints
    keypoints: Ints
    landmarks: Ints
    asked: Floats
    places: Floats
    scores: Floats

    def pairs(self, features: Features, active: Views, asking: Asking) -> Correspondences:
        """Those that agree with their neighbours."""
        found = [_matches(row, self.scores[row], self.keypoints[row], self.asked,
                          self.landmarks[row], self.places[row], asking)
                 for row in range(len(self.views))]
        row, keypoint, landmark, sure = (np.concatenate(part) for part in zip(*found, strict=True))
        return agreed(features, active, keypoint, landmark, self.views[row], sure)


def _matches(row: int, scores: Floats, keypoints: Ints, asked: Floats, landmarks: Ints,
             places: Floats, asking: Asking) -> tuple[Ints, Ints, Ints, Floats]:
    """Of a view, [M] each: its row, keypoint, landmark and how sure; a keypoint once."""
    count = int((landmarks >= 0).sum())
    mine, sure = agree(scores[:, :count], asked[keypoints], places[:count], asking)
    order = np.argsort(-sure, kind="stable")
    _, first = np.unique(mine[order], return_index=True)
    kept = order[first][sure[order[first]] > WORTH]
    return (np.full(len(kept), row, np.int32), keypoints[mine[kept]], landmarks[kept], sure[kept])


def known(features: Features, active: Views, alike: float) -> Known:
    """The landmarks of all views, to look for at a pose."""
    return Known(active.positions, active.descriptors, features.descriptors, alike, active.owners)


def likely(features: Features, active: Views, views: Ints, most_keypoints: int = KEYPOINTS,
           most_landmarks: int = LANDMARKS) -> tuple[Ints, Ints, Floats]:
    """For each view [B]: the keypoints of the image [B x N] and the landmarks of the view
    [B x K], filled up with -1, that are most like one of the other side; where the landmarks are
    in the view [B x K x 2]."""
    most = min(most_landmarks, max((len(active.shown[view]) for view in views), default=0))
    keypoints = np.zeros((len(views), min(most_keypoints, len(features))), np.int32)
    landmarks = np.full((len(views), most), -1, np.int32)
    places = np.zeros((len(views), most, 2), np.float32)
    for row, view in enumerate(views):
        shown = active.shown[view]
        likeness = features.descriptors @ active.descriptors[shown].T
        keypoints[row] = _most(likeness.max(1), keypoints.shape[1])
        kept = _most(likeness.max(0), most)
        landmarks[row, :len(kept)] = shown[kept]
        places[row, :len(kept)] = active.keypoints[view][kept]
    return keypoints, landmarks, places


def _most(values: Floats, count: int) -> Ints:
    """Indices of the `count` largest, ascending."""
    if len(values) <= count:
        return np.arange(len(values), dtype=np.int32)
    return np.sort(np.argpartition(-values, count)[:count]).astype(np.int32)


def open_decoder(network: str, features: str, backend: str, weights: Path | None,
                 threads: int) -> MaddrDecoder:
    """NmapError: the network is missing, or nothing can run it."""
    return MaddrDecoder(
        {size: open_engine(f"{network}-restore{size}", backend, weights, threads)
         for size in DIMENSIONS},
        open_engine(f"{network}-match", backend, weights, threads),
        content_hash(network, weights))
