"""The points that a squeezer map keeps: mapping/choice.py by the network's worth.

The quadratic programme (equation 2; programme.py) weighs what points are worth against how near
they are to each other. Its weights are fractions, and where few points are kept there are more
regions than points: the largest weights leave whole views without any. So the same two terms are
taken in whole points, with worth that fades instead of K.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmap_reloc.mapping import choice
from nmap_reloc.mapping.choice import Sightings
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.squeezer.clusters import Indices
from nmap_reloc.representations.squeezer.programme import Points

NOTHING = 0.01  # a point worth less to a frame is not seen there


def sightings(landmarks: Landmarks, judged: Sequence[Points]) -> Sightings:
    """Of the points that compete. Worth is what the network says, less where few views ever
    observed the point: two alone may be mistaken together."""
    found = [np.nonzero(points.found > NOTHING) for points in judged]
    pairs = list(zip(judged, found, strict=True))
    owners = np.concatenate([points.landmarks[row] for points, (row, _) in pairs])
    frames = np.concatenate([points.views[frame] for points, (_, frame) in pairs])
    regions = np.concatenate([points.regions[where] for points, where in pairs])
    worth = np.concatenate([points.found[where] for points, where in pairs]).astype(np.float64)
    support = landmarks.track_lengths[owners]
    return choice.sightings(landmarks, owners, frames, regions, worth * support / (support + 1))


def rank(landmarks: Landmarks, judged: Sequence[Points], count: int) -> Indices:
    """All points that a view judges: first `count` in the order in which they are chosen, then
    the rest by what they are worth to all frames."""
    chosen = choice.choose(sightings(landmarks, judged), len(landmarks.views), count)
    everything = np.concatenate([points.landmarks for points in judged])
    worth = np.concatenate([points.found.sum(1) for points in judged])
    left = everything[np.argsort(-worth, kind="stable")]
    return np.asarray(np.concatenate([chosen, left[~np.isin(left, chosen)]]), np.int64)
