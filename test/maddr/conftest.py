"""A small scene, a small network that has learned to match it, and maps by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("faiss")

import torch
from small_networks import write_maddr
from synthetic_landmarks import world

from nmap_reloc.engines.export import open_network
from nmap_reloc.features.sift import SiftExtractor
from nmap_reloc.mapping.landmarks import Landmarks
from nmap_reloc.mapping.maddr_tiles import MaddrMaker
from nmap_reloc.mapping.makers import Order
from nmap_reloc.mapping.partition import Piece
from nmap_reloc.representations.maddr.network import MaddrNetwork

BUDGET = 9_000


@pytest.fixture(scope="session")
def scene() -> Landmarks:
    return replace(world(5, dimensions=128), extractor_hash=SiftExtractor().content_hash)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_maddr(tmp_path_factory.mktemp("maddr"))


@pytest.fixture(scope="session")
def trained(weights: Path) -> MaddrNetwork:
    """Not to be changed by a test."""
    network = open_network("maddr-sift", weights)
    assert isinstance(network, MaddrNetwork)
    return network


@pytest.fixture(scope="session")
def maker(scene: Landmarks, weights: Path) -> MaddrMaker:
    return MaddrMaker(Order(scene, BUDGET, weights))


@pytest.fixture(scope="session")
def pieces(maker: MaddrMaker) -> list[Piece]:
    return maker.pieces(60, 8)
