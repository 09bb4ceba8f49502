"""Fixtures of the standalone runtime's tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from standalone.dds_world import Start

    from nmap_reloc.standalone.dds import Domain


@pytest.fixture(scope="session", autouse=True)
def log_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Log files of launches and nodes go to a temporary folder, not to the user's."""
    before = os.environ.get("ROS_LOG_DIR")
    os.environ["ROS_LOG_DIR"] = str(tmp_path_factory.mktemp("log"))
    yield
    if before is None:
        del os.environ["ROS_LOG_DIR"]
    else:
        os.environ["ROS_LOG_DIR"] = before


@pytest.fixture(scope="module")
def initialised() -> Iterator[None]:
    """rclpy.init() for all tests of a module."""
    import rclpy

    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.fixture
def domain() -> Iterator[Domain]:
    """A participant in the tests' ROS domain."""
    from nmap_reloc.standalone.dds import Domain

    joined = Domain()
    yield joined
    joined.close()


@pytest.fixture
def peer() -> Iterator[Start]:
    """Starts the other process of the DDS tests; all are gone afterwards."""
    from standalone.dds_world import Peer

    started: list[Peer] = []

    def start(*arguments: str, **environment: str) -> Peer:
        started.append(Peer(*arguments, **environment))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


@pytest.fixture
def launch_output() -> None:
    """What launch says goes where standard output is now, not where it was at the first test."""
    from launch.logging import reset

    reset()
