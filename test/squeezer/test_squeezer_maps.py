"""From landmarks to a site and back to a pose, without torch on the way back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_landmarks import CAMERA, features_of

from nmap_reloc.errors import NmapError
from nmap_reloc.geometry import Rigid
from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.mapping.build import BuildOptions, build_site
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.selection import WAYS, Selection
from nmap_reloc.maps.places import Sight
from nmap_reloc.maps.store import Site
from nmap_reloc.maps.tile import decode_tile, encode_tile
from nmap_reloc.representations.squeezer import registration
from nmap_reloc.representations.squeezer.decode import PLENTY, LoadedClusters, open_decoder
from nmap_reloc.representations.squeezer.layout import (
    StoredClusters,
    frames_of,
    from_tile,
    to_tile,
)
from nmap_reloc.types import Correspondences

STEP = 0.02  # map units, of a stored place


def stored(bits: int = 4) -> StoredClusters:
    rng = np.random.default_rng(0)
    clusters = np.repeat([0, 1, 2], [30, 1, 40]).astype(np.int32)
    positions = rng.normal(size=(71, 3)) + 1000.0 * clusters[:, None]
    levels = rng.integers(0, 2 ** bits, (71, 12)).astype(np.uint8)
    return StoredClusters(levels, bits, positions, clusters, frames_of(positions, clusters))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_tile_gives_back_what_was_stored(bits: int) -> None:
    kept = stored(bits)
    again = from_tile(decode_tile(encode_tile(to_tile(kept, "0_0", Sight.even(STEP))), "x"))
    order = np.linalg.norm(kept.positions[:, None] - again.positions, axis=2).argmin(0)
    assert len(set(order.tolist())) == len(kept.levels)  # in an order of the tile's own
    np.testing.assert_array_equal(again.levels, kept.levels[order])
    np.testing.assert_array_equal(again.clusters, kept.clusters[order])
    assert np.abs(again.positions - kept.positions[order]).max() <= STEP / 2
    np.testing.assert_allclose(again.frames, kept.frames, atol=2 * STEP)
    assert again.codes.min() >= 0 and again.codes.max() <= 1


@pytest.mark.parametrize(("name", "value"), [
    ("k", np.zeros(3, np.uint8)), ("k", None), ("z", np.zeros(3, np.uint8)), ("p", None),
    ("e", None), ("bits", [3, 0]), ("bits", 2), ("code", 0), ("clusters", 4), ("clusters", 0),
    ("clusters", 1 << 40), ("side", "x"), ("tree", [])])
def test_a_malformed_tile_is_named(name: str, value: Any) -> None:
    tile = to_tile(stored(), "3_4", Sight.even(STEP))
    if name in tile.meta:
        tile = replace(tile, meta={**tile.meta, name: value})
    else:
        arrays = {**tile.arrays, name: value}
        tile = replace(tile, arrays={k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(NmapError, match=r"tile 3_4: not a squeezer tile.*rebuild"):
        from_tile(tile)


@pytest.fixture(scope="module")
def site(scene: Landmarks, squeezer_weights: Path, tmp_path_factory: pytest.TempPathFactory
         ) -> Path:
    path = tmp_path_factory.mktemp("site") / "squeezed"
    build_site(scene, path, "squeezer", 12_000, BuildOptions(weights=squeezer_weights, tile=4.0))
    return path


def test_a_site_is_within_its_budget_and_localizes(site: Path, scene: Landmarks,
                                                   squeezer_weights: Path) -> None:
    opened = Site.open(site)
    assert opened.manifest.representation == "squeezer" and opened.bytes() <= 12_000
    assert opened.manifest.built["recall"] == 1.0
    decoder = open_decoder("squeezer-sift", "sift", "onnx", squeezer_weights, 1)
    localizer = Localizer(opened.manifest, [opened.tile(entry.id)
                                            for entry in opened.manifest.tiles], None, decoder,
                          LocalizerOptions())
    for view in scene.held_out:
        estimate = localizer.localize_features(features_of(view), view.camera)
        assert estimate.accepted and estimate.map_from_camera is not None
        apart = estimate.map_from_camera.translation - view.map_from_camera.translation
        assert np.linalg.norm(apart) < 0.05
        assert estimate.correspondences is not None and estimate.inliers is not None
        assert len(estimate.inliers) == len(estimate.correspondences)


def test_only_wanted_clusters_answer(site: Path, scene: Landmarks, squeezer_weights: Path) -> None:
    decoder = open_decoder("squeezer-sift", "sift", "onnx", squeezer_weights, 1)
    opened = Site.open(site)
    active = decoder.load([opened.tile(entry.id) for entry in opened.manifest.tiles])
    features = features_of(scene.views[0])
    assert len(active) > 1 and active.nbytes() > 0
    one = decoder.decode(features, active, np.array([1], np.int32))
    everything = decoder.decode(features, active)
    assert set(one.voxels.tolist()) <= {1} and len(everything) > len(one)
    assert (np.diff(everything.confidences) <= 0).all()
    none = replace(features, keypoints=features.keypoints[:0], scores=features.scores[:0],
                   descriptors=features.descriptors[:0])
    assert len(decoder.decode(none, active)) == 0


def test_a_budget_too_small_names_the_least(scene: Landmarks, squeezer_weights: Path,
                                            tmp_path: Path) -> None:
    with pytest.raises(NmapError, match=r"--budget 900 bytes.*give at least"):
        build_site(scene, tmp_path / "x", "squeezer", 900, BuildOptions(weights=squeezer_weights))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("way", WAYS)
def test_every_way_keeps_equally_many(way: str, scene: Landmarks, squeezer_weights: Path,
                                      tmp_path: Path) -> None:
    built = build_site(scene, tmp_path / way, "squeezer", None, BuildOptions(
        weights=squeezer_weights, selection=Selection(way, 0.1)))
    tile = from_tile(built.tile(built.manifest.tiles[0].id))
    assert len(tile.levels) == round(0.1 * len(scene)) and tile.bits == 8


def test_a_cluster_that_disagrees_is_left_out(scene: Landmarks) -> None:
    """Two clusters: one true, one whose points are elsewhere."""
    view = scene.views[0]
    rows = np.flatnonzero(view.landmarks >= 0)[:80]
    points = scene.positions[view.landmarks[rows]]
    wrong = np.random.default_rng(0).uniform(-5, 5, (60, 3)) + [0, 0, 30]
    pairs = Correspondences(
        np.concatenate([view.keypoints[rows], view.keypoints[rows[:60]]]).astype(np.float64),
        np.concatenate([points, wrong]), np.linspace(1, 0.1, 140).astype(np.float32),
        np.concatenate([rows, rows[:60]]).astype(np.int32),
        np.repeat([4, 7], [80, 60]).astype(np.int32))
    kept = registration.registered(pairs, CAMERA, registration.SolveOptions())
    assert kept[:80].all() and not kept[80:].any()
    solution = registration.solve(pairs, CAMERA)
    assert isinstance(solution, registration.Solution)
    pose: Rigid = solution.map_from_camera
    assert np.linalg.norm(pose.translation - view.map_from_camera.translation) < 0.02
    assert len(solution.inliers) == 140 and not solution.inliers[80:].any()


@pytest.mark.parametrize(("count", "grows"), [(PLENTY // 2, True), (2 * PLENTY, False)])
def test_doubtful_points_only_help_a_pose_of_few_pairs(
        count: int, grows: bool, scene: Landmarks, squeezer_weights: Path) -> None:
    """All points but the pairs' own have descriptors of which two thirds are noise."""
    view = scene.views[0]
    rows = np.flatnonzero(view.landmarks >= 0)[:count]
    rng = np.random.default_rng(0)
    known = scene.mean_descriptors()
    noise = rng.normal(size=known.shape) / known.shape[1] ** 0.5
    doubtful = (known + 1.15 * noise).astype(np.float32)
    doubtful /= np.linalg.norm(doubtful, axis=1, keepdims=True)
    doubtful[view.landmarks[rows]] = known[view.landmarks[rows]]
    active = LoadedClusters(doubtful, scene.positions, np.array([0, len(scene)], np.int32),
                            np.zeros((1, 3)), 1.0)
    pairs = Correspondences(view.keypoints[rows].astype(np.float64),
                            scene.positions[view.landmarks[rows]], np.ones(count, np.float32),
                            rows.astype(np.int32), np.zeros(count, np.int32))
    decoder = open_decoder("squeezer-sift", "sift", "onnx", squeezer_weights, 1)
    found = registration.solve(pairs, CAMERA)
    assert isinstance(found, registration.Solution) and found.inliers.sum() > 0.9 * count
    confirmed, all_pairs = decoder.confirm(features_of(view), active, pairs, CAMERA, found,
                                           registration.SolveOptions())
    assert isinstance(confirmed, registration.Solution)
    distinct = len(np.unique(all_pairs.points3D, axis=0))
    assert (distinct > 1.3 * count) == grows
