"""What ``ros2 run nmap_reloc NAME`` starts, on machines with and without ROS 2."""

from __future__ import annotations

import importlib

from nmap_reloc import standalone


def _main(node: str) -> None:
    standalone.enable()  # before the node's imports; does nothing where the real rclpy is
    importlib.import_module(f"nmap_reloc.nodes.{node}").main()


def reloc_node() -> None:
    _main("reloc_node")


def tile_manager_node() -> None:
    _main("tile_manager_node")


def evaluation_node() -> None:
    _main("evaluation_node")
