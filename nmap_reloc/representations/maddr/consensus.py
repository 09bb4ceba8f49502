"""Matches that agree with their neighbours: what narrow codes need, since alone they say little.

Not in the paper, whose matcher is many times as large. A landmark's likeliest keypoints are
supported by those of neighbouring landmarks where the way from one to the other is much the same
in the image and in the view: probabilistic relaxation (Rosenfeld, Hummel and Zucker 1976) of the
matcher's assignment.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nmap_reloc.types import Floats

ROUNDS = 3
TEMPER = 0.7  # power of the matcher's probability: it is surer than it should be
STRETCH, STIFF = 0.25, 0.01  # deviation of a way: share of its length, half sides of the image
UNSUPPORTED = 0.01  # of a candidate with which no neighbour agrees

Indices = npt.NDArray[np.int64]


class Asking(NamedTuple):
    """candidates: keypoints that are considered for a landmark; neighbours: landmarks that are
    asked whether they agree."""

    candidates: int
    neighbours: int


QUICK = Asking(8, 8)
THOROUGH = Asking(16, 16)  # where few landmarks are in the image, few of a landmark's neighbours


def agree(scores: Floats, keypoints: Floats, places: Floats, asking: Asking = QUICK
          ) -> tuple[Indices, Floats]:
    """scores [N x K] log-probability of each pair, keypoints [N x 2] and places [K x 2] where they
    are in the image and in the view, about -1..1 -> each landmark's keypoint [K] and how sure that
    is [K], 0..1; a landmark without a neighbour is never sure."""
    if scores.shape[1] < 2:
        return scores.argmax(0), np.zeros(scores.shape[1], np.float32)
    count, landmarks = min(asking.candidates, len(scores)), np.arange(scores.shape[1])
    candidates = np.argpartition(-scores.T, count - 1, axis=1)[:, :count].T
    alone = scores[candidates, landmarks]
    alone = np.exp(TEMPER * (alone - alone.max(0)))
    alone /= alone.sum(0)
    near = _nearest(places, asking.neighbours)
    agreement = _agreement(keypoints[candidates], places, near)
    believed = alone
    for _ in range(ROUNDS):
        believed = alone * (UNSUPPORTED + _support(agreement, believed, near)) ** 2
        believed /= believed.sum(0)
    sure = believed * _support(agreement, believed, near)
    best = believed.argmax(0)
    return candidates[best, landmarks], np.clip(sure[best, landmarks], 0, 1)


# Landmarks stand in the last axis, for numpy is fast on numbers that lie together: K landmarks,
# M neighbours and C candidates of each, C' candidates of a neighbour.

def _support(agreement: Floats, believed: Floats, near: Indices) -> Floats:
    """agreement [C' x C x M x K], what is believed of the candidates [C x K], neighbours [M x K]
    -> [C x K] of each candidate, the mean over neighbours of what speaks for it most."""
    theirs = believed[:, near]
    best = agreement[0] * theirs[0]
    for one, other in zip(agreement[1:], theirs[1:], strict=True):
        np.maximum(best, one * other, out=best)
    return np.asarray(best.mean(1), np.float32)


def _nearest(places: Floats, neighbours: int) -> Indices:
    """places [K x 2] -> the nearest of each [M x K], without itself."""
    x, y = places.T
    apart = np.square(x[:, None] - x) + np.square(y[:, None] - y)
    np.fill_diagonal(apart, np.inf)
    count = min(neighbours, len(places) - 1)
    return np.ascontiguousarray(np.argpartition(apart, count - 1, axis=1)[:, :count].T)


def _agreement(candidates: Floats, places: Floats, near: Indices) -> Floats:
    """candidates [C x K x 2], places [K x 2], neighbours [M x K] -> how well each candidate goes
    with each of a neighbour's [C' x C x M x K], 0..1."""
    ways = [place[near] - place for place in places.T]
    length = np.sqrt(np.square(ways[0]) + np.square(ways[1]))
    sharpness = np.float32(-0.5) / np.square(STRETCH * length + STIFF).astype(np.float32)
    x, y = np.moveaxis(candidates, 2, 0).copy()
    made = np.empty((len(x), len(x), *near.shape), np.float32)
    for theirs, one in enumerate(made):  # a part at a time stays in the cache
        off = (x[theirs, near] - ways[0]) - x[:, None]
        np.square(off, out=one)
        np.subtract(y[theirs, near] - ways[1], y[:, None], out=off)
        one += np.square(off, out=off)
        one *= sharpness
        np.exp(one, out=one)
    return made
