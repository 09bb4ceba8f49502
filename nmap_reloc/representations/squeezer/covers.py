"""Other ways to choose points: SceneSqueezer compares its own with them (section 4)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from nmap_reloc.mapping.choice import REGIONS
from nmap_reloc.mapping.greedy import choose_greedily
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.neumap.select import observations, quality
from nmap_reloc.representations.squeezer.clusters import Indices, seen_by


def at_random(landmarks: Landmarks, count: int, seed: int = 0) -> Indices:
    """Any points, each as likely as any other."""
    rng = np.random.default_rng(seed)
    return rng.permutation(len(landmarks))[:count].astype(np.int64)


def k_cover(landmarks: Landmarks, count: int) -> Indices:
    """KC (Li, Snavely and Huttenlocher, 2010): each point serves the views that see it until K
    points serve a view; K grows until `count` points are chosen, the most serving first."""
    seen = seen_by(landmarks)
    owners = np.concatenate(seen)
    views = np.repeat(np.arange(len(seen)), [len(points) for points in seen])
    order = np.argsort(owners, kind="stable")
    owners, views = owners[order], views[order]
    starts = np.searchsorted(owners, np.arange(len(landmarks) + 1)).tolist()
    tracks = [views[a:b] for a, b in pairwise(starts)]
    served = np.zeros(len(seen), np.int64)
    free = np.ones(len(landmarks), bool)
    chosen: list[int] = []
    wanted = min(count, len(landmarks))
    aim = 1
    while len(chosen) < wanted:
        gain = np.bincount(owners, served[views] < aim, len(landmarks)) * free
        best = int(gain.argmax())
        if gain[best] <= 0:
            if aim > max(map(len, seen)):  # no view is short of points: what is left serves none
                chosen += np.flatnonzero(free)[:wanted - len(chosen)].tolist()
                break
            aim += 1
            continue
        chosen.append(best)
        free[best] = False
        served[tracks[best]] += 1
    return np.array(chosen, np.int64)


def probabilistic_k_cover(landmarks: Landmarks, count: int) -> Indices:
    """KCP (Cao and Snavely, 2014): the gain of a further point in a view's region fades instead
    of ending, and alike descriptors count for more."""
    who, views, places = observations(landmarks)
    where = views * REGIONS ** 2 + places
    order = np.argsort(who, kind="stable")
    starts = np.searchsorted(who[order], np.arange(len(landmarks) + 1))
    regions = [where[order[a:b]] for a, b in pairwise(starts.tolist())]
    weight = quality(landmarks)
    served = np.zeros(len(landmarks.views) * REGIONS ** 2)

    def gain(index: int) -> float:
        return float(weight[index] * np.log1p(1 / (1 + served[regions[index]])).sum())

    def take(index: int) -> None:
        served[regions[index]] += weight[index]

    return choose_greedily({i: gain(i) for i in range(len(landmarks))}, gain, take, count)
