"""What ``ros2 run nmap_reloc NAME`` starts, on machines with and without ROS 2."""

from __future__ import annotations

import importlib

from nmap_reloc import standalone


def _main(node: str) -> int:
    """The exit code of the node's main()."""
    standalone.enable()  # before the node's imports; does nothing where the real rclpy is
    return int(importlib.import_module(f"nmap_reloc.nodes.{node}").main())


def reloc_node() -> int:
    return _main("reloc_node")


def tile_manager_node() -> int:
    return _main("tile_manager_node")


def evaluation_node() -> int:
    return _main("evaluation_node")
