"""Fixtures of the nodes' tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from small_graph import Graph


@pytest.fixture
def ros() -> Iterator[Graph]:
    """Nodes of a test in an executor that the test spins."""
    from small_graph import graph

    with graph() as made:
        yield made
