"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nmap_reloc import standalone

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
def feature_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small feature network, as weights and as ONNX. Untrained, but it behaves:
    what has texture has keypoints, what has none has none."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from small_networks import write_features

    return write_features(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="session")
def neumap_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small neumap network for SIFT that was trained for some seconds."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from small_networks import write_neumap

    return write_neumap(tmp_path_factory.mktemp("neumap"))
