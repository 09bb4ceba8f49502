"""rclpy.node: a node of the ROS graph."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from rclpy import _arguments, _names, _rosout
from rclpy._node_entities import NodeEntities
from rclpy._node_graph import NodeGraph
from rclpy._node_qos import dds_qos
from rclpy._rclpy_pybind11 import NodeNameNonExistentError
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ROSClock
from rclpy.context import Context
from rclpy.exceptions import NotInitializedException
from rclpy.logging import get_logger
from rclpy.node_parameters import NodeParameters
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_rosout_default
from rclpy.time_source import TimeSource
from rclpy.utilities import get_default_context
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_node_name import validate_node_name

if TYPE_CHECKING:
    from rclpy.client import Client
    from rclpy.executors import Executor
    from rclpy.guard_condition import GuardCondition
    from rclpy.impl.rcutils_logger import RcutilsLogger
    from rclpy.publisher import Publisher
    from rclpy.service import Service
    from rclpy.subscription import Subscription
    from rclpy.timer import Timer

    from nmap_reloc.standalone.dds import Writer

__all__ = ["Node", "NodeNameNonExistentError"]

HIDDEN_NODE_PREFIX = "_"


class Node(NodeParameters, NodeEntities, NodeGraph):
    """Creates publishers, subscriptions, services, clients and timers, and has parameters."""

    def __init__(self, node_name: str, *, context: Context | None = None,
                 cli_args: list[str] | None = None, namespace: str | None = None,
                 use_global_arguments: bool = True, enable_rosout: bool = True,
                 start_parameter_services: bool = True,
                 parameter_overrides: list[Parameter] | None = None,
                 allow_undeclared_parameters: bool = False,
                 automatically_declare_parameters_from_overrides: bool = False) -> None:
        """cli_args: a command line of this node alone; it counts more than the process's.

        NotInitializedException, InvalidNodeNameException, InvalidNamespaceException, and what is
        wrong with cli_args.
        """
        self._context = get_default_context() if context is None else context
        if not self._context.ok():
            raise NotInitializedException("cannot create node")
        self._destroyed = False
        self._publishers: list[Publisher] = []
        self._subscriptions: list[Subscription] = []
        self._clients: list[Client] = []
        self._services: list[Service] = []
        self._timers: list[Timer] = []
        self._guards: list[GuardCondition] = []
        self._executor: weakref.ref[Executor] | None = None
        self._default_callback_group = MutuallyExclusiveCallbackGroup()
        self._rate_group = ReentrantCallbackGroup()
        own = _arguments.Arguments.parse(cli_args or [])
        everybodys = self._context._arguments if use_global_arguments \
            else _arguments.Arguments()
        self._arguments = (own, everybodys)  # the first counts most
        self._name, self._namespace = self._remapped(node_name, namespace or "")
        self._logger = get_logger(
            f"{self._namespace}/{self._name}".strip("/").replace("/", "."))
        self._clock = ROSClock()
        self._time_source = TimeSource(node=self)
        self._join(enable_rosout and everybodys.rosout and own.rosout)
        values = _arguments.overrides(self._arguments[::-1], self.get_fully_qualified_name())
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        self._init_parameters(overrides + (parameter_overrides or []),
                              allow_undeclared_parameters,
                              automatically_declare_parameters_from_overrides,
                              start_parameter_services)
        self._time_source.attach_clock(self._clock)

    def _remapped(self, name: str, namespace: str) -> tuple[str, str]:
        """The node's valid name and namespace after __node and __ns."""
        validate_node_name(name)
        namespace = "/" + namespace.removeprefix("/")
        validate_namespace(namespace)
        name = _arguments.first_rule(self._arguments, "node", name) or name
        return name, _arguments.first_rule(self._arguments, "ns", name) or namespace

    def _join(self, enable_rosout: bool) -> None:
        """Shows the node to the domain, and its log where it shall be heard."""
        self._domain.add_node(self._namespace, self._name)
        self._context._nodes.add(self)
        self._rosout_writer: Writer | None = None
        if enable_rosout:
            self._rosout_writer = self._domain.writer(
                _rosout.TOPIC, _rosout.TYPE, dds_qos(qos_profile_rosout_default), node=self._key)
            _rosout.attach(self._logger.name, self._rosout_writer)

    def _use_sim_time_changed(self, active: bool) -> None:
        self._time_source.ros_time_is_active = active

    publishers = property(lambda self: iter(list(self._publishers)))
    subscriptions = property(lambda self: iter(list(self._subscriptions)))
    clients = property(lambda self: iter(list(self._clients)))
    services = property(lambda self: iter(list(self._services)))
    timers = property(lambda self: iter(list(self._timers)))
    guards = property(lambda self: iter(list(self._guards)))
    context = property(lambda self: self._context)
    default_callback_group = property(lambda self: self._default_callback_group)

    @property
    def executor(self) -> Executor | None:
        """The executor that the node was added to."""
        return None if self._executor is None else self._executor()

    @executor.setter
    def executor(self, new_executor: Executor | None) -> None:
        current = self.executor
        if current is new_executor:
            return
        if current is not None:
            current.remove_node(self)
        self._executor = None if new_executor is None else weakref.ref(new_executor)
        if new_executor is not None:
            new_executor.add_node(self)

    def _wake_executor(self) -> None:
        executor = self.executor
        if executor is not None:
            executor.wake()

    def get_name(self) -> str:
        """The name without the namespace."""
        return self._name

    def get_namespace(self) -> str:
        """The namespace; "/" for the root."""
        return self._namespace

    def get_fully_qualified_name(self) -> str:
        """Namespace and name."""
        return _names.join(self._namespace, self._name)

    def get_logger(self) -> RcutilsLogger:
        """The node's logger."""
        return self._logger

    def get_clock(self) -> Clock:
        """The node's clock: system time, or /clock under use_sim_time."""
        return self._clock

    def destroy_node(self) -> None:
        """Ends all that the node made, and takes it off the graph; a second time nothing."""
        if self._destroyed:
            return
        homes: tuple[list[Any], ...] = (self._publishers, self._subscriptions, self._clients,
                                        self._services, self._timers, self._guards)
        for home in homes:
            for entity in list(home):
                self._remove(entity, home)
        self._destroyed = True
        if self._rosout_writer is not None:
            _rosout.detach(self._logger.name, self._rosout_writer)
        domain = self._context._domain
        if domain is not None:
            domain.remove_node(*self._key)
        self._context._nodes.discard(self)
        self._context._close_if_unused()
        self._wake_executor()

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        self.destroy_node()
