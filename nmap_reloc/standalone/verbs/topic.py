"""``nmap-reloc topic``: what is published, by whom, and how often."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections import deque
from itertools import pairwise
from typing import Any

import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from nmap_reloc.errors import NmapError
from nmap_reloc.standalone.verbs.plain import fill, pick, to_yaml
from nmap_reloc.standalone.verbs.session import (
    absolute,
    message_class,
    session,
    settle,
    until,
)


def list_topics(types: bool) -> None:
    """Print the topics, each with its types if asked for."""
    with session("list") as node:
        def look() -> dict[str, list[str]]:
            return {name: kinds for name, kinds in node.get_topic_names_and_types()
                    if not name.rpartition("/")[2].startswith("_")}

        for name, kinds in sorted(settle(node, look).items()):
            print(f"{name} [{', '.join(kinds)}]" if types else name)


def info(topic: str, verbose: bool) -> None:
    """Print a topic's type, how many publish and subscribe it, and (verbose) who and how."""
    topic = absolute(topic)
    with session("info") as node:
        kind = topic_type(node, topic)
        ends = settle(node, lambda: [
            [_end(one) for one in found] for found in (
                node.get_publishers_info_by_topic(topic),
                node.get_subscriptions_info_by_topic(topic))])
        print(f"Type: {kind}")
        for title, found in zip(("Publisher", "Subscription"), ends):
            print(f"{title} count: {len(found)}")
            for line in found if verbose else ():
                print(f"  {line}")


def _end(one: Any) -> str:
    qos = one.qos_profile
    name = f"{one.node_namespace.rstrip('/')}/{one.node_name}"
    return (f"{name}  reliability: {qos.reliability.name}  durability: {qos.durability.name}  "
            f"depth: {qos.depth}")


def topic_type(node: Any, topic: str) -> str:
    """Its type, waited for. NmapError: nobody has it, or it has several."""
    def kinds() -> list[str]:
        return dict(node.get_topic_names_and_types()).get(topic, [])

    if not until(node, lambda: bool(kinds())):
        known = sorted(name for name, _ in node.get_topic_names_and_types())
        raise NmapError(f"{topic}: not published or subscribed by anyone on domain "
                        f"{os.environ.get('ROS_DOMAIN_ID', '0')}; topics: "
                        f"{', '.join(known) or 'none'}")
    if len(kinds()) > 1:
        raise NmapError(f"{topic}: has several types ({', '.join(kinds())}); two nodes disagree")
    return kinds()[0]


def matching_qos(node: Any, topic: str, depth: int = 10) -> Any:
    """A profile that receives all that the publishers offer: reliable and latched if all are."""
    offered = [one.qos_profile for one in node.get_publishers_info_by_topic(topic)]
    reliable = bool(offered) and all(
        qos.reliability == ReliabilityPolicy.RELIABLE for qos in offered)
    latched = bool(offered) and all(
        qos.durability == DurabilityPolicy.TRANSIENT_LOCAL for qos in offered)
    return QoSProfile(
        depth=max(depth, *(qos.depth for qos in offered), 1) if offered else depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE)


def echo(topic: str, *, count: int | None, field: str | None, arrays: bool, full: bool,
         timeout: float | None) -> None:
    """Print messages until Ctrl-C or count. NmapError: none came within timeout seconds."""
    topic = absolute(topic)
    longest = {} if not full else {"longest": None}
    with session("echo") as node:
        kind = message_class(topic_type(node, topic))
        _wait_for_publisher(node, topic)
        waiting: deque[Any] = deque()
        node.create_subscription(kind, topic, lambda message: waiting.append(message),
                                 matching_qos(node, topic))
        seen, began = 0, time.monotonic()
        while count is None or seen < count:
            rclpy.spin_once(node, timeout_sec=0.2)
            while waiting and (count is None or seen < count):
                message = waiting.popleft()
                shown = message if field is None else pick(message, field)
                print(to_yaml(shown, arrays=arrays, **longest).removesuffix("...\n") + "---",
                      flush=True)
                seen += 1
            if timeout is not None and not seen and time.monotonic() - began > timeout:
                raise NmapError(f"{topic}: no message within {timeout:g} s; check that its "
                                "publisher is at work")


def _wait_for_publisher(node: Any, topic: str) -> None:
    """Its QoS decides ours. A subscriber alone will do after a while."""
    until(node, lambda: bool(node.get_publishers_info_by_topic(topic)), 2.0)


def rate(topic: str, window: int, count: int | None) -> None:
    """Print, every second, how often messages arrive, until Ctrl-C or count reports."""
    topic = absolute(topic)
    with session("hz") as node:
        kind = message_class(topic_type(node, topic))
        _wait_for_publisher(node, topic)
        times: deque[float] = deque(maxlen=window + 1)
        node.create_subscription(kind, topic, lambda _: times.append(time.monotonic()),
                                 matching_qos(node, topic, depth=1000), raw=True)
        reports, last, due = 0, 0.0, time.monotonic() + 1.0
        while count is None or reports < count:
            rclpy.spin_once(node, timeout_sec=0.1)
            if time.monotonic() < due:
                continue
            due += 1.0
            if len(times) > 1 and times[-1] != last:
                print(_report(list(times)), flush=True)
            else:
                print("no new messages", flush=True)
            last = times[-1] if times else 0.0
            reports += 1


def _report(times: list[float]) -> str:
    gaps = [after - before for before, after in pairwise(times)]
    mean = statistics.fmean(gaps)
    per_second = 1 / mean if mean else math.inf
    return (f"average rate: {per_second:.3f}\n\tmin: {min(gaps):.4f}s max: {max(gaps):.4f}s "
            f"std dev: {statistics.pstdev(gaps):.5f}s window: {len(gaps)}")


def publish(topic: str, kind: str, values: str, *, times: int, hertz: float, wait: float,
            latched: bool) -> None:
    """Publish a message once, or some times; first wait for a subscriber. NmapError: none came.
    """
    topic = absolute(topic)
    message = fill(message_class(kind)(), values)
    qos = QoSProfile(depth=10)
    if latched:
        qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
    with session("pub") as node:
        publisher = node.create_publisher(type(message), topic, qos)
        if wait > 0 and not until(node, lambda: publisher.get_subscription_count() > 0, wait):
            raise NmapError(f"{topic}: nobody subscribed within {wait:g} s; start the subscriber, "
                            "or give --wait 0")
        for number in range(times):
            if number:
                rclpy.spin_once(node, timeout_sec=0.0)
                time.sleep(1 / hertz)
            publisher.publish(message)
            print(f"publishing #{number + 1}: {message!r}", flush=True)
        time.sleep(0.2)  # the message is on its way before its writer goes
