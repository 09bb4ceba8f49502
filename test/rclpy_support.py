"""What the tests of the ROS client library share; it works with the real one, too."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rclpy.context import Context
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

PATIENCE = 10.0  # s; only a failing test waits as long
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def spin_until(executor: Executor, condition: Callable[[], bool],
               patience: float = PATIENCE) -> bool:
    """Runs callbacks until the condition holds; False where it never does."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        executor.spin_once(timeout_sec=0.02)
    return True


def wait_until(condition: Callable[[], bool], patience: float = PATIENCE) -> bool:
    """Waits, without running callbacks, until the condition holds."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


class World:
    """A context with ROS arguments, nodes in it and an executor for them."""

    def __init__(self, *args: str) -> None:
        self.context = Context()
        self.context.init(args=["program", *args])
        self.executor = SingleThreadedExecutor(context=self.context)
        self.nodes: list[Node] = []

    def node(self, name: str = "node", **kwargs: Any) -> Node:
        """A node whose callbacks the executor runs."""
        node = Node(name, context=self.context, **kwargs)
        self.nodes.append(node)
        self.executor.add_node(node)
        return node

    def spin_until(self, condition: Callable[[], bool], patience: float = PATIENCE) -> bool:
        """See the function of that name."""
        return spin_until(self.executor, condition, patience)

    def close(self) -> None:
        """The end of all of it."""
        self.executor.shutdown()
        for node in self.nodes:
            node.destroy_node()
        self.context.try_shutdown()


@contextmanager
def world(*args: str) -> Iterator[World]:
    """A World for the block."""
    made = World(*args)
    try:
        yield made
    finally:
        made.close()


# A shell starts what it puts in the background with Ctrl-C ignored; the tests' programs must not
# inherit that.
PREAMBLE = """
import signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from nmap_reloc import standalone
standalone.enable()
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
RCLError = rclpy_implementation.RCLError
"""


def program(script: str, *args: str) -> subprocess.Popen[str]:
    """Another process that runs the script with the client library imported."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", PREAMBLE + textwrap.dedent(script), *args], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@contextmanager
def running(script: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has printed its first line, for the block."""
    process = program(script, *args)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        yield process
    finally:
        process.kill()
        process.communicate()
