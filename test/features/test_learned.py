"""The learned extractor on pictures of any shape."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from small_networks import textured

from nmap_reloc.engines.export import open_network
from nmap_reloc.errors import NmapError
from nmap_reloc.features import open_extractor
from nmap_reloc.features.graphs import merged
from nmap_reloc.features.learned import LARGEST, LearnedExtractor
from nmap_reloc.features.network import FeatureNetwork
from nmap_reloc.localizer import LocalizerOptions
from nmap_reloc.types import Features


@pytest.fixture(scope="module")
def extractor(feature_weights: Path) -> LearnedExtractor:
    return LearnedExtractor(200, weights=feature_weights, threads=1)


def check(features: Features, height: int, width: int, most: int) -> None:
    assert (features.height, features.width) == (height, width)
    count = len(features)
    assert count <= most
    assert features.keypoints.shape == (count, 2) and features.scores.shape == (count,)
    assert features.descriptors.shape[0] == count
    for array in (features.keypoints, features.scores, features.descriptors,
                  features.global_descriptor):
        assert array.dtype == np.float32 and np.isfinite(array).all()
    assert (features.keypoints > 0).all()
    assert (features.keypoints < [width, height]).all()
    assert (np.diff(features.scores) <= 0).all()
    assert ((features.scores >= 0) & (features.scores <= 1)).all()
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(features.global_descriptor), 1, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(96, 128), (97, 131), (240, 320), (33, 47),
                                               (200, 61)])
def test_any_size(extractor: LearnedExtractor, height: int, width: int) -> None:
    features = extractor(textured(height, width))
    check(features, height, width, 200)
    assert len(features) > 3


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 200), (200, 1), (9, 9), (1, 5000)])
def test_slivers_give_no_keypoints_and_no_error(extractor: LearnedExtractor, height: int,
                                                width: int) -> None:
    features = extractor(textured(200, 5000)[:height, :width])
    check(features, height, width, 200)


def test_a_large_image_is_reduced_and_its_keypoints_are_in_its_own_pixels(
        extractor: LearnedExtractor) -> None:
    small = textured(150, LARGEST)
    large = cv2.resize(small, (2 * LARGEST, 300), interpolation=cv2.INTER_NEAREST)
    check(extractor(large), 300, 2 * LARGEST, 200)
    # nearest doubling followed by area halving is the identity
    np.testing.assert_allclose(extractor(large).keypoints, 2 * extractor(small).keypoints,
                               atol=0.02)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_blank_image_has_no_keypoints(extractor: LearnedExtractor, value: int) -> None:
    features = extractor(np.full((120, 160), value, np.uint8))
    check(features, 120, 160, 200)
    assert len(features) == 0


def test_grey_and_rgb_of_the_same_picture_agree(extractor: LearnedExtractor) -> None:
    grey = textured(120, 160)
    a, b = extractor(grey), extractor(np.repeat(grey[..., None], 3, 2))
    np.testing.assert_array_equal(a.keypoints, b.keypoints)
    np.testing.assert_array_equal(a.descriptors, b.descriptors)


def test_views_into_a_larger_array_are_fine(extractor: LearnedExtractor) -> None:
    image = textured(200, 300)
    part = image[20:140:1, 40:200]
    np.testing.assert_array_equal(extractor(part).keypoints, extractor(part.copy()).keypoints)


def test_deterministic(extractor: LearnedExtractor, feature_weights: Path) -> None:
    image = textured(120, 160)
    again = LearnedExtractor(200, weights=feature_weights, threads=1)
    for a, b in ((extractor(image), extractor(image)), (extractor(image), again(image))):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)
        np.testing.assert_array_equal(a.descriptors, b.descriptors)
    assert extractor.content_hash == again.content_hash


def test_fewer_keypoints_are_the_best_of_more(extractor: LearnedExtractor, feature_weights: Path
                                              ) -> None:
    image = textured(120, 160)
    few = LearnedExtractor(16, weights=feature_weights, threads=1)(image)
    np.testing.assert_allclose(few.keypoints, extractor(image).keypoints[:16], atol=1e-4)


def test_what_engines_run_is_the_network_that_was_trained() -> None:
    import torch

    network = open_network("features")
    assert isinstance(network, FeatureNetwork)
    image = torch.from_numpy(textured(96, 160).astype(np.float32) / 255)[None, None]
    with torch.inference_mode():
        trained, run = (n.score_logits(n.pyramid(image)) for n in (network, merged(network)))
    assert trained.std() > 0.1
    np.testing.assert_allclose(trained, run, atol=1e-3)


def test_the_backends_agree(extractor: LearnedExtractor, feature_weights: Path) -> None:
    image = textured(120, 160)
    other = LearnedExtractor(200, backend="torch", weights=feature_weights)
    a, b = extractor(image), other(image)
    np.testing.assert_allclose(a.scores[:100], b.scores[:100], atol=1e-3)
    assert a.descriptors.shape[1] == other.dimensions == extractor.dimensions == 32


@pytest.mark.parametrize("image", [
    np.zeros((20, 20), np.float32), np.zeros((20, 20), np.uint16), np.zeros((20, 20, 4), np.uint8),
    np.zeros((20, 20, 1), np.uint8), np.zeros(20, np.uint8), np.zeros((0, 20), np.uint8)])
def test_what_is_no_image_is_refused(extractor: LearnedExtractor, image: np.ndarray) -> None:
    with pytest.raises(NmapError, match=r"image of shape .* is needed; convert it"):
        extractor(image)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(NmapError, match=r"features\.safetensors: not there"):
        LearnedExtractor(weights=tmp_path)


def test_the_shipped_network() -> None:
    extractor = open_extractor("learned", 256)
    features = extractor(textured(240, 320))
    check(features, 240, 320, 256)
    assert len(features) > 50 and 64 <= extractor.dimensions <= 128
    blank = extractor(np.full((480, 640), 90, np.uint8))
    assert len(blank) < LocalizerOptions().fewest_features  # so that it is refused
