"""rclpy.parameter_service: the six services by which others read and set a node's parameters."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.exceptions import ParameterNotDeclaredException, ParameterUninitializedException
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_parameters

if TYPE_CHECKING:
    from rclpy.node import Node


class ParameterService:
    """Creates the services of one node and answers them.

    As in ROS 2 one unknown name makes the whole answer of a reading service empty.
    """

    def __init__(self, node: Node) -> None:
        # Weak: the node owns its services, and a cycle would outlive destroy_node.
        self._node_weak_ref = weakref.ref(node)
        for kind, name, callback in (
                (DescribeParameters, "describe_parameters", self._describe),
                (GetParameters, "get_parameters", self._get),
                (GetParameterTypes, "get_parameter_types", self._get_types),
                (ListParameters, "list_parameters", self._list),
                (SetParameters, "set_parameters", self._set),
                (SetParametersAtomically, "set_parameters_atomically", self._set_atomically)):
            node.create_service(kind, f"~/{name}", callback, qos_profile=qos_profile_parameters)

    @property
    def _node(self) -> Node:
        node = self._node_weak_ref()
        if node is None:
            raise ReferenceError("Expected valid node weak reference")
        return node

    def _describe(self, request: DescribeParameters.Request,
                  response: DescribeParameters.Response) -> DescribeParameters.Response:
        try:
            response.descriptors = self._node.describe_parameters(list(request.names))
        except ParameterNotDeclaredException:
            response.descriptors = []
        return response

    def _get(self, request: GetParameters.Request,
             response: GetParameters.Response) -> GetParameters.Response:
        try:
            response.values = [parameter.get_parameter_value()
                               for parameter in self._node.get_parameters(list(request.names))]
        except (ParameterNotDeclaredException, ParameterUninitializedException):
            response.values = []
        return response

    def _get_types(self, request: GetParameterTypes.Request,
                   response: GetParameterTypes.Response) -> GetParameterTypes.Response:
        try:
            response.types = [type_.value for type_
                              in self._node.get_parameter_types(list(request.names))]
        except ParameterNotDeclaredException:
            response.types = []
        return response

    def _list(self, request: ListParameters.Request,
              response: ListParameters.Response) -> ListParameters.Response:
        response.result = self._node.list_parameters(list(request.prefixes), request.depth)
        return response

    def _set(self, request: SetParameters.Request,
             response: SetParameters.Response) -> SetParameters.Response:
        response.results = [self._set_all([Parameter.from_parameter_msg(message)])
                            for message in request.parameters]
        return response

    def _set_atomically(self, request: SetParametersAtomically.Request,
                        response: SetParametersAtomically.Response
                        ) -> SetParametersAtomically.Response:
        response.result = self._set_all([Parameter.from_parameter_msg(message)
                                         for message in request.parameters])
        return response

    def _set_all(self, parameters: list[Parameter]) -> SetParametersResult:
        try:
            return self._node.set_parameters_atomically(parameters)
        except ParameterNotDeclaredException as error:
            return SetParametersResult(successful=False, reason=str(error))
