"""Setting parameters: asked of descriptors and callbacks, then stored and announced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import ParameterDescriptor, ParameterEvent, SetParametersResult
from rclpy import _parameter_rules as rules
from rclpy._parameter_store import ParameterStore
from rclpy.exceptions import ParameterNotDeclaredException
from rclpy.parameter import Parameter

PreSetCallback = Callable[[list[Parameter]], list[Parameter]]
OnSetCallback = Callable[[list[Parameter]], SetParametersResult]
PostSetCallback = Callable[[list[Parameter]], None]

USE_SIM_TIME = "use_sim_time"
EMPTY_LIST = ("parameter list cannot be empty, this might be due to pre_set_parameters_callback "
              "modifying the original parameters list.")


class ParameterSetting(ParameterStore):
    """A mixin: what changes a parameter after it was declared."""

    _pre_set_parameters_callbacks: list[PreSetCallback]
    _on_set_parameters_callbacks: list[OnSetCallback]
    _post_set_parameters_callbacks: list[PostSetCallback]
    _parameter_event_publisher: Any

    if TYPE_CHECKING:  # what Node provides
        get_clock: Callable[[], Any]
        get_fully_qualified_name: Callable[[], str]
        get_logger: Callable[[], Any]

    def _use_sim_time_changed(self, active: bool) -> None:
        """Called whenever ``use_sim_time`` is set; the node's time source overrides this."""

    def set_parameters(self, parameter_list: Sequence[Parameter]) -> list[SetParametersResult]:
        """Sets one after the other; a result for each.

        ParameterNotDeclaredException at the first one that is not declared.
        """
        return [self.set_parameters_atomically([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Sets all or none. ParameterNotDeclaredException where one is not declared."""
        if self._pre_set_parameters_callbacks:
            parameter_list = [parameter for callback in self._pre_set_parameters_callbacks
                              for parameter in callback(parameter_list)]
            if not parameter_list:
                return SetParametersResult(successful=False, reason=EMPTY_LIST)
        if not all(isinstance(parameter, Parameter) for parameter in parameter_list):
            raise TypeError(f"parameter must be instance of type '{Parameter!r}'")
        unknown = [p.name for p in parameter_list if not self.has_parameter(p.name)]
        if unknown and not self._allow_undeclared_parameters:
            raise ParameterNotDeclaredException(unknown)
        return self._check_and_set_parameters(parameter_list)

    def _check_and_set_parameters(self, parameters: list[Parameter],
                       declaring: dict[str, ParameterDescriptor] | None = None
                       ) -> SetParametersResult:
        """declaring: the descriptors of parameters that are being declared with these values."""
        descriptors = self._descriptors if declaring is None else declaring
        for parameter in parameters:
            if parameter.name in descriptors:
                result = rules.check(parameter, descriptors[parameter.name],
                                     declared=self.has_parameter(parameter.name),
                                     check_read_only=declaring is None)
                if not result.successful:
                    return result
        for callback in self._on_set_parameters_callbacks:
            result = callback(parameters)
            if not result.successful:
                return result
        self.__store_and_announce(parameters, declaring)
        for post_callback in self._post_set_parameters_callbacks:
            post_callback(parameters)
        return SetParametersResult(successful=True)

    def __store_and_announce(self, parameters: list[Parameter],
                            declaring: dict[str, ParameterDescriptor] | None) -> None:
        event = ParameterEvent(node=self.get_fully_qualified_name())
        for parameter in parameters:
            if declaring is None and parameter.type_ == Parameter.Type.NOT_SET:
                # Without a value it is no parameter any more.
                self._parameters.pop(parameter.name, None)
                self._descriptors.pop(parameter.name, None)
                event.deleted_parameters.append(parameter.to_parameter_msg())
                continue
            new = self.get_parameter_or(parameter.name).type_ == Parameter.Type.NOT_SET
            (event.new_parameters if new else event.changed_parameters).append(
                parameter.to_parameter_msg())
            self._store_parameter(parameter, (declaring or {}).get(parameter.name))
        event.stamp = self.get_clock().now().to_msg()
        self._parameter_event_publisher.publish(event)

    def _store_parameter(self, parameter: Parameter,
                         descriptor: ParameterDescriptor | None) -> None:
        """Keeps the value; the descriptor is the given one, else the one it has, else dynamic."""
        if descriptor is None:
            descriptor = self._descriptors.get(parameter.name) \
                or ParameterDescriptor(dynamic_typing=True)
        descriptor.name = parameter.name
        if descriptor.dynamic_typing:
            descriptor.type = parameter.type_.value
        self._descriptors[parameter.name] = descriptor
        self._parameters[parameter.name] = parameter
        if parameter.name == USE_SIM_TIME:
            if parameter.type_ == Parameter.Type.BOOL:
                self._use_sim_time_changed(parameter.value)
            else:
                self.get_logger().error(
                    f"Invalid type for parameter '{USE_SIM_TIME}' {parameter.type_!r} "
                    "should be bool")

    # The callback that was added last is asked first.

    def add_pre_set_parameters_callback(self, callback: PreSetCallback) -> None:
        """Adds one that may change the list before it is checked; not called when declaring."""
        self._pre_set_parameters_callbacks.insert(0, callback)

    def add_on_set_parameters_callback(self, callback: OnSetCallback) -> None:
        """Adds one that may refuse the list; called when declaring, too."""
        self._on_set_parameters_callbacks.insert(0, callback)

    def add_post_set_parameters_callback(self, callback: PostSetCallback) -> None:
        """Adds one that hears of values that have been set; called when declaring, too."""
        self._post_set_parameters_callbacks.insert(0, callback)

    def remove_pre_set_parameters_callback(self, callback: PreSetCallback) -> None:
        """ValueError where it was never added."""
        self._pre_set_parameters_callbacks.remove(callback)

    def remove_on_set_parameters_callback(self, callback: OnSetCallback) -> None:
        """ValueError where it was never added."""
        self._on_set_parameters_callbacks.remove(callback)

    def remove_post_set_parameters_callback(self, callback: PostSetCallback) -> None:
        """ValueError where it was never added."""
        self._post_set_parameters_callbacks.remove(callback)
