"""Descriptors matched as they are: pairs that are each other's nearest."""

from __future__ import annotations

import numpy as np

from nmap_reloc.types import Floats, Ints


def mutual(asked: Floats, known: Floats) -> tuple[Ints, Ints, Floats]:
    """asked [N x D], known [M x D], unit length -> (keypoints [P], points [P], confidences [P]).

    Pairs that are each other's nearest. Confidence: 1 - the product of both ratios of nearest to
    second nearest distance (Lowe, IJCV 2004, section 7.1).
    """
    similarity = asked @ known.T
    nearest = similarity.argmax(1)
    back = similarity.argmax(0)
    keypoints = np.flatnonzero(back[nearest] == np.arange(len(asked)))
    points = nearest[keypoints]
    best = similarity[keypoints, points]
    first = distance(best)
    rows, columns = similarity[keypoints], similarity[:, points]
    rows[np.arange(len(keypoints)), points] = -1
    columns[keypoints, np.arange(len(keypoints))] = -1
    ratios = (first / distance(rows.max(1, initial=-1))) \
        * (first / distance(columns.max(0, initial=-1)))
    return keypoints.astype(np.int32), points.astype(np.int32), \
        np.asarray(1 - np.minimum(ratios, 1), np.float32)


def distance(cosine: Floats) -> Floats:
    return np.asarray(np.sqrt(np.maximum(2 - 2 * cosine, 1e-9)), np.float32)
