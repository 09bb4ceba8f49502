"""OpenCV SIFT behind the Extractor interface."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from nmap_reloc.errors import NmapError
from nmap_reloc.features import open_extractor
from nmap_reloc.features.base import Extractor
from nmap_reloc.features.sift import SiftExtractor
from nmap_reloc.types import Image


@pytest.fixture(scope="module")
def picture() -> Image:
    random = np.random.default_rng(3)
    noise = cv2.GaussianBlur(random.random((240, 320)).astype(np.float32), (0, 0), 2.5)
    return np.asarray(cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX), np.uint8)


def test_what_comes_out(picture: Image) -> None:
    extractor: Extractor = open_extractor("sift", 200)
    features = extractor(picture)
    assert extractor.name == "sift"
    assert extractor.dimensions == 128 and extractor.keypoints == 200
    assert len(features) == 200
    assert features.keypoints.shape == (200, 2) and features.keypoints.dtype == np.float32
    assert features.descriptors.shape == (200, 128) and features.descriptors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)
    assert np.linalg.norm(features.global_descriptor) == pytest.approx(1, abs=1e-5)
    assert (np.diff(features.scores) <= 0).all() and features.scores.min() > 0
    assert features.scores.max() <= 1
    assert len(np.unique(features.keypoints, axis=0)) == 200
    assert (features.width, features.height) == (320, 240)


def test_deterministic_and_nested(picture: Image) -> None:
    first, again = SiftExtractor(200)(picture), SiftExtractor(200)(picture)
    np.testing.assert_array_equal(first.descriptors, again.descriptors)
    fewer = SiftExtractor(50)(picture)
    np.testing.assert_array_equal(fewer.keypoints, first.keypoints[:50])


def test_grey_is_colour_without_colour(picture: Image) -> None:
    colour = SiftExtractor(100)(np.repeat(picture[..., None], 3, 2))
    np.testing.assert_array_equal(colour.keypoints, SiftExtractor(100)(picture).keypoints)


@pytest.mark.parametrize("at", [(60.0, 50.0), (61.25, 50.5), (60.75, 51.4)])
def test_the_centre_of_the_first_pixel_is_a_half(at: tuple[float, float]) -> None:
    """A blob whose centre is at `at` in COLMAP's pixels is found there."""
    x, y = np.meshgrid(np.arange(120) + 0.5, np.arange(100) + 0.5)
    blob = 40 + 180 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 4.0 ** 2))
    found = SiftExtractor(16)(np.round(blob).astype(np.uint8)).keypoints
    assert np.linalg.norm(found[0] - at) < 0.08


def test_an_image_without_texture_has_no_features() -> None:
    features = SiftExtractor(100)(np.full((100, 100), 90, np.uint8))
    assert len(features) == 0 and features.descriptors.shape == (0, 128)
    assert features.global_descriptor.shape == (64,)


def test_the_global_descriptor_tells_places_apart(scenes_root: Path) -> None:
    """Every view of one place is nearer to another of it than a view of another place."""
    folder = scenes_root / "fox" / "images"
    extractor = SiftExtractor(512)
    views = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.iterdir())[:8]]
    described = np.stack([extractor(np.asarray(v, np.uint8)).global_descriptor for v in views])
    other = sorted((scenes_root / "street" / "images").iterdir())[0]
    foreign = extractor(np.asarray(cv2.imread(str(other), cv2.IMREAD_GRAYSCALE), np.uint8))
    assert (described @ described[0]).min() > foreign.global_descriptor @ described[0]


def test_bad_input_is_said() -> None:
    with pytest.raises(NmapError, match="features 'orb': not an extractor; choose one of"):
        open_extractor("orb")
    with pytest.raises(NmapError, match="keypoints 3: out of range"):
        open_extractor("sift", 3)
    with pytest.raises(NmapError, match="float64 100x100: not an image"):
        SiftExtractor(100)(np.zeros((100, 100)))  # type: ignore[arg-type]
