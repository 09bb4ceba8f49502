"""On the robot: tiles loaded once, all voxels asked in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_landmarks import features_of, world

from nmap_reloc.engines import open_engine
from nmap_reloc.engines.export import open_network
from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid, rotation_from_vector
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.partition import cut, partition
from nmap_reloc.maps.tile import Tile
from nmap_reloc.outlook import Outlook
from nmap_reloc.pose import Solution, SolveOptions, solve
from nmap_reloc.representations.neumap.decode import FEWEST_HOPEFUL, NeumapDecoder
from nmap_reloc.representations.neumap.encode import encode, into_voxels
from nmap_reloc.representations.neumap.graphs import SERVED
from nmap_reloc.representations.neumap.layout import CodedVoxels, from_tile, to_tile
from nmap_reloc.representations.neumap.network import NeumapNetwork
from nmap_reloc.types import Correspondences, Features, PosePrior, Refusal


class Counting:
    """An engine that says how often it ran."""

    def __init__(self, engine: Any):
        self._engine, self.calls = engine, 0
        self.backend, self.shape, self.close = engine.backend, engine.shape, engine.close

    def __call__(self, inputs: Any) -> Any:
        self.calls += 1
        return self._engine(inputs)


@pytest.fixture(scope="module")
def scene() -> Landmarks:
    return world(5, dimensions=128)


@pytest.fixture(scope="module")
def engines(neumap_weights: Path) -> tuple[Counting, ...]:
    return tuple(Counting(open_engine(f"neumap-sift-{part}", "onnx", neumap_weights, 1))
                 for part in ("unfold", "meet", "decode"))


@pytest.fixture(scope="module")
def decoder(engines: tuple[Counting, ...]) -> NeumapDecoder:
    return NeumapDecoder(*engines, "a" * 32)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def coded(scene: Landmarks, neumap_weights: Path) -> CodedVoxels:
    network = open_network("neumap-sift", neumap_weights)
    assert isinstance(network, NeumapNetwork)
    return into_voxels(scene, np.arange(len(scene)), encode(network, scene.mean_descriptors()),
                       side=1.5)


@pytest.fixture(scope="module")
def tiles(coded: CodedVoxels) -> list[Tile]:
    parts = partition(coded.cells, coded.side, (0, 1), 3.0)
    assert len(parts) > 3
    return [to_tile(cut(coded, part), part.id, 6) for part in parts]


@pytest.fixture(scope="module")
def query(scene: Landmarks) -> Features:
    return features_of(scene.views[3])


def right(scene: Landmarks, found: Correspondences, side: float) -> float:
    """Share of answers, for keypoints with a landmark, that are near it."""
    owner = scene.views[3].landmarks[found.keypoints]
    apart = np.linalg.norm(found.points3D - scene.positions[owner], axis=1)
    return float((apart[owner >= 0] < 0.1 * side).mean())


def test_it_finds_what_the_map_holds(decoder: NeumapDecoder, scene: Landmarks,
                                     coded: CodedVoxels, query: Features) -> None:
    found = decoder.decode(query, decoder.load([to_tile(coded, "0_0", 6)]))
    assert len(found) > 150 and right(scene, found, coded.side) > 0.8
    assert found.points2D.dtype == found.points3D.dtype == np.float64
    assert (np.diff(found.confidences) <= 0).all() and (found.confidences <= 1).all()
    np.testing.assert_array_equal(found.points2D,
                                  query.keypoints[found.keypoints].astype(np.float64))


def test_all_voxels_in_one_call(decoder: NeumapDecoder, engines: tuple[Counting, ...],
                                tiles: list[Tile], query: Features) -> None:
    before = [engine.calls for engine in engines]
    active = decoder.load(tiles)
    assert len(active) > 30
    for _ in range(3):
        decoder.decode(query, active)
    assert [e.calls - b for e, b in zip(engines, before, strict=True)] == [len(tiles), 3, 3]


def test_codes_out_of_view_are_left_out(decoder: NeumapDecoder, tiles: list[Tile],
                                        scene: Landmarks, query: Features,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    active, view = decoder.load(tiles), scene.views[3]
    aside = view.map_from_camera @ Rigid(rotation_from_vector([0, 0.5, 0]), np.zeros(3))
    sure = Outlook.of(view.camera, PosePrior(aside, 1e-8 * np.eye(6)))
    unsure = Outlook.of(view.camera, PosePrior(aside, 1e4 * np.eye(6)))
    whole = decoder.decode(query, active)
    few = decoder.decode_in_view(query, active, None, unsure)
    pairs = [{(int(k), tuple(p)) for k, p in zip(c.keypoints, c.points3D, strict=True)}
             for c in (few, whole)]
    assert len(pairs[0] & pairs[1]) > 0.95 * len(whole)  # settled among fewer candidates
    monkeypatch.setattr("nmap_reloc.representations.neumap.decode.EXPECTED", SERVED)
    found = decoder.decode_in_view(query, active, None, unsure)
    np.testing.assert_array_equal(found.keypoints, whole.keypoints)
    np.testing.assert_array_equal(found.points3D, whole.points3D)
    found = decoder.decode_in_view(query, active, None, sure)
    assert len(found) > 100 and sure.sees(found.points3D).all()
    assert (~sure.sees(whole.points3D)).sum() > 100
    away = Rigid(np.eye(3), np.full(3, 1e6))
    nowhere = Outlook.of(view.camera, PosePrior(away, 1e-8 * np.eye(6)))
    assert not len(decoder.decode_in_view(query, active, None, nowhere))
    again = decoder.decode(query, active)  # and nothing is left of it
    np.testing.assert_array_equal(again.points3D, whole.points3D)


def test_a_large_map_is_met_in_parts(decoder: NeumapDecoder, engines: tuple[Counting, ...],
                                     tiles: list[Tile], query: Features,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    active = decoder.load(tiles)
    whole, met = decoder.decode(query, active), engines[1].calls
    monkeypatch.setattr("nmap_reloc.representations.neumap.decode.MOST_AT_ONCE",
                        len(query) * len(active.levels) // 3)
    parts = decoder.decode(query, active)
    assert engines[1].calls > met + 2
    np.testing.assert_array_equal(whole.keypoints, parts.keypoints)
    np.testing.assert_allclose(whole.points3D, parts.points3D, atol=1e-4)


def test_keypoints_like_no_code_are_dropped(decoder: NeumapDecoder, tiles: list[Tile],
                                            query: Features, monkeypatch: pytest.MonkeyPatch
                                            ) -> None:
    """A foreign descriptor never becomes a pair, and leaves the others' answers as they were."""
    rng = np.random.default_rng(0)
    active = decoder.load(tiles)
    noise = rng.normal(size=query.descriptors.shape).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    similar = decoder._met(noise, active.codes(np.arange(len(active.voxels))))[1][:, 0]
    hopeless = float(np.median(similar))
    monkeypatch.setattr("nmap_reloc.representations.neumap.decode.HOPELESS", hopeless)
    monkeypatch.setattr("nmap_reloc.representations.neumap.decode.HOPEFUL", 1.0)
    known = decoder.decode(query, active)
    mixed = Features(np.tile(query.keypoints, (2, 1)), np.tile(query.scores, 2),
                     np.concatenate([query.descriptors, noise]), query.global_descriptor,
                     query.width, query.height)
    found = decoder.decode(mixed, active)
    old = found.keypoints < len(query)
    np.testing.assert_array_equal(found.keypoints[old], known.keypoints)
    np.testing.assert_allclose(found.points3D[old], known.points3D, atol=1e-4)
    assert (similar[found.keypoints[~old] - len(query)] >= hopeless).all()


def test_of_many_keypoints_the_most_alike_go_on(decoder: NeumapDecoder, tiles: list[Tile],
                                                query: Features, monkeypatch: pytest.MonkeyPatch
                                                ) -> None:
    active = decoder.load(tiles)
    similar = decoder._met(query.descriptors, active.codes(np.arange(len(active.voxels))))[1][:, 0]
    monkeypatch.setattr("nmap_reloc.representations.neumap.decode.HOPEFUL", 0.0)
    found = decoder.decode(query, active)
    assert len(query) > FEWEST_HOPEFUL >= len(found) > 0
    assert similar[found.keypoints].min() >= np.sort(similar)[-FEWEST_HOPEFUL]


def test_what_was_asked_last_is_kept_only_for_the_same_voxels(decoder: NeumapDecoder,
                                                              tiles: list[Tile], query: Features
                                                              ) -> None:
    active, again = decoder.load(tiles), decoder.load(tiles)
    some = np.array([2, 7, 11], np.int32)
    first = decoder.decode(query, active, some)
    decoder.decode(query, active)
    decoder.decode(query, active, np.array([1], np.int32))
    for loaded in (active, again):
        np.testing.assert_array_equal(decoder.decode(query, loaded, some).points3D,
                                      first.points3D)


def test_many_tiles_answer_like_one(decoder: NeumapDecoder, tiles: list[Tile],
                                    coded: CodedVoxels, query: Features) -> None:
    one = decoder.decode(query, decoder.load([to_tile(coded, "all", 8)]))
    many = decoder.decode(query, decoder.load(tiles))
    both = np.intersect1d(one.keypoints, many.keypoints)
    assert len(both) > 0.9 * len(one)  # codes of other bits: others go on at the margin
    a = one.points3D[np.argsort(one.keypoints)][np.isin(np.sort(one.keypoints), both)]
    b = many.points3D[np.argsort(many.keypoints)][np.isin(np.sort(many.keypoints), both)]
    assert float(np.median(np.abs(a - b))) < 0.01


def test_voxel_indices_count_over_all_tiles(decoder: NeumapDecoder, tiles: list[Tile],
                                            query: Features) -> None:
    active = decoder.load(tiles)
    found = decoder.decode(query, active)
    inside = np.abs(found.points3D - active.centres[found.voxels]) <= active.side / 2 + 1e-6
    assert inside.all(1).mean() > 0.99
    assert len(active) == sum(len(from_tile(tile).cells) for tile in tiles)


@pytest.mark.parametrize("some", [[0], [2, 7, 11], [5, 5, 6]])
def test_only_the_wanted_voxels_answer(decoder: NeumapDecoder, tiles: list[Tile],
                                       query: Features, some: Sequence[int]) -> None:
    active = decoder.load(tiles)
    found = decoder.decode(query, active, np.array(some, np.int32))
    assert set(found.voxels.tolist()) <= set(some)


def test_wanting_every_voxel_is_wanting_none_in_particular(decoder: NeumapDecoder,
                                                           tiles: list[Tile], query: Features
                                                           ) -> None:
    active = decoder.load(tiles)
    a = decoder.decode(query, active)
    b = decoder.decode(query, active, np.arange(len(active), dtype=np.int32))
    np.testing.assert_array_equal(a.points3D, b.points3D)


def test_no_voxel_gives_nothing(decoder: NeumapDecoder, tiles: list[Tile], query: Features
                                ) -> None:
    found = decoder.decode(query, decoder.load(tiles), np.zeros(0, np.int32))
    assert len(found) == 0 and found.points3D.shape == (0, 3)


def test_no_keypoint_gives_nothing(decoder: NeumapDecoder, tiles: list[Tile]) -> None:
    none = Features(np.zeros((0, 2), np.float32), np.zeros(0, np.float32),
                    np.zeros((0, 128), np.float32), np.zeros(0, np.float32), 640, 480)
    assert len(decoder.decode(none, decoder.load(tiles))) == 0


@pytest.mark.parametrize("count", [1, 5, 15, 16])
def test_a_handful_of_codes(decoder: NeumapDecoder, scene: Landmarks, coded: CodedVoxels,
                            query: Features, count: int) -> None:
    """Fewer than the network has candidates; an exact match is still found."""
    view = scene.views[3]
    seen = view.landmarks[view.landmarks >= 0][:count]
    rows = [int(np.argmin(np.linalg.norm(coded.positions - scene.positions[i], axis=1)))
            for i in seen]
    rows = sorted(rows, key=lambda row: coded.voxels[row])
    cells, voxels = np.unique(coded.voxels[rows], return_inverse=True)
    small = CodedVoxels(coded.codes[rows], coded.positions[rows], voxels.astype(np.int32),
                        coded.cells[cells], coded.side)
    found = decoder.decode(query, decoder.load([to_tile(small, "0_0", 6)]))
    assert len(found) <= len(query)
    assert np.isfinite(found.points3D).all() and (found.voxels < len(cells)).all()
    own = np.isin(view.landmarks[found.keypoints], seen)
    assert own.sum() >= count // 2
    apart = np.linalg.norm(found.points3D[own] - scene.positions[
        view.landmarks[found.keypoints[own]]], axis=1)
    assert len(apart) == 0 or float(np.median(apart)) < 0.1 * coded.side


def test_a_far_away_map_is_as_exact(decoder: NeumapDecoder, coded: CodedVoxels, query: Features
                                    ) -> None:
    far = np.array([400_000, -300_000, 1000], np.int32)
    moved = CodedVoxels(coded.codes, coded.positions + far * coded.side, coded.voxels,
                        coded.cells + far, coded.side)
    here = decoder.decode(query, decoder.load([to_tile(coded, "0_0", 6)]))
    there = decoder.decode(query, decoder.load([to_tile(moved, "0_0", 6)]))
    np.testing.assert_array_equal(here.keypoints, there.keypoints)
    np.testing.assert_allclose(here.points3D + far * coded.side, there.points3D, atol=2e-3)


def test_tiles_of_different_voxels_are_not_mixed(decoder: NeumapDecoder, tiles: list[Tile]
                                                 ) -> None:
    other = Tile("9_9", "neumap", {**tiles[1].meta, "side": 3.0}, tiles[1].arrays)
    with pytest.raises(NmapError, match=r"voxels of different sides .*load tiles of one map"):
        decoder.load([tiles[0], other])


def test_codes_for_another_network_are_refused(decoder: NeumapDecoder, coded: CodedVoxels) -> None:
    narrow = CodedVoxels(coded.codes[:, :7], coded.positions, coded.voxels, coded.cells,
                         coded.side)
    with pytest.raises(NmapError, match=r"codes of 7 numbers .*the decoder takes 16"):
        decoder.load([to_tile(narrow, "0_0", 6)])


def test_tiles_with_and_without_factors_go_together(decoder: NeumapDecoder, coded: CodedVoxels,
                                                    query: Features) -> None:
    parts = partition(coded.cells, coded.side, (0, 1), 6.0)
    plain = [to_tile(cut(coded, part), part.id, 6) for part in parts]
    scaled = CodedVoxels(coded.codes, coded.positions, coded.voxels, coded.cells, coded.side,
                         np.ones((len(coded.codes), 2), np.float32))
    mixed = [to_tile(cut(scaled, parts[0]), parts[0].id, 6), *plain[1:]]
    a, b = (decoder.decode(query, decoder.load(t)) for t in (plain, mixed))
    np.testing.assert_allclose(a.points3D, b.points3D, atol=1e-5)


def test_memory_is_counted(decoder: NeumapDecoder, tiles: list[Tile], coded: CodedVoxels) -> None:
    active = decoder.load(tiles)
    # bytes: codes, halves: keys, values and marks; floats: positions
    assert active.nbytes() >= len(coded.codes) * (16 + 2 * (2 * 2 * 32 + 16) + 4 * 3)
    assert active.nbytes() < len(coded.codes) * 4 * (16 + 2 * 2 * 32 + 3)


def test_the_pose_gains_by_codes_that_decode_left_out(decoder: NeumapDecoder, scene: Landmarks,
                                                      coded: CodedVoxels, query: Features
                                                      ) -> None:
    """Half of the pairs are taken away: codes near keypoints bring more than were left."""
    active = decoder.load([to_tile(coded, "0_0", 6)])
    view = scene.views[3]
    found = decoder.decode(query, active)
    fewer = replace(found, **{name: getattr(found, name)[::2] for name in (
        "points2D", "points3D", "confidences", "keypoints", "voxels", "others")})
    first = solve(fewer, view.camera)
    assert isinstance(first, Solution)
    again, pairs = decoder.confirm(query, active, fewer, view.camera, first, SolveOptions())
    assert isinstance(again, Solution)
    assert again.inliers.sum() > 1.5 * first.inliers.sum()
    assert len(pairs) == len(again.inliers) and pairs.others is None
    assert again.log_false_alarms == first.log_false_alarms
    away = again.map_from_camera.translation - view.map_from_camera.translation
    assert np.linalg.norm(away) < 0.02
    refused = Refusal("solve", "no pose")
    assert decoder.confirm(query, active, fewer, view.camera, refused, SolveOptions())[0] \
        is refused
    other = replace(query)  # decode was not asked this one
    assert decoder.confirm(other, active, fewer, view.camera, first, SolveOptions())[0] is first
