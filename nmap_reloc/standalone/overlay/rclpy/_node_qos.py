"""Profiles as DDS takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from nmap_reloc.standalone.dds import Endpoint, Qos

SYSTEM_DEFAULT_DEPTH = 1  # what DDS keeps unless told


def validated(qos_or_depth: QoSProfile | int) -> QoSProfile:
    """A profile, or the default one of that depth; TypeError, ValueError."""
    if isinstance(qos_or_depth, QoSProfile):
        return qos_or_depth
    if not isinstance(qos_or_depth, int):
        raise TypeError(f"Expected QoSProfile or int, but received {type(qos_or_depth)!r}")
    if qos_or_depth < 0:
        raise ValueError("history depth must be greater than or equal to zero")
    return QoSProfile(depth=qos_or_depth)


def dds_qos(profile: QoSProfile,
            others: Callable[[], Iterable[Endpoint]] | None = None) -> Qos:
    """others: the topic's publishers, for a subscription that takes the best of what they offer.

    System defaults are reliable for publishers and subscriptions alike, as in rmw_cyclonedds.
    """
    offers = list(others()) if others is not None and _asks_best(profile) else []
    reliable = profile.reliability is not ReliabilityPolicy.BEST_EFFORT
    if profile.reliability is ReliabilityPolicy.BEST_AVAILABLE:
        reliable = all(offer.qos.reliable for offer in offers)
    latched = profile.durability is DurabilityPolicy.TRANSIENT_LOCAL
    if profile.durability is DurabilityPolicy.BEST_AVAILABLE:
        latched = all(offer.qos.transient_local for offer in offers)
    depth = 0 if profile.history is HistoryPolicy.KEEP_ALL \
        else profile.depth or SYSTEM_DEFAULT_DEPTH
    return Qos(reliable, latched, depth)


def _asks_best(profile: QoSProfile) -> bool:
    return profile.reliability is ReliabilityPolicy.BEST_AVAILABLE \
        or profile.durability is DurabilityPolicy.BEST_AVAILABLE
