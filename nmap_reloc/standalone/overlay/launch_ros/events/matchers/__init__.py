"""Which nodes an event is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def matches_node_name(node_name: str) -> Callable[[Any], bool]:
    """The node of this full name."""
    full = node_name if node_name.startswith("/") else f"/{node_name}"
    return lambda action: action.node_name == full
