"""A short-lived node, and what every verb does with one."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException

from nmap_reloc.errors import NmapError

DISCOVERY = 3.0  # s; how long something that is asked for by name is waited for
SETTLED = 0.5  # s without anything new: all that is there has been discovered
LEAST = 1.0  # s; nothing is heard of for this long on a loaded machine


@contextmanager
def session(purpose: str) -> Iterator[Any]:
    """A hidden node (its name begins with _). Ctrl-C ends the block and is no error."""
    rclpy.init(args=[])
    node = rclpy.create_node(f"_nmap_reloc_{purpose}_{os.getpid()}", enable_rosout=False,
                             start_parameter_services=False)
    try:
        yield node
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # the way to end echo, hz and play
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def until(node: Any, done: Callable[[], bool], seconds: float = DISCOVERY) -> bool:
    """Spin until done() or for some seconds; whether it is done."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        rclpy.spin_once(node, timeout_sec=0.05)
    return True


def settle(node: Any, look: Callable[[], Any], seconds: float = DISCOVERY) -> Any:
    """What look() says when it has been the same for a while."""
    began = changed = time.monotonic()
    last = look()

    def still() -> bool:
        nonlocal last, changed
        seen, now = look(), time.monotonic()
        if seen != last:
            last, changed = seen, now
        return now - changed > SETTLED and now - began > LEAST

    until(node, still, seconds)
    return last


def absolute(name: str) -> str:
    """A name as typed, with the slash that people leave out."""
    return name if name.startswith("/") else f"/{name}"


def message_class(name: str) -> Any:
    """``sensor_msgs/msg/Image`` -> the class. NmapError: there is none."""
    return _imported(name, "msg", "std_msgs/msg/String")


def service_class(name: str) -> Any:
    """``std_srvs/srv/Trigger`` -> the class. NmapError: there is none."""
    return _imported(name, "srv", "std_srvs/srv/Trigger")


def _imported(name: str, kind: str, example: str) -> Any:
    parts = name.split("/")
    if len(parts) == 2:  # std_msgs/String, as people type it
        parts.insert(1, kind)
    if len(parts) != 3 or parts[1] != kind:
        raise NmapError(f"{name}: no type; write it like {example}")
    try:
        return getattr(importlib.import_module(f"{parts[0]}.{kind}"), parts[2])
    except (ImportError, AttributeError):
        raise NmapError(f"{name}: this type is not known here; check the spelling, or install and "
                        f"source the package {parts[0]}") from None


def call(node: Any, service: str, kind: Any, request: Any, seconds: float = DISCOVERY) -> Any:
    """The response of a service. NmapError: nobody offers it, or nobody answers."""
    client = node.create_client(kind, service)
    try:
        if not client.wait_for_service(timeout_sec=seconds):
            raise NmapError(f"{service}: no node offers this service; check the node's name and "
                            f"ROS_DOMAIN_ID (now {os.environ.get('ROS_DOMAIN_ID', '0')})")
        future = client.call_async(request)
        rclpy.spin_until_future_complete(node, future, timeout_sec=seconds)
        if not future.done():
            raise NmapError(f"{service}: no answer within {seconds:g} s; check whether its node "
                            "is busy or has died")
        return future.result()
    finally:
        node.destroy_client(client)


def find_node(node: Any, name: str) -> str:
    """The full name of a running node. NmapError: there is none."""
    wanted = absolute(name)
    if until(node, lambda: wanted in node_names(node)):
        return wanted
    known = ", ".join(sorted(node_names(node))) or "none"
    raise NmapError(f"{wanted}: no such node; running: {known}")


def node_names(node: Any, hidden: bool = False) -> list[str]:
    """Full names; those that begin with _ only on request."""
    return [f"{namespace.rstrip('/')}/{name}"
            for name, namespace in node.get_node_names_and_namespaces()
            if hidden or not name.startswith("_")]
