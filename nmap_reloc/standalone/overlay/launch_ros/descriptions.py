"""Parameters of nodes as launch files give them."""

from launch_ros.parameter_descriptions import Parameter, ParameterFile, ParameterValue

__all__ = ["Parameter", "ParameterFile", "ParameterValue"]
