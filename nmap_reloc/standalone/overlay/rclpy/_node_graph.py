"""What a node can say of the domain: topics, services, other nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from rclpy import _names
from rclpy._rclpy_pybind11 import NodeNameNonExistentError
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo, TopicEndpointTypeEnum
from rclpy.validate_full_topic_name import validate_full_topic_name

if TYPE_CHECKING:
    from rclpy.context import Context

    from nmap_reloc.standalone.dds import Domain, Endpoint, Qos

NamesAndTypes = list[tuple[str, list[str]]]
GLANCE = 0.02  # s between two looks for a node


class NodeGraph:
    """A mixin of Node."""

    if TYPE_CHECKING:  # what Node provides
        _context: Context
        get_name: Callable[[], str]
        get_namespace: Callable[[], str]
        resolve_topic_name: Callable[[str], str]

    @property
    def _domain(self) -> Domain:
        return self._context._open_domain()

    def get_topic_names_and_types(self, no_demangle: bool = False) -> NamesAndTypes:
        """Topics that anybody publishes or subscribes; names of DDS itself are not to be had."""
        if no_demangle:
            raise NotImplementedError("the standalone runtime lists ROS names only")
        return list(self._domain.topics().items())

    def get_service_names_and_types(self) -> NamesAndTypes:
        """Services that anybody offers or calls."""
        return list(self._domain.services().items())

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        """Names and namespaces of all nodes."""
        return [(node.name, node.namespace) for node in self._domain.nodes()]

    def get_node_names(self) -> list[str]:
        """Names of all nodes, without namespaces."""
        return [node.name for node in self._domain.nodes()]

    def get_fully_qualified_node_names(self) -> list[str]:
        """Full names of all nodes."""
        return [_names.join(node.namespace, node.name) for node in self._domain.nodes()]

    def wait_for_node(self, fully_qualified_node_name: str, timeout: float) -> bool:
        """Until the node is there; False after the seconds."""
        wanted = "/" + fully_qualified_node_name.lstrip("/")
        end = time.monotonic() + timeout
        while wanted not in self.get_fully_qualified_node_names():
            if time.monotonic() >= end:
                return False
            time.sleep(GLANCE)
        return True

    def _full_name(self, name: str, is_service: bool = False) -> str:
        """Expanded, but not remapped."""
        full = _names.expand(name, self.get_name(), self.get_namespace())
        validate_full_topic_name(full, is_service=is_service)
        return full

    def count_publishers(self, topic_name: str) -> int:
        """Publishers of a topic, whose name is expanded but not remapped."""
        return len(self._domain.publishers(self._full_name(topic_name)))

    def count_subscribers(self, topic_name: str) -> int:
        """Subscriptions of a topic, whose name is expanded but not remapped."""
        return len(self._domain.subscribers(self._full_name(topic_name)))

    def count_services(self, service_name: str) -> int:
        """Servers of a service, whose name is expanded but not remapped."""
        full = self._full_name(service_name, is_service=True)
        return sum(name == full for name, _, _ in self._domain.servers())

    def count_clients(self, service_name: str) -> int:
        """Clients of a service, whose name is expanded but not remapped."""
        full = self._full_name(service_name, is_service=True)
        return sum(name == full for name, _, _ in self._domain.clients())

    def get_publishers_info_by_topic(self, topic_name: str,
                                     no_mangle: bool = False) -> list[TopicEndpointInfo]:
        """Publishers of a topic, whose name is expanded and remapped."""
        return self._info(topic_name, no_mangle, TopicEndpointTypeEnum.PUBLISHER)

    def get_subscriptions_info_by_topic(self, topic_name: str,
                                        no_mangle: bool = False) -> list[TopicEndpointInfo]:
        """Subscriptions of a topic, whose name is expanded and remapped."""
        return self._info(topic_name, no_mangle, TopicEndpointTypeEnum.SUBSCRIPTION)

    def _info(self, topic_name: str, no_mangle: bool,
              kind: TopicEndpointTypeEnum) -> list[TopicEndpointInfo]:
        if no_mangle:
            raise NotImplementedError("the standalone runtime lists ROS names only")
        topic = self.resolve_topic_name(topic_name)
        validate_full_topic_name(topic)
        found = self._domain.publishers(topic) if kind is TopicEndpointTypeEnum.PUBLISHER \
            else self._domain.subscribers(topic)
        return [_endpoint_info(endpoint, kind) for endpoint in found]

    def get_publisher_names_and_types_by_node(self, node_name: str, node_namespace: str,
                                              no_demangle: bool = False) -> NamesAndTypes:
        """Topics that a node publishes; NodeNameNonExistentError."""
        return self._of_node(node_name, node_namespace, (
            (e.topic, e.type_name, e.node) for e in self._domain.publishers()))

    def get_subscriber_names_and_types_by_node(self, node_name: str, node_namespace: str,
                                               no_demangle: bool = False) -> NamesAndTypes:
        """Topics that a node subscribes to; NodeNameNonExistentError."""
        return self._of_node(node_name, node_namespace, (
            (e.topic, e.type_name, e.node) for e in self._domain.subscribers()))

    def get_service_names_and_types_by_node(self, node_name: str,
                                            node_namespace: str) -> NamesAndTypes:
        """Services that a node offers; NodeNameNonExistentError."""
        return self._of_node(node_name, node_namespace, self._domain.servers())

    def get_client_names_and_types_by_node(self, node_name: str,
                                           node_namespace: str) -> NamesAndTypes:
        """Services that a node calls; NodeNameNonExistentError."""
        return self._of_node(node_name, node_namespace, self._domain.clients())

    def _of_node(self, name: str, namespace: str,
                 entries: Iterable[tuple[str, str, Any]]) -> NamesAndTypes:
        node = (namespace, name)
        if node not in self._domain.nodes():
            raise NodeNameNonExistentError(
                f"cannot get names and types for nonexistent node: {_names.join(*node)}")
        types: dict[str, set[str]] = {}
        for what, kind, owner in entries:
            if owner == node:
                types.setdefault(what, set()).add(kind)
        return [(what, sorted(kinds)) for what, kinds in sorted(types.items())]


def _endpoint_info(endpoint: Endpoint, kind: TopicEndpointTypeEnum) -> TopicEndpointInfo:
    unknown = "_NODE_NAME_UNKNOWN_", "_NODE_NAMESPACE_UNKNOWN_"
    name, namespace = (endpoint.node.name, endpoint.node.namespace) if endpoint.node else unknown
    return TopicEndpointInfo(
        node_name=name, node_namespace=namespace, topic_type=endpoint.type_name,
        topic_type_hash=endpoint.type_hash, endpoint_type=kind,
        endpoint_gid=list(endpoint.gid), qos_profile=_profile(endpoint.qos))


def _profile(qos: Qos) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST if qos.depth else HistoryPolicy.KEEP_ALL, depth=qos.depth,
        reliability=ReliabilityPolicy.RELIABLE if qos.reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if qos.transient_local
        else DurabilityPolicy.VOLATILE)
