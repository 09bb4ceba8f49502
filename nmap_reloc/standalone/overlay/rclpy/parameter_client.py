"""rclpy.parameter_client: another node's parameters, read and set through its services."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, qos_profile_services_default

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.client import Client
    from rclpy.node import Node
    from rclpy.task import Future

Callback = Callable[["Future"], None]


class AsyncParameterClient:
    """Every question returns a Future of the service's response; callback gets it when done."""

    def __init__(self, node: Node, remote_node_name: str,
                 qos_profile: QoSProfile = qos_profile_services_default,
                 callback_group: CallbackGroup | None = None) -> None:
        def client(kind: type, name: str) -> Client:
            return node.create_client(kind, f"{remote_node_name}/{name}", qos_profile=qos_profile,
                                      callback_group=callback_group)

        self.remote_node_name = remote_node_name
        self._get = client(GetParameters, "get_parameters")
        self._list = client(ListParameters, "list_parameters")
        self._set = client(SetParameters, "set_parameters")
        self._get_types = client(GetParameterTypes, "get_parameter_types")
        self._describe = client(DescribeParameters, "describe_parameters")
        self._set_atomically = client(SetParametersAtomically, "set_parameters_atomically")
        self._clients = (self._get, self._list, self._set, self._get_types, self._describe,
                         self._set_atomically)

    def services_are_ready(self) -> bool:
        """Says whether the other node answers all six services."""
        return all(client.service_is_ready() for client in self._clients)

    def wait_for_services(self, timeout_sec: float | None = None) -> bool:
        """Waits for all six; False when the time ran out. None: waits as long as it takes."""
        if timeout_sec is None:
            return all(client.wait_for_service() for client in self._clients)
        end = time.monotonic() + timeout_sec
        return all(client.wait_for_service(max(0.0, end - time.monotonic()))
                   for client in self._clients)

    def list_parameters(self, prefixes: list[str] | None = None, depth: int | None = None,
                        callback: Callback | None = None) -> Future:
        """Names below the prefixes (None: all), at most depth levels down (None: any)."""
        request = ListParameters.Request(prefixes=prefixes or [], depth=depth or 0)
        return self._ask(self._list, request, callback)

    def get_parameters(self, names: list[str], callback: Callback | None = None) -> Future:
        """Values; an empty response where one of the names is not declared."""
        return self._ask(self._get, GetParameters.Request(names=names), callback)

    def set_parameters(self, parameters: Sequence[Parameter | ParameterMsg],
                       callback: Callback | None = None) -> Future:
        """Sets one after the other; a result for each."""
        request = SetParameters.Request(parameters=_messages(parameters))
        return self._ask(self._set, request, callback)

    def describe_parameters(self, names: list[str], callback: Callback | None = None) -> Future:
        """Descriptors."""
        return self._ask(self._describe, DescribeParameters.Request(names=names), callback)

    def get_parameter_types(self, names: list[str], callback: Callback | None = None) -> Future:
        """Types, as numbers of rcl_interfaces/msg/ParameterType."""
        return self._ask(self._get_types, GetParameterTypes.Request(names=names), callback)

    def set_parameters_atomically(self, parameters: Sequence[Parameter | ParameterMsg],
                                  callback: Callback | None = None) -> Future:
        """Sets all or none; one result."""
        request = SetParametersAtomically.Request(parameters=_messages(parameters))
        return self._ask(self._set_atomically, request, callback)

    def delete_parameters(self, names: list[str], callback: Callback | None = None) -> Future:
        """Undeclares dynamically typed parameters."""
        return self.set_parameters([Parameter(name) for name in names], callback)

    @staticmethod
    def _ask(client: Client, request: Any, callback: Callback | None) -> Future:
        future = client.call_async(request)
        if callback is not None:
            future.add_done_callback(callback)
        return future


def _messages(parameters: Sequence[Parameter | ParameterMsg]) -> list[ParameterMsg]:
    return [parameter.to_parameter_msg() if isinstance(parameter, Parameter) else parameter
            for parameter in parameters]
