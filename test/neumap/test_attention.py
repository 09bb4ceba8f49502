"""What codes look at: scores and the pictures made of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from small_networks import textured
from synthetic_landmarks import features_of, world
from typer.testing import CliRunner

from nmap_reloc.cli.main import app
from nmap_reloc.engines.export import open_network
from nmap_reloc.errors import NmapError
from nmap_reloc.features.network import FeatureNetwork
from nmap_reloc.features.sift import SiftExtractor
from nmap_reloc.mapping.build import BuildOptions, build_site
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.maps.store import Site
from nmap_reloc.representations.neumap.attention import (
    STEP,
    Attention,
    Observer,
    busiest_codes,
    dense_grid,
    describe,
    figure_of_code,
    figure_of_regions,
    heat_map,
)
from nmap_reloc.types import Features, Image


class Given:
    """An extractor that was told what it sees."""

    name, content_hash, dimensions, keypoints = "sift", "", 128, 1024

    def __init__(self, features: Features):
        self.features = features

    def __call__(self, image: Image) -> Features:
        return self.features


@pytest.fixture(scope="module")
def scene() -> Landmarks:
    return replace(world(5, dimensions=128), extractor_hash=SiftExtractor().content_hash)


@pytest.fixture(scope="module")
def site(scene: Landmarks, neumap_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return build_site(scene, tmp_path_factory.mktemp("attention") / "site", "neumap", 20_000,
                      BuildOptions(weights=neumap_weights))


@pytest.fixture(scope="module")
def views(scene: Landmarks, site: Site, neumap_weights: Path) -> list[Attention]:
    seen = []
    for i, view in enumerate(scene.held_out):
        observer = Observer.open(site, Given(features_of(view)), neumap_weights)
        seen.append(observer.look(np.repeat(textured(480, 640, i)[..., None], 3, 2)))
    return seen


def test_scores_are_an_attention(views: list[Attention], scene: Landmarks) -> None:
    for view, seen in zip(views, scene.held_out, strict=True):
        assert view.points.shape == (len(seen.keypoints), 2)
        assert view.codes.shape == view.scores.shape and len(view.codes) == len(view.points)
        np.testing.assert_allclose(view.scores.sum(1), 1, atol=1e-4)
        np.testing.assert_allclose(view.of_all(), view.scores.max(1))
        assert all(len(set(row)) == len(row) for row in view.codes[:50].tolist())


def test_a_code_looks_at_its_own_landmark(views: list[Attention], site: Site, scene: Landmarks,
                                          neumap_weights: Path) -> None:
    """In both views, at the pixel where its point of the scene is seen."""
    observer = Observer.open(site, Given(features_of(scene.held_out[0])), neumap_weights)
    positions = observer.voxels.positions + observer.voxels.origin
    right = []
    for code in busiest_codes(views, 20):
        owner = int(np.argmin(np.linalg.norm(scene.positions - positions[code], axis=1)))
        for view, seen in zip(views, scene.held_out, strict=True):
            local = seen.map_from_camera.inverse().apply(scene.positions[owner][None])[0]
            pixel = 400 * local[:2] / local[2] + [320, 240]
            if local[2] > 0 and (abs(pixel - [320, 240]) < [310, 230]).all():
                place = view.points[int(view.of_code(code).argmax())]
                right.append(np.linalg.norm(place - pixel) < 5)
    assert len(right) > 15 and np.mean(right) > 0.8


def test_the_busiest_codes_are_looked_at(views: list[Attention]) -> None:
    codes = busiest_codes(views, 5)
    assert len(set(codes)) == 5
    assert all(view.of_code(codes[0]).max() > 0.3 for view in views)


def test_heat_is_normalised_over_the_image() -> None:
    points = dense_grid(60, 80)
    scores = np.exp(-((points - [24, 40]) ** 2).sum(1) / 200).astype(np.float32)
    heat = heat_map(points, scores, 60, 80)
    assert heat.shape == (60, 80) and heat.min() == 0 and heat.max() == 1
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert abs(row - 40) <= STEP and abs(column - 24) <= STEP


def test_heat_of_equal_scores_is_finite() -> None:
    points = dense_grid(30, 40)
    assert np.isfinite(heat_map(points, np.full(len(points), 0.5, np.float32), 30, 40)).all()


def test_figures(views: list[Attention]) -> None:
    row = figure_of_code(views, busiest_codes(views, 1)[0])
    assert row.dtype == np.uint8 and row.shape == (240, 2 * 320, 3)
    regions = figure_of_regions(views[0])
    assert regions.dtype == np.uint8 and regions.shape == (480, 640, 3)
    best = views[0].points[int(views[0].of_all().argmax())].astype(int)
    x, y = np.clip(best, 0, [639, 479])
    shift = regions[y, x].astype(int) - views[0].image[y, x] * 0.45
    assert shift[2] > shift[0]  # blue where a code is looked at


def test_grey_pictures_too(views: list[Attention]) -> None:
    grey = replace(views[0], image=np.ascontiguousarray(views[0].image[..., 0]))
    assert figure_of_regions(grey).shape == (480, 640, 3)


def test_descriptors_of_a_dense_grid(feature_weights: Path) -> None:
    network = open_network("features", feature_weights)
    assert isinstance(network, FeatureNetwork)
    image = textured(100, 150)
    grid = dense_grid(100, 150)
    assert (grid > 0).all() and (grid < [150, 100]).all() and len(grid) == 12 * 19
    described = describe(network, image, grid)
    np.testing.assert_allclose(np.linalg.norm(described, axis=1), 1, atol=1e-4)
    with torch.inference_mode():  # at its own keypoints the network says the same
        inner = torch.from_numpy(image[:96, :128].astype(np.float32) / 255)[None, None]
        points, _, expected, _ = network(inner, 20)
    np.testing.assert_allclose(describe(network, image[:96, :128], points.numpy()),
                               expected.numpy(), atol=1e-4)


def test_an_uncompressed_map_has_no_codes(scene: Landmarks, tmp_path: Path) -> None:
    plain = build_site(scene, tmp_path / "site", "landmarks")
    with pytest.raises(NmapError, match="a map of landmarks has no codes"):
        Observer.open(plain, Given(features_of(scene.held_out[0])))


def test_an_image_without_texture_is_refused(site: Site, neumap_weights: Path) -> None:
    observer = Observer.open(site, SiftExtractor(), neumap_weights)
    with pytest.raises(NmapError, match="without texture"):
        observer.look(np.zeros((100, 100), np.uint8))


def test_the_command_on_a_simulated_scene(neumap_weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("embreex")
    from nmap_reloc.simulation.dataset import simulate

    scene = simulate(tmp_path / "scene", seed=3, map_views=5, query_views=2, size=(320, 240),
                     detail=0.3, extent=1)
    runner, folder = CliRunner(), ["--decoder", str(neumap_weights)]
    built = runner.invoke(app, ["map", "build", str(scene), "-o", str(tmp_path / "site"),
                                "--features", "sift", "--held-out", "0", *folder])
    assert built.exit_code == 0, built.output
    done = runner.invoke(app, ["map", "attention", str(tmp_path / "site"), str(scene), "-o",
                               str(tmp_path / "out"), "--codes", "2", *folder])
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names[2:] == ["regions-query_0000.jpg", "regions-query_0001.jpg"]
    assert all(name.startswith("code-") for name in names[:2]) and len(names) == 4
    assert done.output.split() and all(str(tmp_path / "out" / n) in done.output for n in names)
    picture = cv2.imread(str(tmp_path / "out" / names[0]))
    assert picture is not None and picture.shape == (240, 2 * 320, 3)
    wrong = runner.invoke(app, ["map", "attention", str(tmp_path / "site"), str(scene), "-o",
                                str(tmp_path / "out"), "--code", "999999", *folder])
    assert wrong.exit_code == 1 and "--code 999999" in wrong.output
