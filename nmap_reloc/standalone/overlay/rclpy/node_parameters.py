"""The parameters of a node: declaring them, on top of reading and setting."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterDescriptor, ParameterEvent, ParameterValue
from rclpy import _parameter_rules as rules
from rclpy._parameter_setting import USE_SIM_TIME, ParameterSetting
from rclpy.exceptions import (
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
)
from rclpy.parameter import Parameter
from rclpy.parameter_service import ParameterService
from rclpy.qos import qos_profile_parameter_events


class NodeParameters(ParameterSetting):
    """A mixin: Node inherits it and calls ``_init_parameters`` once its services can exist."""

    if TYPE_CHECKING:  # what Node provides
        create_publisher: Callable[..., Any]

    def _init_parameters(self, overrides: Sequence[Parameter] = (), allow_undeclared: bool = False,
                         automatically_declare: bool = False,
                         start_services: bool = True) -> None:
        """Declares ``use_sim_time`` and, where asked for, all overrides; opens the services.

        overrides: initial values from params files, the command line and the constructor; of two
        with one name the later counts.
        """
        self._parameters = {}
        self._descriptors = {}
        self._parameter_overrides = {override.name: override for override in overrides}
        self._allow_undeclared_parameters = allow_undeclared
        self._pre_set_parameters_callbacks = []
        self._on_set_parameters_callbacks = []
        self._post_set_parameters_callbacks = []
        self._parameter_event_publisher = self.create_publisher(
            ParameterEvent, "/parameter_events", qos_profile_parameter_events)
        if automatically_declare:
            self.declare_parameters("", [(p.name, p.value, ParameterDescriptor())
                                         for p in self._parameter_overrides.values()],
                                    ignore_override=True)
        if not self.has_parameter(USE_SIM_TIME):
            self.declare_parameter(USE_SIM_TIME, False)
        if start_services:
            self._parameter_service = ParameterService(self)  # type: ignore[arg-type] # a Node

    def declare_parameter(self, name: str, value: Any = None,
                          descriptor: ParameterDescriptor | None = None,
                          ignore_override: bool = False) -> Parameter:
        """Declares one parameter: its value is the override's where there is one, else ``value``.

        value: also a Parameter.Type, for a parameter without default. Raises the exceptions of
        declare_parameters.
        """
        entry = (name,) if value is None and descriptor is None \
            else (name, value, descriptor or ParameterDescriptor())
        return self.declare_parameters("", [entry], ignore_override)[0]

    def declare_parameters(self, namespace: str, parameters: Sequence[tuple[Any, ...]],
                           ignore_override: bool = False) -> list[Parameter]:
        """Declares (name, value or type, descriptor) tuples below a namespace.

        Raises ParameterAlreadyDeclaredException, InvalidParameterException (an empty name),
        InvalidParameterTypeException and InvalidParameterValueException.
        """
        wanted = [self.__wanted(namespace, entry, ignore_override) for entry in parameters]
        known = [parameter.name for parameter, _ in wanted if self.has_parameter(parameter.name)]
        if known:
            raise ParameterAlreadyDeclaredException(known)
        for parameter, descriptor in wanted:
            self.__declare(parameter, descriptor)
        # Not get_parameter: a type without a value may be declared.
        return [self._parameters[parameter.name] for parameter, _ in wanted]

    def __wanted(self, namespace: str, entry: tuple[Any, ...], ignore_override: bool
                ) -> tuple[Parameter, ParameterDescriptor]:
        """A tuple of declare_parameters -> the initial value and the complete descriptor."""
        if not 1 <= len(entry) <= 3 or not isinstance(entry[0], str):
            raise TypeError(f"Invalid parameter tuple {entry!r}; expecting a name, then a value "
                            "or type, then a descriptor")
        name = f"{namespace}.{entry[0]}" if namespace else entry[0]
        if not name:
            raise InvalidParameterException(name)
        default = entry[1] if len(entry) > 1 else None
        descriptor = entry[2] if len(entry) > 2 else ParameterDescriptor()
        if len(entry) == 1:
            warnings.warn(f"declaring parameter '{name}' by its name only is deprecated: pass a "
                          "default value, a type, or a descriptor with dynamic_typing=True",
                          stacklevel=4)
            descriptor.dynamic_typing = True
        value = _typed_default(name, default, descriptor)
        if not ignore_override and name in self._parameter_overrides:
            value = self._parameter_overrides[name].value
        return Parameter(name, value=value), descriptor

    def __declare(self, parameter: Parameter, descriptor: ParameterDescriptor) -> None:
        result = self._check_and_set_parameters([parameter], {parameter.name: descriptor})
        if result.successful:
            return
        if result.reason.startswith(rules.WRONG_TYPE):
            raise InvalidParameterTypeException(parameter, Parameter.Type(descriptor.type).name)
        raise InvalidParameterValueException(parameter.name, parameter.value, result.reason)

    def undeclare_parameter(self, name: str) -> None:
        """Forgets a parameter that is declared and not read-only; raises where it is not."""
        if not self.has_parameter(name):
            raise ParameterNotDeclaredException(name)
        if self._descriptors[name].read_only:
            raise ParameterImmutableException(name)
        del self._parameters[name]
        del self._descriptors[name]

    def set_descriptor(self, name: str, descriptor: ParameterDescriptor,
                       alternative_value: ParameterValue | None = None) -> ParameterValue:
        """Describes a parameter anew; where its value does not fit, the alternative is taken.

        Raises ParameterNotDeclaredException, ParameterImmutableException and, where neither value
        fits, InvalidParameterValueException. Returns the value the parameter has then.
        """
        if not self.has_parameter(name):
            return self.get_parameter(name).get_parameter_value()
        if self._descriptors[name].read_only:
            raise ParameterImmutableException(name)
        candidates = [self.get_parameter(name)]
        if alternative_value is not None:
            candidates.append(Parameter.from_parameter_msg(
                ParameterMsg(name=name, value=alternative_value)))
        for parameter in candidates:
            result = rules.check(parameter, descriptor, declared=True, check_read_only=False)
            if result.successful:
                self._store_parameter(parameter, descriptor)
                return parameter.get_parameter_value()
        raise InvalidParameterValueException(name, candidates[-1].value, result.reason)


def _typed_default(name: str, default: Any, descriptor: ParameterDescriptor) -> Any:
    """The default value; the descriptor gets its type. ValueError where the two contradict."""
    if isinstance(default, Parameter.Type):
        if default == Parameter.Type.NOT_SET:
            raise ValueError(
                f"Cannot declare parameter {{{name}}} as statically typed of type NOT_SET")
        if descriptor.dynamic_typing:
            raise ValueError(
                f"When declaring parameter {{{name}}} passing a descriptor with "
                "`dynamic_typing=True` is not allowed when the parameter type is provided")
        descriptor.type = default.value
        return None
    if not descriptor.dynamic_typing:
        type_ = Parameter.Type.from_parameter_value(default)
        if type_ == Parameter.Type.NOT_SET:
            raise ValueError("Cannot declare a statically typed parameter with default value of "
                             "type PARAMETER_NOT_SET")
        descriptor.type = type_.value
    return default
