"""On the robot: the loaded views of a map, which of them an image is compared with, and how what
each of them answers becomes one list of correspondences. Shared with the baseline pq."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nmap_reloc.representations.maddr.layout import CodedViews
from nmap_reloc.types import Correspondences, Doubles, Features, Floats, Ints

VIEWS = 6  # compared with an image
VOTERS = 384  # of the best keypoints of an image say which
REPEATED = 0.3  # of a vote is left each time a view was chosen for it
SIMILAR = 12  # views by global descriptor among which they say it


@dataclass(frozen=True)
class Views:
    """descriptors [L x D] unit length and positions [L x 3] of the landmarks of all tiles;
    shown: per view the landmarks it shows; keypoints: per view where, [K x 2], about -1..1;
    global_descriptors [V x G]; centres [V x 3] of what the views show, map units; side: of a box
    that holds what one of them shows."""

    descriptors: Floats
    positions: Doubles
    shown: tuple[Ints, ...]
    keypoints: tuple[Floats, ...]
    global_descriptors: Floats
    centres: Doubles
    side: float

    def __len__(self) -> int:
        return len(self.shown)

    @cached_property
    def owners(self) -> Ints:
        """[L] a view that shows it, of each landmark."""
        of = np.zeros(len(self.positions), np.int32)
        for view, shown in enumerate(self.shown):
            of[shown] = view
        return of

    def nbytes(self) -> int:
        """Memory held, bytes."""
        whole = self.descriptors.nbytes + self.positions.nbytes + self.global_descriptors.nbytes
        return whole + sum(a.nbytes for a in self.shown) + sum(a.nbytes for a in self.keypoints)


def load(coded: Sequence[CodedViews], descriptors: Floats) -> Views:
    """Views of several tiles, in their order; descriptors [L x D] of all their landmarks."""
    starts = np.cumsum([0, *(len(c.landmarks.positions) for c in coded)])
    shown = [np.flatnonzero(row).astype(np.int32) + np.int32(start)
             for c, start in zip(coded, starts, strict=False) for row in c.seen]
    positions = np.concatenate([c.landmarks.positions for c in coded])
    boxes = [positions[who] for who in shown]
    centres = np.stack([(b.min(0) + b.max(0)) / 2 if len(b) else np.zeros(3) for b in boxes])
    reach = max(float(np.ptp(b, axis=0).max()) for b in boxes if len(b))
    return Views(descriptors, positions, tuple(shown),
                 tuple(c.keypoints(view) for c in coded for view in range(len(c))),
                 np.concatenate([c.global_descriptors for c in coded]), centres, reach)


def choose(features: Features, active: Views, wanted: Ints | None, count: int = VIEWS) -> Ints:
    """Indices of at most `count` of the wanted views (None: of all) which together show most of
    what the image's best keypoints look like, out of the SIMILAR ones.

    A keypoint and a landmark that are each other's nearest are a vote for every view that shows
    the landmark. Once a view is taken, its votes count less: the next one shows something else,
    where the most similar views by global descriptor would be one place many times over. But
    narrow codes vote for much that is not there.
    """
    views = np.arange(len(active), dtype=np.int32) if wanted is None else np.unique(wanted)
    views = views[[len(active.shown[view]) > 0 for view in views]]
    if len(views) <= count or not len(features):
        return np.asarray(views[:count], np.int32)
    views = similar(features, active, views)
    some = shown_in(active, views)
    similarity = features.descriptors[:VOTERS] @ active.descriptors[some].T
    nearest = similarity.argmax(1)
    mutual = similarity.argmax(0)[nearest] == np.arange(len(nearest))
    votes = np.zeros(len(active.positions), np.float32)
    votes[some[nearest[mutual]]] = 1
    chosen: list[int] = []
    for _ in range(count):
        support = [float(votes[active.shown[view]].sum()) for view in views]
        best = int(np.argmax(support))
        chosen.append(int(views[best]))
        votes[active.shown[chosen[-1]]] *= REPEATED
        views = np.delete(views, best)
    return np.array(chosen, np.int32)


def similar(features: Features, active: Views, views: Ints) -> Ints:
    """The SIMILAR ones of the views by global descriptor, ascending; all, where there is none."""
    if not len(features.global_descriptor) == active.global_descriptors.shape[1] > 0:
        return views
    alike = active.global_descriptors[views] @ features.global_descriptor
    return np.asarray(np.sort(views[np.argsort(-alike, kind="stable")[:SIMILAR]]), np.int32)


def shown_in(active: Views, views: Ints) -> Ints:
    """The landmarks that any of the views shows."""
    shown = [np.zeros(0, np.int32), *(active.shown[view] for view in views)]
    return np.asarray(np.unique(np.concatenate(shown)), np.int32)


def agreed(features: Features, active: Views, keypoint: npt.NDArray[np.integer],
           landmark: npt.NDArray[np.integer], view: npt.NDArray[np.integer],
           confidence: Floats) -> Correspondences:
    """What the views answered [M] -> one landmark for each keypoint, the surest first.

    Several views may name the same landmark: they are right unless all of them are wrong.
    """
    pair = keypoint.astype(np.int64) * len(active.positions) + landmark
    order = np.lexsort((-confidence, pair))
    pairs, first = np.unique(pair[order], return_index=True)
    doubt = np.multiply.reduceat(1 - np.minimum(confidence[order], 0.9999), first) \
        if len(first) else np.zeros(0, np.float32)
    surest = np.lexsort((pairs, doubt))
    keypoints, landmarks = pairs // len(active.positions), pairs % len(active.positions)
    _, once = np.unique(keypoints[surest], return_index=True)
    kept = surest[np.sort(once)]
    return Correspondences(
        features.keypoints[keypoints[kept]].astype(np.float64), active.positions[landmarks[kept]],
        (1 - doubt[kept]).astype(np.float32), keypoints[kept].astype(np.int32),
        view[order][first][kept].astype(np.int32))
