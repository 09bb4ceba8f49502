"""Nodes, and what all nodes of a scope get."""

from launch_ros.actions.lifecycle_node import LifecycleNode
from launch_ros.actions.node import Node
from launch_ros.actions.scope import (
    PushROSNamespace,
    PushRosNamespace,
    SetParameter,
    SetParametersFromFile,
    SetRemap,
)

__all__ = ["LifecycleNode", "Node", "PushROSNamespace", "PushRosNamespace", "SetParameter",
           "SetParametersFromFile", "SetRemap"]
