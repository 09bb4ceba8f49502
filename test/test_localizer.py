"""From features or an image to an estimate, against maps of both representations."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from small_networks import textured
from synthetic_landmarks import CAMERA, features_of, world

from nmap_reloc.errors import NmapError
from nmap_reloc.features.sift import SiftExtractor
from nmap_reloc.geometry import Rigid, angle_degrees
from nmap_reloc.localizer import Localizer, LocalizerOptions
from nmap_reloc.mapping.build import BuildOptions, build_site, unchanged
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.types import Estimate, Features, PosePrior


@pytest.fixture(scope="module")
def scene() -> Landmarks:
    return replace(world(5, dimensions=128), extractor_hash=SiftExtractor().content_hash)


@pytest.fixture(scope="module", params=["landmarks", "neumap"])
def site(request: pytest.FixtureRequest, scene: Landmarks, neumap_weights: Path,
         tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site") / request.param
    build_site(scene, path, request.param, options=BuildOptions(weights=neumap_weights))
    return path


@pytest.fixture(scope="module")
def localizer(site: Path, neumap_weights: Path) -> Localizer:
    return Localizer.open(site, weights=neumap_weights)


def near(estimate: Estimate, pose: Rigid, metres: float = 0.05, degrees: float = 0.5) -> bool:
    found = estimate.map_from_camera
    return found is not None and angle_degrees(found, pose) < degrees and float(
        np.linalg.norm(found.translation - pose.translation)) < metres


def test_views_that_were_not_mapped_are_found(localizer: Localizer, scene: Landmarks) -> None:
    for view in scene.held_out:
        estimate = localizer.localize_features(features_of(view), view.camera)
        assert estimate.accepted and near(estimate, view.map_from_camera)
        assert estimate.covariance is not None and estimate.covariance.shape == (6, 6)
        assert np.linalg.eigvalsh(estimate.covariance)[0] > 0
        assert estimate.inlier_count > 50 and estimate.correspondences is not None
        assert estimate.inliers is not None
        assert len(estimate.inliers) == len(estimate.correspondences)
        assert {"activate", "decode", "solve", "judge"} <= set(estimate.milliseconds)


def test_the_map_says_what_it_is(localizer: Localizer, site: Path) -> None:
    assert localizer.unit == "metre" and localizer.manifest.representation == site.name
    assert localizer.map_bytes == sum(
        f.stat().st_size for f in site.rglob("*") if f.is_file() and "verification" not in f.parts)
    assert localizer.manifest.built["recall"] == 1.0


def test_without_pycolmap_they_are_found_too(site: Path, neumap_weights: Path) -> None:
    """As on a Jetson, for which there is no wheel: a process that can't import it."""
    without = "import sys; sys.modules['pycolmap'] = None; " \
              "from nmap_reloc.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", without, "map", "verify", site, "--decoder",
                           neumap_weights, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["recall"] == 1.0


def test_deterministic(localizer: Localizer, scene: Landmarks) -> None:
    view = scene.held_out[0]
    a, b = (localizer.localize_features(features_of(view), view.camera) for _ in range(2))
    assert a.map_from_camera is not None and b.map_from_camera is not None
    np.testing.assert_array_equal(a.map_from_camera.translation, b.map_from_camera.translation)


def test_a_good_prior_agrees_and_a_wrong_one_is_contradicted(localizer: Localizer,
                                                             scene: Landmarks) -> None:
    view = scene.held_out[0]
    covariance = np.diag([0.1 ** 2] * 3 + [0.05 ** 2] * 3)
    good = PosePrior(view.map_from_camera, covariance)
    assert localizer.localize_features(features_of(view), view.camera, good).accepted
    moved = Rigid(view.map_from_camera.rotation, view.map_from_camera.translation + [0, 0, 3.0])
    wrong = localizer.localize_features(features_of(view), view.camera,
                                        PosePrior(moved, covariance))
    assert not wrong.accepted and wrong.refusal is not None and wrong.refusal.stage == "gate"
    assert "prior" in wrong.refusal.reason and wrong.map_from_camera is not None


def test_too_few_features_are_refused_by_name(localizer: Localizer, scene: Landmarks) -> None:
    estimate = localizer.localize_features(some(features_of(scene.held_out[0]), 15), CAMERA)
    assert estimate.refusal is not None and estimate.refusal.stage == "features"
    assert "15 keypoints" in estimate.refusal.reason and estimate.map_from_camera is None


def test_another_place_is_refused_not_guessed(localizer: Localizer) -> None:
    elsewhere = world(77, dimensions=128)
    for view in elsewhere.held_out:
        estimate = localizer.localize_features(features_of(view), view.camera)
        assert not estimate.accepted and estimate.refusal is not None
        assert estimate.refusal.stage in ("decode", "solve", "gate")
        assert estimate.refusal.reason and "\n" not in estimate.refusal.reason


def test_a_prior_that_sees_no_voxel_is_refused_by_activation(site: Path, scene: Landmarks,
                                                             neumap_weights: Path) -> None:
    one = Localizer.open(site, weights=neumap_weights, options=LocalizerOptions(most_voxels=0))
    away = PosePrior(Rigid(np.eye(3), np.array([0.0, 0, 500])), np.eye(6) * 1e-4)
    estimate = one.localize_features(features_of(scene.held_out[0]), CAMERA, away)
    assert estimate.refusal is not None and estimate.refusal.stage == "activation"


def test_a_camera_of_another_size_is_refused(localizer: Localizer, scene: Landmarks) -> None:
    other = replace(CAMERA, width=320, height=240, params=(200.0, 200.0, 160.0, 120.0))
    with pytest.raises(NmapError, match="640 x 480 but its intrinsics are for 320 x 240"):
        localizer.localize_features(features_of(scene.held_out[0]), other)
    with pytest.raises(NmapError, match="image is 640 x 480 but its intrinsics are for 320 x 240"):
        localizer.localize(textured(480, 640), other)


def test_an_image_of_another_place_goes_the_whole_way(localizer: Localizer) -> None:
    estimate = localizer.localize(textured(480, 640), CAMERA)
    assert not estimate.accepted and "features" in estimate.milliseconds


def test_a_blank_image_is_refused_by_features(localizer: Localizer) -> None:
    estimate = localizer.localize(np.zeros((480, 640), np.uint8), CAMERA)
    assert estimate.refusal is not None and estimate.refusal.stage == "features"


def test_the_tiles_in_use_can_be_replaced_between_two_images(localizer: Localizer,
                                                             scene: Landmarks) -> None:
    view = scene.held_out[0]
    before = localizer.active
    try:
        localizer.active = replace(before, index=None)
        assert localizer.localize_features(features_of(view), view.camera).accepted
    finally:
        localizer.active = before


def test_other_weights_are_refused(site: Path, neumap_weights: Path, tmp_path: Path) -> None:
    if site.name == "landmarks":
        pytest.skip("has no decoder network")
    from small_networks import write_neumap

    other = write_neumap(tmp_path, steps=2)
    with pytest.raises(NmapError, match=r"was built with decoder weights .*rebuild"):
        Localizer.open(site, weights=other)


def test_building_again_is_unchanged_and_another_budget_is_not(scene: Landmarks, site: Path,
                                                               neumap_weights: Path) -> None:
    options = BuildOptions(site.name, weights=neumap_weights)
    assert unchanged(site, scene, options) is not None
    assert unchanged(site, scene, replace(options, budget=30_000)) is None
    assert unchanged(site, world(6, dimensions=128), options) is None


@pytest.mark.parametrize("budget", [3_000, 4_000, 20_000])
def test_the_budget_is_kept_and_used(scene: Landmarks, neumap_weights: Path, tmp_path: Path,
                                     budget: int) -> None:
    made = build_site(scene, tmp_path / "site", "neumap", budget,
                      BuildOptions(weights=neumap_weights))
    assert made.bytes() <= budget
    whole = Localizer.open(made.path, weights=neumap_weights).active.loaded
    assert made.bytes() > 0.9 * budget or len(whole.levels) == len(scene)
    assert made.bytes() == sum(f.stat().st_size for f in made.path.rglob("*")
                               if f.is_file() and "verification" not in f.parts)


def test_the_smallest_budget_is_named_and_can_be_met(scene: Landmarks, neumap_weights: Path,
                                                     tmp_path: Path) -> None:
    import re

    for representation in ("neumap", "landmarks"):
        site = tmp_path / representation
        with pytest.raises(NmapError, match=r"--budget 500 bytes: can't be met") as error:
            build_site(scene, site, representation, 500, BuildOptions(weights=neumap_weights))
        assert not site.exists()
        least = int(re.findall(r"takes (\d+) bytes", str(error.value))[0])
        assert build_site(scene, site, representation, least,
                          BuildOptions(weights=neumap_weights)).bytes() <= least


def test_polishing_prunes_and_still_localizes(scene: Landmarks, neumap_weights: Path,
                                              tmp_path: Path) -> None:
    made = build_site(scene, tmp_path / "site", "neumap", 12_000,
                      BuildOptions(weights=neumap_weights, polish=12))
    assert made.bytes() <= 12_000
    localizer = Localizer.open(made.path, weights=neumap_weights)
    view = scene.held_out[0]
    assert near(localizer.localize_features(features_of(view), view.camera), view.map_from_camera)


def test_many_voxels_carry_an_index_and_are_chosen_by_it(scene: Landmarks, neumap_weights: Path,
                                                         tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    import nmap_reloc.mapping.retrieval as module

    few = LocalizerOptions(most_voxels=3)
    monkeypatch.setattr(module, "LocalizerOptions", lambda: few)
    made = build_site(scene, tmp_path / "site", "neumap", 16_000,
                      BuildOptions(weights=neumap_weights, tile=2.0))
    assert len(made.manifest.tiles) > 1 and "retrieval" in made.bytes_by_part()
    localizer = Localizer.open(made.path, weights=neumap_weights, options=few)
    assert localizer.active.index is not None and len(localizer.active.loaded) > 3
    view = scene.held_out[1]
    estimate = localizer.localize_features(features_of(view), view.camera)
    assert near(estimate, view.map_from_camera, 0.1, 1.0)
    assert estimate.correspondences is not None
    assert len(set(estimate.correspondences.voxels.tolist())) <= 3


def some(features: Features, count: int) -> Features:
    return replace(features, keypoints=features.keypoints[:count], scores=features.scores[:count],
                   descriptors=features.descriptors[:count])
