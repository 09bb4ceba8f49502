"""Nodes of a test in one executor that the test spins itself: no threads, nothing to race."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

PATIENCE = 20.0  # seconds: no test waits so long for what does come


class Graph:
    """spin_until: lets everything happen until the condition holds."""

    def __init__(self) -> None:
        self.executor = SingleThreadedExecutor()
        self.nodes: list[Node] = []

    def add(self, node: Any) -> Any:
        self.executor.add_node(node)
        self.nodes.append(node)
        return node

    def remove(self, node: Any) -> None:
        self.executor.remove_node(node)
        self.nodes.remove(node)
        node.destroy_node()

    def spin_until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Its value; false where it did not come."""
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.02)
        return condition()

    def spin_for(self, seconds: float) -> None:
        self.spin_until(lambda: False, seconds)

    def call(self, client: Any, request: Any) -> Any:
        """The response of a service."""
        assert self.spin_until(client.service_is_ready), f"no service {client.srv_name}"
        future = client.call_async(request)
        assert self.spin_until(future.done), f"no answer from {client.srv_name}"
        return future.result()


@contextmanager
def graph() -> Iterator[Graph]:
    mine = not rclpy.ok()
    if mine:
        rclpy.init(args=[])
    made = Graph()
    try:
        yield made
    finally:
        for node in list(made.nodes):
            made.remove(node)
        made.executor.shutdown()
        if mine:
            rclpy.shutdown()
