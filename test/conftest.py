"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
