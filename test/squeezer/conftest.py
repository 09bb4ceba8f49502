"""A small scene and a small network that has learned to judge its points."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from synthetic_landmarks import world

from nmap_reloc.engines.export import open_network
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.representations.squeezer.network import SqueezerNetwork


@pytest.fixture(scope="session")
def scene() -> Landmarks:
    """Not one of those that the network was trained on."""
    return world(9, dimensions=128, views=40)


@pytest.fixture(scope="session")
def network(squeezer_weights: Path) -> SqueezerNetwork:
    """Not to be changed by a test."""
    found = open_network("squeezer-sift", squeezer_weights)
    assert isinstance(found, SqueezerNetwork)
    return found
