"""Co-visible clusters, anchors and verification frames."""

from __future__ import annotations

import numpy as np

from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.squeezer.clusters import (
    agglomerate,
    clusters_of,
    covisibility_distance,
    seen_by,
    split,
)


def test_the_distance_is_the_log_of_union_over_intersection() -> None:
    seen = [np.array([0, 1, 2, 3]), np.array([2, 3, 4]), np.array([7, 8])]
    distance = covisibility_distance(seen, 9)
    np.testing.assert_allclose(np.diag(distance), 0)
    np.testing.assert_allclose([distance[0, 1], distance[1, 0]], np.log(5 / 2))
    assert np.isfinite(distance).all() and distance[0, 2] > distance[0, 1] + 1


def test_near_views_are_together_and_clusters_stay_small() -> None:
    places = np.r_[np.linspace(0, 1, 8), np.linspace(10, 11, 5)]
    groups = agglomerate(np.abs(places[:, None] - places), most=6, farthest=3.0)
    assert sorted(np.concatenate(groups).tolist()) == list(range(13))
    assert all(len(group) <= 6 for group in groups) and len(groups) == 3
    assert any(group.tolist() == [8, 9, 10, 11, 12] for group in groups)
    apart = agglomerate(np.abs(places[:, None] - places), most=20, farthest=3.0)
    assert [len(group) for group in apart] == [8, 5]


def test_average_linkage_agrees_with_scipy() -> None:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    rng = np.random.default_rng(0)
    points = rng.normal(size=(30, 3))
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    labels = fcluster(linkage(squareform(distance, checks=False), "average"), 1.4, "distance")
    theirs = {tuple(np.flatnonzero(labels == label)) for label in set(labels)}
    assert {tuple(group) for group in agglomerate(distance, 30, 1.4)} == theirs


def test_the_first_anchor_sees_most_and_the_next_adds_most() -> None:
    seen = [np.array([0, 1, 2]), np.array([0, 1, 2, 3]), np.array([5]), np.array([1, 2])]
    anchors, verification = split(np.arange(4), seen, 6, 0.5)
    assert anchors.tolist() == [1, 2] and verification.tolist() == [0, 3]
    alone = split(np.array([3]), seen, 6)
    assert [part.tolist() for part in alone] == [[3], [3]]


def test_every_observed_landmark_is_in_one_cluster(scene: Landmarks) -> None:
    clusters = clusters_of(scene, most=8)
    assert len(clusters) > 1
    points = np.concatenate([cluster.points for cluster in clusters])
    assert sorted(points.tolist()) == np.unique(np.concatenate(seen_by(scene))).tolist()
    for cluster in clusters:
        assert set(cluster.anchors) | set(cluster.verification) == set(cluster.views)
        assert not set(cluster.anchors) & set(cluster.verification)
