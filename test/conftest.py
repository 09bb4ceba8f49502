"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nmap_reloc import standalone
from nmap_reloc.mapping.sources import open_source
from nmap_reloc.mapping.sources.base import Source

# Tests of several checkouts on one machine must not hear each other.
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
standalone.enable()

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def scenes_root() -> Path:
    """The folder of real scenes (NMAP_SCENES, else ../shared/scenes); skips without one."""
    folder = Path(os.environ.get("NMAP_SCENES", REPOSITORY.parent / "shared" / "scenes"))
    if not folder.is_dir():
        pytest.skip(f"no real scenes at {folder}; set NMAP_SCENES to their folder")
    return folder


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A simulated room: 30 views to map, 10 to localize."""
    pytest.importorskip("trimesh")
    from nmap_reloc.simulation.dataset import simulate

    return open_source(simulate(tmp_path_factory.mktemp("place") / "scene", seed=3, map_views=30,
                                query_views=10, size=(320, 240), extent=1))


@pytest.fixture(scope="session")
def place_map(place: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its map by the shipped networks, of several tiles."""
    pytest.importorskip("torch")
    from nmap_reloc.features import open_extractor
    from nmap_reloc.mapping.build import BuildOptions, build_site
    from nmap_reloc.mapping.triangulate import build_landmarks

    folder = tmp_path_factory.mktemp("place_map")
    landmarks = build_landmarks(place, open_extractor("learned", 512), folder / "work")
    build_site(landmarks, folder / "site", budget=120_000, options=BuildOptions(tile=3.0))
    return folder / "site"


@pytest.fixture(scope="session")
def feature_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small feature network, as weights and as ONNX. Untrained, but it behaves:
    what has texture has keypoints, what has none has none."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from small_networks import write_features

    return write_features(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="session")
def squeezer_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small squeezer network for SIFT that was trained for some seconds."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from small_networks import write_squeezer

    return write_squeezer(tmp_path_factory.mktemp("squeezer"))


@pytest.fixture(scope="session")
def neumap_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small neumap network for SIFT that was trained for some seconds."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from small_networks import write_neumap

    return write_neumap(tmp_path_factory.mktemp("neumap"))
