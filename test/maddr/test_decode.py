"""Query features against loaded views, with a network that was trained for seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_landmarks import features_of, world

from nmap_reloc.engines.shapes import RANGES
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import angle_degrees
from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.mapping.build import BuildOptions, build_site
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.maddr_tiles import MaddrMaker
from nmap_reloc.mapping.makers import Order
from nmap_reloc.mapping.partition import Piece
from nmap_reloc.pose import Solution, SolveOptions
from nmap_reloc.representations import open_decoder
from nmap_reloc.representations.maddr import decode, views
from nmap_reloc.representations.maddr.decode import MaddrDecoder
from nmap_reloc.representations.maddr.nearest import nearest
from nmap_reloc.representations.maddr.views import Views, agreed, choose
from nmap_reloc.types import Features, PosePrior, Refusal


@pytest.fixture(scope="module")
def decoder(weights: Path) -> MaddrDecoder:
    opened = open_decoder("maddr", "sift", "onnx", weights, 1)
    assert isinstance(opened, MaddrDecoder)
    return opened


@pytest.fixture
def query(scene: Landmarks) -> Features:
    return features_of(scene.held_out[0])


class Counting:
    """An engine that counts its calls."""

    def __init__(self, engine: object):
        self.engine, self.calls = engine, 0

    def __call__(self, inputs: object) -> object:
        self.calls += 1
        return self.engine(inputs)  # type: ignore[operator]


def test_all_views_in_one_call(decoder: MaddrDecoder, pieces: list[Piece], query: Features,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    active = decoder.load([p.tile for p in pieces])
    match = Counting(decoder._match)
    monkeypatch.setattr(decoder, "_match", match)
    found = decoder.decode(query, active)
    assert match.calls == 1 and len(found) > 30
    assert len(set(found.voxels.tolist())) > 1


def test_matches_are_right(decoder: MaddrDecoder, pieces: list[Piece], scene: Landmarks,
                           query: Features) -> None:
    found = decoder.decode(query, decoder.load([p.tile for p in pieces]))
    view = scene.held_out[0]
    inside = view.map_from_camera.inverse().apply(found.points3D)
    flat = inside[:, :2] / inside[:, 2:] * 400 + [320, 240]
    right = np.linalg.norm(flat - found.points2D, axis=1) < 4
    assert right.mean() > 0.6
    assert found.confidences[right].mean() > found.confidences[~right].mean()
    assert (np.diff(found.confidences) <= 0).all()


def test_a_keypoint_has_one_landmark(decoder: MaddrDecoder, pieces: list[Piece], query: Features
                                     ) -> None:
    found = decoder.decode(query, decoder.load([p.tile for p in pieces]))
    assert len(set(found.keypoints.tolist())) == len(found)
    np.testing.assert_allclose(found.points2D, query.keypoints[found.keypoints])


@pytest.mark.parametrize("some", [[0], [3, 1], [5, 5]])
def test_only_the_wanted_views_answer(decoder: MaddrDecoder, pieces: list[Piece],
                                      query: Features, some: list[int]) -> None:
    active = decoder.load([p.tile for p in pieces])
    found = decoder.decode(query, active, np.array(some, np.int32))
    assert set(found.voxels.tolist()) <= set(some)


def handmade() -> tuple[Features, Views]:
    """An image of landmarks 0-79, in this order; views of 0-49 (twice), 50-79 and 80-99."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    shown = tuple(np.arange(a, b, dtype=np.int32) for a, b in
                  ((0, 50), (0, 50), (50, 80), (80, 100)))
    places = tuple(np.zeros((len(who), 2), np.float32) for who in shown)
    image = Features(rng.uniform(0, 480, (80, 2)).astype(np.float32), np.ones(80, np.float32),
                     rows[:80], np.zeros(0, np.float32), 640, 480)
    return image, Views(rows, np.zeros((100, 3)), shown, places, np.zeros((4, 0), np.float32),
                        np.zeros((4, 3)), 1.0)


def test_views_are_chosen_that_together_show_what_the_image_does() -> None:
    image, active = handmade()
    assert choose(image, active, None, 1).tolist() == [0]
    assert choose(image, active, None, 2).tolist() == [0, 2]  # not the first one's twin
    assert choose(image, active, np.array([3, 2, 1], np.int32), 2).tolist() == [1, 2]
    assert len(choose(image, active, None)) == 4
    assert choose(image, active, np.array([3, 3], np.int32), 2).tolist() == [3]


def test_views_are_chosen_among_the_most_similar(monkeypatch: pytest.MonkeyPatch) -> None:
    """By global descriptor, where there is one."""
    image, active = handmade()
    monkeypatch.setattr(views, "SIMILAR", 2)
    marks = np.eye(4, dtype=np.float32)
    seen = replace(active, global_descriptors=marks)
    alike = replace(image, global_descriptor=marks[2] + 0.5 * marks[3])
    assert choose(alike, seen, None, 1).tolist() == [2]
    assert choose(alike, seen, None, 2).tolist() == [2, 3]
    assert choose(image, seen, None, 1).tolist() == [0]


def test_nothing_to_look_at(decoder: MaddrDecoder, pieces: list[Piece], query: Features) -> None:
    active = decoder.load([p.tile for p in pieces])
    none = replace(query, keypoints=query.keypoints[:0], scores=query.scores[:0],
                   descriptors=query.descriptors[:0])
    assert len(decoder.decode(none, active)) == 0
    assert len(decoder.decode(query, active, np.zeros(0, np.int32))) == 0


def test_a_handful_of_keypoints(decoder: MaddrDecoder, pieces: list[Piece], query: Features
                                ) -> None:
    few = replace(query, keypoints=query.keypoints[:5], scores=query.scores[:5],
                  descriptors=query.descriptors[:5])
    assert len(decoder.decode(few, decoder.load([p.tile for p in pieces]))) <= 5


def test_many_tiles_answer_like_one(decoder: MaddrDecoder, scene: Landmarks, weights: Path,
                                    query: Features) -> None:
    answers = []
    for tile in (None, 1.5):
        made = MaddrMaker(Order(scene, 30_000, weights, tile=tile)).pieces(60, 8)
        answers.append(decoder.decode(query, decoder.load([p.tile for p in made])))
    both, first, second = np.intersect1d(answers[0].keypoints, answers[1].keypoints,
                                         return_indices=True)
    assert len(both) > 0.9 * len(answers[0])
    apart = np.linalg.norm(answers[0].points3D[first] - answers[1].points3D[second], axis=1)
    assert (apart < 0.02).mean() > 0.9


def test_views_that_agree_are_surer(query: Features, decoder: MaddrDecoder, pieces: list[Piece]
                                    ) -> None:
    active = decoder.load([p.tile for p in pieces])
    found = agreed(query, active, np.array([7, 7, 7, 9]), np.array([2, 3, 2, 4]),
                   np.array([0, 1, 2, 0]), np.array([.5, .6, .5, .7], np.float32))
    assert found.keypoints.tolist() == [7, 9]
    np.testing.assert_allclose(found.confidences, [.75, .7], atol=1e-6)
    np.testing.assert_allclose(found.points3D, active.positions[[2, 4]])


def test_codes_of_another_width_are_refused(weights: Path, pieces: list[Piece],
                                            decoder: MaddrDecoder) -> None:
    narrow = MaddrDecoder({4: decoder._restore[4]}, decoder._match, "")
    with pytest.raises(NmapError, match=r"codes of 8 numbers where the decoder takes 4; rebuild"):
        narrow.load([p.tile for p in pieces])


def test_memory_is_counted(decoder: MaddrDecoder, pieces: list[Piece]) -> None:
    active = decoder.load([p.tile for p in pieces])
    assert active.nbytes() >= active.descriptors.nbytes + active.positions.nbytes


@pytest.fixture(scope="module", params=["maddr", "pq"])
def localizer(request: pytest.FixtureRequest, scene: Landmarks, weights: Path,
              tmp_path_factory: pytest.TempPathFactory) -> Localizer:
    site = build_site(scene, tmp_path_factory.mktemp(request.param) / "site", request.param,
                      14_000, BuildOptions(weights=weights))
    return Localizer.open(site.path, "onnx", LocalizerOptions(most_voxels=6), weights)


def test_a_map_localizes(localizer: Localizer, scene: Landmarks) -> None:
    """Lost, by retrieval among more views than are activated at once; and with a prior."""
    assert localizer.active is not None and len(localizer.active.loaded) > 6
    for view in scene.held_out:
        prior = PosePrior(view.map_from_camera, np.diag([.01] * 3 + [.001] * 3))
        for known in (None, prior):
            estimate = localizer.localize_features(features_of(view), view.camera, known)
            assert estimate.accepted and estimate.map_from_camera is not None
            away = estimate.map_from_camera.translation - view.map_from_camera.translation
            assert np.linalg.norm(away) < 0.1
            assert angle_degrees(estimate.map_from_camera, view.map_from_camera) < 1


def test_an_image_of_another_place_is_refused(localizer: Localizer) -> None:
    for view in world(6, dimensions=128).held_out:
        assert not localizer.localize_features(features_of(view), view.camera).accepted


@pytest.mark.parametrize("way", ["matcher", "nearest neighbours"])
def test_a_pose_that_was_not_found_is_looked_for_again(
        way: str, decoder: MaddrDecoder, pieces: list[Piece], scene: Landmarks, query: Features,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way alone leads to it."""
    view, active = scene.held_out[0], decoder.load([p.tile for p in pieces])
    pairs = decoder.decode(query, active)
    if way == "matcher":
        monkeypatch.setattr(decode, "nearest", lambda features, views: pairs.some(
            np.zeros(0, np.int64)))
    else:
        monkeypatch.setattr(decoder, "_look", None)
    found, stands_on = decoder.confirm(query, active, pairs, view.camera,
                                       Refusal("solve", "no pose"), SolveOptions())
    assert isinstance(found, Solution)
    assert found.log_false_alarms < (-10 if way == "matcher" else decode.CLEAR)
    assert len(found.inliers) == len(stands_on)
    away = found.map_from_camera.translation - view.map_from_camera.translation
    assert np.linalg.norm(away) < 0.1


def test_nearest_neighbours_are_mutual_and_of_similar_views(
        decoder: MaddrDecoder, pieces: list[Piece], query: Features) -> None:
    active = decoder.load([p.tile for p in pieces])
    found = nearest(query, active)
    similar = views.similar(query, active, np.arange(len(active), dtype=np.int32))
    assert len(found) > 20 and (np.diff(found.confidences) <= 0).all()
    assert len(similar) == min(views.SIMILAR, len(active))
    allowed = np.unique(np.concatenate([active.shown[v] for v in similar]))
    likeness = query.descriptors @ active.descriptors[allowed].T
    for keypoint, point in zip(found.keypoints, found.points3D, strict=True):
        landmark = int(likeness[keypoint].argmax())
        np.testing.assert_array_equal(active.positions[allowed[landmark]], point)
        assert likeness[:, landmark].argmax() == keypoint
    assert all(np.isin(np.flatnonzero((active.positions == point).all(1)),
                       active.shown[owner]).any()
               for owner, point in zip(found.voxels, found.points3D, strict=True))


def test_nothing_found_stays_nothing(decoder: MaddrDecoder, pieces: list[Piece],
                                     scene: Landmarks, query: Features) -> None:
    active = decoder.load([p.tile for p in pieces])
    none = decoder.decode(query, active, np.zeros(0, np.int32))
    lost = Refusal("solve", "0 correspondences")
    found, pairs = decoder.confirm(query, active, none, scene.held_out[0].camera, lost,
                                   SolveOptions())
    assert found == lost and not len(pairs)


def test_engines_take_as_much_as_is_ever_asked() -> None:
    """An engine made ahead refuses sizes out of its range, and with them the image."""
    asked = RANGES["maddr-match"]
    assert asked["views"].most >= views.VIEWS
    assert asked["landmarks"].most >= max(decode.LANDMARKS, decode.ALL_LANDMARKS)
    assert asked["keypoints"].most >= max(decode.KEYPOINTS, RANGES["features"]["keypoints"].most)
