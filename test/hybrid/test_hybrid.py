"""Hybrid maps: what landmarks add to codes, and how the budget is split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hybrid.conftest import BUDGET
from synthetic_landmarks import features_of, world

from nmap_reloc.confirm import Known, confirm, evidence
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.localizer import Localizer
from nmap_reloc.mapping import hybrid_tiles
from nmap_reloc.mapping.build import BuildOptions, make
from nmap_reloc.mapping.expected_gain import Trial
from nmap_reloc.mapping.hybrid_tiles import SPLITS, WORTH, Split
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.makers import Order, open_maker
from nmap_reloc.maps.tile import Tile, decode_tile, encode_tile
from nmap_reloc.pose import Solution, SolveOptions, solve, solve_from
from nmap_reloc.representations.hybrid.decode import settled
from nmap_reloc.representations.hybrid.layout import CODES, LANDMARKS
from nmap_reloc.types import Correspondences, Refusal

Opens = Callable[[Split], Localizer]


@pytest.mark.parametrize("split", [Split(0.0, 2), Split(0.05, 2), Split(0.5, 1), Split(1.0, 1),
                                   Split(1.0, 2)])
def test_held_out_views_are_found_whatever_the_split(split: Split, landmarks: Landmarks,
                                                     localizer_of: Opens) -> None:
    localizer = localizer_of(split)
    assert localizer.map_bytes <= BUDGET
    loaded = localizer.active.loaded
    count = len(loaded.landmarks) + (0 if loaded.codes is None else len(loaded.codes.positions))
    assert len(loaded.landmarks) == split.count(count) > 0 or split.share == 0
    for view in landmarks.held_out:
        answer = localizer.localize_features(features_of(view), view.camera)
        assert answer.accepted, answer.refusal
        away = answer.map_from_camera.translation - view.map_from_camera.translation
        assert np.linalg.norm(away) < 0.05


def test_views_of_another_place_are_refused(localizer_of: Opens) -> None:
    other = world(9, dimensions=128)
    for split in (Split(0.25, 2), Split(1.0, 1)):
        localizer = localizer_of(split)
        for view in other.views[:6]:
            assert not localizer.localize_features(features_of(view), view.camera).accepted


def test_landmarks_stand_in_where_codes_fail(landmarks: Landmarks, localizer_of: Opens) -> None:
    """Every pair that neumap reads is spoilt: the landmarks alone give the pose."""
    localizer = localizer_of(Split(0.5, 2))
    view = landmarks.held_out[0]
    features, loaded = features_of(view), localizer.active.loaded
    rng = np.random.default_rng(0)
    read = localizer.decoder.decode(features, loaded)
    spoilt = replace(read, points3D=rng.permutation(read.points3D), others=None)
    solving = SolveOptions()
    answer, pairs = localizer.decoder.confirm(
        features, loaded, spoilt, view.camera, solve(spoilt, view.camera, solving), solving)
    assert isinstance(answer, Solution) and len(pairs) != len(spoilt)
    away = answer.map_from_camera.translation - view.map_from_camera.translation
    assert np.linalg.norm(away) < 0.05
    refused = Refusal("solve", "no pose")
    again, _ = localizer.decoder.confirm(features, loaded, spoilt, view.camera, refused, solving)
    assert isinstance(again, Solution)


def test_agreeing_landmarks_raise_a_voxel(localizer_of: Opens) -> None:
    def pairs(confidences: list[float], voxels: list[int]) -> Correspondences:
        count = len(voxels)
        return Correspondences(np.zeros((count, 2)), np.zeros((count, 3)),
                               np.array(confidences, np.float32),
                               np.arange(count, dtype=np.int32), np.array(voxels, np.int32))

    read, own = pairs([0.5, 0.5, 0.5], [0, 1, 2]), pairs([0.9, 0.8, 0.6], [1, 1, 2])
    raised = settled(read, own, 4).confidences
    assert raised[0] == 0.5 < raised[2] < raised[1] < 1


def known_of(landmarks: Landmarks, asked: np.ndarray) -> Known:
    return Known(landmarks.positions, landmarks.mean_descriptors(), asked, 0.6,
                 np.zeros(len(landmarks), np.int32))


def test_a_pose_is_confirmed_by_what_it_does_not_stand_on(landmarks: Landmarks) -> None:
    view = landmarks.held_out[0]
    features = features_of(view)
    known = known_of(landmarks, features.descriptors)
    right = np.argmax(known.descriptors @ features.descriptors[:30].T, axis=0)
    few = Correspondences(features.keypoints[:30].astype(np.float64), landmarks.positions[right],
                          np.ones(30, np.float32), np.arange(30, dtype=np.int32),
                          np.zeros(30, np.int32))
    rough = solve(few, view.camera)
    assert isinstance(rough, Solution)
    sure = evidence(rough, few, features, known, view.camera)
    assert sure < -30
    fine, pairs = confirm(rough, few, features, known, view.camera, SolveOptions())
    assert fine.inliers.sum() > 3 * rough.inliers.sum() and len(pairs) > len(few)
    assert fine.log_false_alarms == rough.log_false_alarms
    assert np.linalg.norm(fine.map_from_camera.translation - view.map_from_camera.translation) \
        < 0.02
    turned = Rigid(rotation_from_vector([0, 0.3, 0]) @ rough.map_from_camera.rotation,
                   rough.map_from_camera.translation)
    wrong = replace(rough, map_from_camera=turned)
    assert evidence(wrong, few, features, known, view.camera) > -3
    again = solve_from(rough.map_from_camera, few, view.camera)
    assert isinstance(again, Solution) and again.inliers.sum() == rough.inliers.sum()


def test_the_split_with_the_most_gain(landmarks: Landmarks, neumap_weights: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    order = Order(landmarks, BUDGET, neumap_weights)

    def measure(pieces: list) -> int:
        return sum(len(encode_tile(piece.tile)) for piece in pieces)

    chosen = open_maker("hybrid", order).make(measure)
    trial = Trial(landmarks, "hybrid", neumap_weights)
    gains = {}
    for split in SPLITS:
        monkeypatch.setattr(hybrid_tiles, "SPLITS", (split,))
        made = open_maker("hybrid", order).make(measure)
        assert measure(made) <= BUDGET
        gains[split.share, split.bits] = trial.gain([piece.tile for piece in made])
    margin = WORTH / len(landmarks.held_out) ** 0.5
    expected = next(iter(gains))
    for split, gain in gains.items():
        expected = split if gain > gains[expected] + margin else expected
    assert tuple(chosen[0].tile.meta["split"]) == expected
    monkeypatch.undo()
    with pytest.raises(NmapError, match="can't be met; the smallest map"):
        open_maker("hybrid", replace(order, budget=300)).make(measure)


def test_a_tile_beside_others_is_split_as_they_are(landmarks: Landmarks, neumap_weights: Path
                                                   ) -> None:
    like = Tile("0_0", "hybrid", {"side": 1.9, "split": [0.25, 1]})
    order = Order(landmarks, 9000, neumap_weights, like=like)
    piece, = open_maker("hybrid", order).make(lambda pieces: len(encode_tile(pieces[0].tile)))
    assert piece.tile.meta["split"] == [0.25, 1] and piece.tile.meta["side"] == 1.9


def test_tiles_and_retrieval(neumap_weights: Path) -> None:
    """Several tiles whose voxels are chosen by similar views; some may lack a part."""
    scene = world(1, count=900, dimensions=128)
    options = BuildOptions("hybrid", 40_000, tile=4.0, weights=neumap_weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hybrid_tiles, "SPLITS", (Split(0.03, 2),))
        patch.setattr(hybrid_tiles, "choose_side", lambda _: 1.0)  # more voxels than are decoded
        made = make(scene, Path("site"), options)
    tiles = [decode_tile(data, "tile") for data in made.encoded]
    assert len(tiles) > 1 and "retrieval/n" in tiles[0].arrays
    assert made.recall == 1.0


def test_what_is_no_hybrid_tile_is_refused(landmarks: Landmarks, localizer_of: Opens,
                                           neumap_weights: Path) -> None:
    decoder, weights = localizer_of(Split(0.5, 2)).decoder, neumap_weights
    with pytest.raises(NmapError, match="not a hybrid tile"):
        decoder.load([Tile("0_0", "neumap", {}, {})])
    with pytest.raises(NmapError, match="not a hybrid tile"):
        decoder.load([Tile("0_0", "hybrid", {}, {})])
    order = Order(landmarks, BUDGET, weights, like=Tile("0_0", "hybrid", {
        "side": 1.9, "split": [0.5, 2]}))
    piece, = open_maker("hybrid", order).make(lambda pieces: len(encode_tile(pieces[0].tile)))
    good = piece.tile
    for name in (CODES, LANDMARKS, "l", "p"):
        fewer = {k: v[:-3] if k == name else v for k, v in good.arrays.items()}
        with pytest.raises(NmapError, match="tile 0_0: not a hybrid tile"):
            decoder.load([replace(good, arrays=fewer)])
