"""From an executable's start to its end: the same for every node."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from nmap_reloc.errors import NmapError


def _spin(node: Node) -> None:
    try:
        rclpy.spin(node)
    except Exception:
        if node.context.ok():
            raise
        # Asked to stop while a callback ran: what it could not publish any more is no failure.


def run_node(make: Callable[[], Node], arguments: list[str] | None = None) -> int:
    """Spins the node until it is asked to stop; 1 where it could not be made, with one line."""
    rclpy.init(args=arguments)
    node = None
    try:
        node = make()
        with suppress(KeyboardInterrupt, ExternalShutdownException):  # asked to stop
            _spin(node)
    except NmapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
