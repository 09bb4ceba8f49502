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
    likely = scores.T
    count = min(asking.candidates, likely.shape[1])
    candidates = np.argpartition(-likely, count - 1, axis=1)[:, :count]
    alone = np.take_along_axis(likely, candidates, 1)
    alone = np.exp(TEMPER * (alone - alone.max(1, keepdims=True)))
    alone /= alone.sum(1, keepdims=True)
    near, agreement = _agreement(keypoints[candidates], places, asking.neighbours)
    believed = alone
    for _ in range(ROUNDS):
        believed = alone * (UNSUPPORTED + _support(agreement, believed[near])) ** 2
        believed /= believed.sum(1, keepdims=True)
    sure = believed * _support(agreement, believed[near])
    best = believed.argmax(1)
    rows = np.arange(len(best))
    return candidates[rows, best], np.clip(sure[rows, best], 0, 1)


def _support(agreement: Floats, neighbours: Floats) -> Floats:
    """agreement [K x M x C x C'], what is believed of the neighbours' candidates [K x M x C'] ->
    [K x C] of each candidate, the mean over neighbours."""
    return np.asarray((agreement * neighbours[:, :, None]).max(3).mean(1), np.float32)


def _agreement(candidates: Floats, places: Floats, neighbours: int) -> tuple[Indices, Floats]:
    """candidates [K x C x 2], places [K x 2] -> neighbours [K x M] of each landmark in the view,
    and how well its candidates go with each of theirs [K x M x C x C], 0..1."""
    apart = np.square(places[:, None] - places).sum(2)
    np.fill_diagonal(apart, np.inf)
    count = min(neighbours, len(places) - 1)
    near = np.argpartition(apart, count - 1, axis=1)[:, :count]
    distance = np.sqrt(np.take_along_axis(apart, near, 1))
    there = (places[near] - places[:, None])[:, :, None, None]
    here = candidates[near][:, :, None] - candidates[:, None, :, None]
    deviation = (STRETCH * distance + STIFF).astype(np.float32)[:, :, None, None]
    away = np.square(here - there).sum(4) / np.square(deviation)
    return near, np.exp(away / -2)
