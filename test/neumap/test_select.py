"""Which landmarks become codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmap_reloc.mapping.choice import REGIONS
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.neumap.select import observations, quality, rank


def test_each_landmark_is_chosen_once(landmarks: Landmarks) -> None:
    chosen = rank(landmarks, 200)
    assert chosen.dtype == np.int64 and len(chosen) == len(set(chosen.tolist())) == 200
    assert len(rank(landmarks, 10 ** 6)) == len(landmarks)


def test_deterministic_and_a_prefix_of_more(landmarks: Landmarks) -> None:
    a, b = rank(landmarks, 50), rank(landmarks, 200)
    np.testing.assert_array_equal(a, rank(landmarks, 50))
    np.testing.assert_array_equal(a, b[:50])


def test_every_region_of_every_view_is_served(landmarks: Landmarks) -> None:
    chosen = np.zeros(len(landmarks), bool)
    chosen[rank(landmarks, 120)] = True
    who, where = bins(landmarks)
    regions, seen = np.unique(where, return_counts=True)
    served = np.isin(regions, where[chosen[who]])
    assert served[seen >= 5].mean() > 0.95
    per_view = np.bincount(where[chosen[who]] // REGIONS ** 2, minlength=len(landmarks.views))
    assert per_view.min() >= 20  # at random 120 of 600 would be as many in the mean


def test_served_more_evenly_than_by_the_longest_tracks(landmarks: Landmarks) -> None:
    who, where = bins(landmarks)
    size = len(landmarks.views) * REGIONS ** 2

    def empty(indices: np.ndarray) -> int:
        chosen = np.zeros(len(landmarks), bool)
        chosen[indices] = True
        return int((np.bincount(where[chosen[who]], minlength=size) == 0).sum())

    longest = np.argsort(-landmarks.track_lengths, kind="stable")
    assert empty(rank(landmarks, 60)) < empty(longest[:60])


def test_regions_are_where_the_keypoints_are(landmarks: Landmarks) -> None:
    who, where = bins(landmarks)
    view = landmarks.views[1]
    seen = view.landmarks >= 0
    mine = (where >= REGIONS ** 2) & (where < 2 * REGIONS ** 2)
    np.testing.assert_array_equal(who[mine], view.landmarks[seen])
    column = (view.keypoints[seen, 0] * REGIONS // view.camera.width).astype(int)
    np.testing.assert_array_equal(where[mine] % REGIONS, column)


def test_quality_rewards_agreement_fit_and_support(landmarks: Landmarks) -> None:
    value = quality(landmarks)
    assert ((value >= 0) & (value <= 1)).all()
    worse = quality(replace(landmarks, errors=landmarks.errors + 2))
    assert (worse < value).all()
    rng = np.random.default_rng(0)
    noisy = replace(landmarks, views=tuple(replace(v, descriptors=unit(
        v.descriptors + 0.3 * rng.normal(size=v.descriptors.shape))) for v in landmarks.views))
    often = landmarks.track_lengths > 4
    assert quality(noisy)[often].mean() < 0.8 * value[often].mean()


def test_a_landmark_that_nothing_sees_comes_last(landmarks: Landmarks) -> None:
    more = replace(landmarks, positions=np.concatenate([landmarks.positions, np.zeros((1, 3))]),
                   track_lengths=np.append(landmarks.track_lengths, 1).astype(np.int32),
                   errors=np.append(landmarks.errors, 0).astype(np.float32))
    assert rank(more, len(more))[-1] == len(landmarks)


def bins(landmarks: Landmarks) -> tuple[np.ndarray, np.ndarray]:
    """Landmark and region, counted over all views, of every observation."""
    who, views, regions = observations(landmarks)
    return who, views * REGIONS ** 2 + regions


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
