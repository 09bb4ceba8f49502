"""From an executable's start to its end: the same for every node."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from nmap_reloc.errors import NmapError

RCLError = rclpy_implementation.RCLError


# Of a lifecycle transition that does not leave the present state: Humble's and Jazzy's rclpy let
# it out of the service's callback, so that whoever asks could end the program.
NO_TRANSITION = "Transition is not registered"


def _spin(node: Node) -> None:
    while node.context.ok():
        try:
            rclpy.spin(node)
        except Exception as error:
            if not node.context.ok():
                # Asked to stop while a callback ran: what it could not publish is no failure.
                return
            if not isinstance(error, RCLError) or NO_TRANSITION not in str(error):
                raise
            node.get_logger().error(str(error))


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
