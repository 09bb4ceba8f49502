"""What a launch description does."""

from launch.actions.configurations import (
    AppendEnvironmentVariable,
    DeclareLaunchArgument,
    PopEnvironment,
    PopLaunchConfigurations,
    PushEnvironment,
    PushLaunchConfigurations,
    ResetEnvironment,
    ResetLaunchConfigurations,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    UnsetEnvironmentVariable,
    UnsetLaunchConfiguration,
)
from launch.actions.control import (
    EmitEvent,
    GroupAction,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
    TimerAction,
    UnregisterEventHandler,
)
from launch.actions.execute_process import ExecuteLocal, ExecuteProcess

__all__ = ["AppendEnvironmentVariable", "DeclareLaunchArgument", "EmitEvent", "ExecuteLocal",
           "ExecuteProcess", "GroupAction", "IncludeLaunchDescription", "LogInfo",
           "OpaqueFunction", "PopEnvironment", "PopLaunchConfigurations", "PushEnvironment",
           "PushLaunchConfigurations", "RegisterEventHandler", "ResetEnvironment",
           "ResetLaunchConfigurations", "SetEnvironmentVariable", "SetLaunchConfiguration",
           "Shutdown", "TimerAction", "UnregisterEventHandler", "UnsetEnvironmentVariable",
           "UnsetLaunchConfiguration"]
