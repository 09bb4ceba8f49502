"""rclpy.exceptions: what can be wrong with names, parameters and use after shutdown."""

# ruff: noqa: N818 (exceptions with the names that the real ones have)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy._rclpy_pybind11 import InvalidHandle

if TYPE_CHECKING:
    from rclpy.parameter import Parameter

__all__ = [
    "InvalidHandle", "InvalidNamespaceException", "InvalidNodeNameException",
    "InvalidParameterException", "InvalidParameterTypeException",
    "InvalidParameterValueException", "InvalidServiceNameException", "InvalidTopicNameException",
    "NameValidationException", "NoTypeSupportImportedException", "NotInitializedException",
    "ParameterAlreadyDeclaredException", "ParameterException", "ParameterImmutableException",
    "ParameterNotDeclaredException", "ParameterUninitializedException", "ROSInterruptException",
]


class NotInitializedException(Exception):
    """Something needs rclpy.init() first."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__("rclpy.init() has not been called."
                         + (f" msg:{message}" if message else ""))


class NoTypeSupportImportedException(Exception):
    """A type that has no description."""

    def __init__(self) -> None:
        super().__init__("no type_support imported")


class NameValidationException(Exception):
    """A topic, service, node name or namespace is invalid."""

    def __init__(self, name_type: str, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__(f"Invalid {name_type}: {error_msg}:\n"
                         f"  '{name}'\n   {' ' * invalid_index}^")


class InvalidNamespaceException(NameValidationException):
    """A namespace is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__("namespace", name, error_msg, invalid_index)


class InvalidNodeNameException(NameValidationException):
    """A node name is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__("node name", name, error_msg, invalid_index)


class InvalidTopicNameException(NameValidationException):
    """A topic name is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__("topic name", name, error_msg, invalid_index)


class InvalidServiceNameException(NameValidationException):
    """A service name is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__("service name", name, error_msg, invalid_index)


class ParameterException(Exception):
    """What the exceptions about parameters share."""

    def __init__(self, error_msg: str, parameters: str | list[str]) -> None:
        super().__init__(f"{error_msg}: {parameters}")


class ParameterNotDeclaredException(ParameterException):
    """An undeclared parameter is used where that is not allowed."""

    def __init__(self, parameters: str | list[str]) -> None:
        super().__init__("Invalid access to undeclared parameter(s)", parameters)


class ParameterAlreadyDeclaredException(ParameterException):
    """A parameter is declared twice."""

    def __init__(self, parameters: str | list[str]) -> None:
        super().__init__("Parameter(s) already declared", parameters)


class InvalidParameterException(ParameterException):
    """A parameter's name is invalid."""

    def __init__(self, parameter_name: str) -> None:
        super().__init__("Invalid parameter name", parameter_name)


class InvalidParameterTypeException(ParameterException):
    """A parameter is rejected because of its type."""

    def __init__(self, desired_parameter: Parameter, expected_type: Any) -> None:
        super().__init__(
            f"Trying to set parameter '{desired_parameter.name}' to '{desired_parameter.value}'"
            f" of type '{desired_parameter.type_.name}', expecting type '{expected_type}'",
            desired_parameter.name)


class InvalidParameterValueException(ParameterException):
    """A parameter is rejected by a callback or by its descriptor."""

    def __init__(self, parameter: str, value: Any, reason: str) -> None:
        super().__init__(
            f"Invalid parameter value ({value}) for parameter. Reason: {reason}", parameter)


class ParameterImmutableException(ParameterException):
    """A read-only parameter is changed."""

    def __init__(self, parameter_name: str) -> None:
        super().__init__("Attempted to modify read-only parameter", parameter_name)


class ParameterUninitializedException(ParameterException):
    """A parameter without a value is read."""

    def __init__(self, parameter_name: str) -> None:
        super().__init__(f"The parameter '{parameter_name}' is not initialized", parameter_name)


class ROSInterruptException(Exception):
    """A wait ended because of the shutdown."""

    def __init__(self) -> None:
        super().__init__("rclpy.shutdown() has been called")
