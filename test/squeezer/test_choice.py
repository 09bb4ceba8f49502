"""The points that are kept: for every view, and for the pose that they lead to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_landmarks import features_of, world

from nmap_reloc.mapping import choice
from nmap_reloc.mapping.choice import BELIEVED, FOUND, URGENT, Frames, Sightings, choose
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.refine import refine
from nmap_reloc.representations.squeezer.choice import rank, sightings
from nmap_reloc.representations.squeezer.clusters import seen_by
from nmap_reloc.representations.squeezer.encode import Judged, judge
from nmap_reloc.representations.squeezer.network import SqueezerNetwork
from nmap_reloc.representations.squeezer.observations import in_frame, regions_of
from nmap_reloc.representations.squeezer.programme import Points
from nmap_reloc.reprojection import Observed, planes_of
from nmap_reloc.undistort import undistort_with_scale


@pytest.fixture(scope="module")
def judged(scene: Landmarks, network: SqueezerNetwork) -> Judged:
    return judge(network, scene)


def all_found(scene: Landmarks) -> Points:
    """One cluster in which every view surely finds what it observes."""
    found = np.zeros((len(scene), len(scene.views)), np.float32)
    for index, points in enumerate(seen_by(scene)):
        found[points, index] = 1.0
    regions = np.stack([regions_of(view, in_frame(view, scene.positions))
                        for view in scene.views], 1)
    return Points(np.arange(len(scene)), scene.positions.astype(np.float32),
                  np.arange(len(scene.views)), found, found, regions)


def test_every_point_comes_once(scene: Landmarks, judged: Judged) -> None:
    order = rank(scene, judged.points, 50)
    known = np.concatenate([points.landmarks for points in judged.points])
    assert sorted(order.tolist()) == sorted(known.tolist())
    assert order[:20].tolist() == rank(scene, judged.points, 20)[:20].tolist()


def test_information_is_what_refinement_finds() -> None:
    """The covariance of a pose that these points give is the one that refine() says."""
    scene = world(4, count=80)
    view = scene.views[0]
    exact = replace(scene, track_lengths=np.full(len(scene), 10 ** 9, np.int32))
    mine = np.unique(view.landmarks[view.landmarks >= 0])
    seen = sightings(exact, [all_found(exact)])
    rows = seen.rows[seen.frames == 0]
    depth = np.median(view.map_from_camera.inverse().apply(scene.positions[mine])[:, 2])
    covariance = np.linalg.inv(np.einsum("eka,ekb->ab", rows, rows))
    covariance = covariance * np.outer(*[np.r_[[depth] * 3, 1, 1, 1]] * 2)
    which = np.flatnonzero(view.landmarks >= 0)
    planes = planes_of(*undistort_with_scale(
        features_of(view).keypoints[which].astype(float), view.camera))
    fit = refine(view.map_from_camera, Observed(
        planes, scene.positions[view.landmarks[which]].T, which.astype(np.int32)), 8.0, 1.0)
    assert fit is not None
    R = np.kron(np.eye(2), view.map_from_camera.rotation)
    theirs = np.diag(R.T @ fit.covariance @ R) / fit.variance
    ratio = np.diag(covariance) / theirs
    assert ratio.max() / ratio.min() < 1.6  # all grow alike, by the noise and the landmarks' own


def test_gains_are_those_of_the_determinant(scene: Landmarks, judged: Judged) -> None:
    seen = sightings(scene, judged.points)
    frames = Frames(seen, len(scene.views))
    information = np.tile(np.eye(6) / BELIEVED ** 2, (len(scene.views), 1, 1))
    served, found = np.zeros(len(scene.views) * 16), np.zeros(len(scene.views))
    rich = np.argsort(-np.diff(seen.starts))[:6]
    for index in rich.tolist():
        first, end = seen.starts[index], seen.starts[index + 1]
        before = np.linalg.slogdet(information)[1].sum()
        np.add.at(information, seen.frames[first:end],
                  np.einsum("eka,ekb->eab", seen.rows[first:end], seen.rows[first:end]))
        pose = np.linalg.slogdet(information)[1].sum() - before
        cover = np.log1p(seen.worth[first:end] / (1 + served[seen.regions[first:end]])).sum()
        served[seen.regions[first:end]] += seen.worth[first:end]
        worth, views = seen.worth[first:end], seen.frames[first:end]
        urgent = URGENT * (worth * np.exp(-found[views] / FOUND)).sum()
        found[views] += worth
        assert abs(frames.gains(first, end).sum() - pose - cover - urgent) < 1e-6
        frames.add(first, end)


def test_a_view_that_shares_little_is_served_before_all_have_plenty(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty landmarks that twelve views find, and twenty that only one other view does."""
    rng = np.random.default_rng(0)
    frames = np.concatenate([np.tile(np.arange(12), 60), np.full(20, 12)])
    owners = np.concatenate([np.repeat(np.arange(60), 12), 60 + np.arange(20)])
    regions = frames * choice.REGIONS ** 2 + rng.integers(0, choice.REGIONS ** 2, len(frames))
    seen = Sightings(np.searchsorted(owners, np.arange(81)), frames, regions,
                     np.full(len(frames), 0.7), rng.normal(size=(len(frames), 2, 6)))

    def lonely() -> int:
        return int((choose(seen, 13, 50) >= 60).sum())

    with_urgency = lonely()
    monkeypatch.setattr(choice, "URGENT", 0.0)
    assert with_urgency >= 5 and lonely() == 0


def test_few_points_serve_every_view(scene: Landmarks, judged: Judged) -> None:
    """Better than by worth alone, which leaves some with none."""
    seen = seen_by(scene)
    best = np.concatenate([points.landmarks for points in judged.points])[
        np.argsort(-np.concatenate([points.found.sum(1) for points in judged.points]))]
    least = [min(int(np.isin(points, chosen).sum()) for points in seen)
             for chosen in (rank(scene, judged.points, 30)[:30], best[:30])]
    assert least[0] > least[1]


def test_near_points_are_preferred_to_far_ones() -> None:
    """All are as likely to be found; those far away say nothing of where the camera is."""
    scene = world(5, count=200)
    near = np.arange(len(scene)) % 5 == 0
    scene = replace(scene, positions=np.where(near[:, None], 1, 40) * scene.positions)
    chosen = rank(scene, [all_found(scene)], 20)[:20]
    assert near[chosen].sum() >= 8  # by chance 4


def test_what_is_badly_placed_tells_less() -> None:
    """The same sightings, of landmarks that two views placed and of those that all did."""
    scene = world(6, count=100)
    two = replace(scene, views=(*scene.views[:2], *(
        replace(view, landmarks=np.full_like(view.landmarks, -1)) for view in scene.views[2:])))
    well, badly = (sightings(other, [all_found(scene)]).rows for other in (scene, two))
    told = np.linalg.norm(badly, axis=(1, 2)) / np.linalg.norm(well, axis=(1, 2))
    assert told.max() <= 1 + 1e-9 and np.median(told) < 0.95
