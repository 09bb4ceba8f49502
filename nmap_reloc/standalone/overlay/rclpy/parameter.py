"""rclpy.parameter: a named value of one of the nine parameter types."""

from __future__ import annotations

import array
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import yaml
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterType, ParameterValue

PARAMETER_SEPARATOR_STRING = "."

AllowableParameterValue = Any  # None, bool, int, float, str, or a list, tuple or array of these

# The field of ParameterValue that holds a value of the type.
_FIELDS = {
    ParameterType.PARAMETER_BOOL: "bool_value",
    ParameterType.PARAMETER_INTEGER: "integer_value",
    ParameterType.PARAMETER_DOUBLE: "double_value",
    ParameterType.PARAMETER_STRING: "string_value",
    ParameterType.PARAMETER_BYTE_ARRAY: "byte_array_value",
    ParameterType.PARAMETER_BOOL_ARRAY: "bool_array_value",
    ParameterType.PARAMETER_INTEGER_ARRAY: "integer_array_value",
    ParameterType.PARAMETER_DOUBLE_ARRAY: "double_array_value",
    ParameterType.PARAMETER_STRING_ARRAY: "string_array_value",
}


def _single_byte(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == 1


def _is_a(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kind)


class Parameter:
    """A parameter as nodes hand it around: name, type_ and value never change."""

    class Type(IntEnum):
        """The type of a parameter; the numbers are those of rcl_interfaces/msg/ParameterType."""

        NOT_SET = ParameterType.PARAMETER_NOT_SET
        BOOL = ParameterType.PARAMETER_BOOL
        INTEGER = ParameterType.PARAMETER_INTEGER
        DOUBLE = ParameterType.PARAMETER_DOUBLE
        STRING = ParameterType.PARAMETER_STRING
        BYTE_ARRAY = ParameterType.PARAMETER_BYTE_ARRAY
        BOOL_ARRAY = ParameterType.PARAMETER_BOOL_ARRAY
        INTEGER_ARRAY = ParameterType.PARAMETER_INTEGER_ARRAY
        DOUBLE_ARRAY = ParameterType.PARAMETER_DOUBLE_ARRAY
        STRING_ARRAY = ParameterType.PARAMETER_STRING_ARRAY

        @classmethod
        def from_parameter_value(cls, parameter_value: AllowableParameterValue) -> Parameter.Type:
            """The type that holds the value; TypeError where none does."""
            if parameter_value is None:
                return Parameter.Type.NOT_SET
            for kind, type_ in _SCALARS:
                if isinstance(parameter_value, kind):
                    return type_
            if not isinstance(parameter_value, (list, tuple, array.array)):
                raise TypeError("The given value is not one of the allowed types "
                                f"'{parameter_value}'.")
            for element, type_ in _ARRAYS:
                # An empty list is a byte array: the first type that nothing contradicts.
                if all(isinstance(v, element) for v in parameter_value):
                    return type_
            raise TypeError("The given value is not a list of one of the allowed types "
                            f"'{parameter_value}'.")

        def check(self, parameter_value: AllowableParameterValue) -> bool:
            """Says whether a parameter of this type may hold the value."""
            if self == Parameter.Type.NOT_SET:
                return parameter_value is None
            for kind, type_ in _SCALARS:
                if self == type_:
                    return isinstance(parameter_value, kind)
            sequences, fits = _ELEMENTS[self]
            return isinstance(parameter_value, sequences) and all(map(fits, parameter_value))

    @classmethod
    def from_parameter_msg(cls, param_msg: ParameterMsg) -> Parameter:
        """The parameter that a message carries."""
        type_ = Parameter.Type(param_msg.value.type)
        return cls(param_msg.name, type_, parameter_value_to_python(param_msg.value))

    def __init__(self, name: str, type_: Parameter.Type | None = None,
                 value: AllowableParameterValue = None) -> None:
        """TypeError or ValueError where no type holds the value, or the given one does not."""
        if type_ is None:
            type_ = Parameter.Type.from_parameter_value(value)
        if not isinstance(type_, Parameter.Type):
            raise TypeError(f"type must be an instance of '{Parameter.Type!r}'")
        if not type_.check(value):
            raise ValueError(f"Type '{type_}' and value '{value}' do not agree")
        self._type_ = type_
        self._name = name
        self._value = value

    def __repr__(self) -> str:
        return f"Parameter(name={self._name!r}, type_={self._type_.name}, value={self._value!r})"

    @property
    def name(self) -> str:
        return self._name

    @property
    def type_(self) -> Parameter.Type:
        return self._type_

    @property
    def value(self) -> AllowableParameterValue:
        return self._value

    def get_parameter_value(self) -> ParameterValue:
        """The value as a message."""
        message = ParameterValue(type=self._type_.value)
        if self._type_ != Parameter.Type.NOT_SET:
            value = list(self._value) if isinstance(self._value, tuple) else self._value
            setattr(message, _FIELDS[self._type_.value], value)
        return message

    def to_parameter_msg(self) -> ParameterMsg:
        """Name and value as a message."""
        return ParameterMsg(name=self._name, value=self.get_parameter_value())


# bool before int: a bool is an int in Python, but not a parameter of type integer.
_SCALARS = ((bool, Parameter.Type.BOOL), (int, Parameter.Type.INTEGER),
            (float, Parameter.Type.DOUBLE), (str, Parameter.Type.STRING))
_ARRAYS = ((bytes, Parameter.Type.BYTE_ARRAY), (bool, Parameter.Type.BOOL_ARRAY),
           (int, Parameter.Type.INTEGER_ARRAY), (float, Parameter.Type.DOUBLE_ARRAY),
           (str, Parameter.Type.STRING_ARRAY))
_ELEMENTS: dict[Parameter.Type, tuple[tuple[type[Any], ...], Callable[[object], bool]]] = {
    Parameter.Type.BYTE_ARRAY: ((list, tuple), _single_byte),
    Parameter.Type.BOOL_ARRAY: ((list, tuple), _is_a(bool)),
    Parameter.Type.INTEGER_ARRAY: ((list, tuple, array.array), _is_a(int)),
    Parameter.Type.DOUBLE_ARRAY: ((list, tuple, array.array), _is_a(float)),
    Parameter.Type.STRING_ARRAY: ((list, tuple), _is_a(str)),
}


def get_parameter_value(string_value: str) -> ParameterValue:
    """Text as a user types it -> a value of the type that YAML sees in it."""
    try:
        value = yaml.safe_load(string_value)
    except yaml.YAMLError:  # what YAML cannot read is the text itself
        value = string_value
    if not isinstance(value, (bool, int, float, str, list)):  # nothing, a mapping, a date
        value = string_value
    if isinstance(value, list):
        return _list_value(value, string_value)
    return Parameter("", value=value).get_parameter_value()


def _list_value(value: list[Any], string_value: str) -> ParameterValue:
    """A list -> an array of bool, int, float or str; a mixed one stays the text it was."""
    for element, type_ in _ARRAYS[1:]:
        if all(isinstance(v, element) for v in value):
            return Parameter("", type_, value).get_parameter_value()
    return Parameter("", value=string_value).get_parameter_value()


def parameter_value_to_python(parameter_value: ParameterValue) -> AllowableParameterValue:
    """The value that a message carries: None, bool, int, float, str or a list of these.

    RuntimeError where the type is none of the known ones.
    """
    if parameter_value.type == ParameterType.PARAMETER_NOT_SET:
        return None
    if parameter_value.type not in _FIELDS:
        raise RuntimeError(f"unexpected parameter type {parameter_value.type}")
    value = getattr(parameter_value, _FIELDS[parameter_value.type])
    if isinstance(value, (bool, int, float, str)):
        return value
    if parameter_value.type == ParameterType.PARAMETER_BYTE_ARRAY:
        return [v if isinstance(v, bytes) else bytes([v]) for v in value]
    # Numeric arrays come as numpy or array.array: both know how to become plain Python values.
    return value.tolist() if hasattr(value, "tolist") else list(value)
