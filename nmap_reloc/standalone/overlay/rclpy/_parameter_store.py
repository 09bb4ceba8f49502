"""The declared parameters of a node and the questions one can ask about them."""

from __future__ import annotations

from rcl_interfaces.msg import ListParametersResult, ParameterDescriptor
from rclpy.exceptions import ParameterNotDeclaredException, ParameterUninitializedException
from rclpy.parameter import PARAMETER_SEPARATOR_STRING, Parameter


class ParameterStore:
    """A mixin: what nodes read."""

    _parameters: dict[str, Parameter]
    _descriptors: dict[str, ParameterDescriptor]
    _allow_undeclared_parameters: bool

    def has_parameter(self, name: str) -> bool:
        """Says whether the parameter is declared."""
        return name in self._parameters

    def get_parameter(self, name: str) -> Parameter:
        """ParameterNotDeclaredException, or ParameterUninitializedException without a value."""
        if self.has_parameter(name):
            parameter = self._parameters[name]
            if parameter.type_ == Parameter.Type.NOT_SET \
                    and not self._descriptors[name].dynamic_typing:
                raise ParameterUninitializedException(name)
            return parameter
        if self._allow_undeclared_parameters:
            return Parameter(name)
        raise ParameterNotDeclaredException(name)

    def get_parameters(self, names: list[str]) -> list[Parameter]:
        """See get_parameter."""
        return [self.get_parameter(name) for name in names]

    def get_parameter_or(self, name: str, alternative_value: Parameter | None = None) -> Parameter:
        """The parameter, or the alternative where it is not declared or has no value."""
        parameter = self._parameters.get(name)
        if parameter is None or parameter.type_ == Parameter.Type.NOT_SET:
            return alternative_value if alternative_value is not None else Parameter(name)
        return parameter

    def get_parameter_type(self, name: str) -> Parameter.Type:
        """NOT_SET for an undeclared one where such are allowed, else raises."""
        if self.has_parameter(name):
            return self._parameters[name].type_
        if self._allow_undeclared_parameters:
            return Parameter.Type.NOT_SET
        raise ParameterNotDeclaredException(name)

    def get_parameter_types(self, names: list[str]) -> list[Parameter.Type]:
        """See get_parameter_type."""
        return [self.get_parameter_type(name) for name in names]

    def get_parameters_by_prefix(self, prefix: str) -> dict[str, Parameter]:
        """All parameters below a prefix, their names without it; all of them for an empty one."""
        start = prefix + PARAMETER_SEPARATOR_STRING if prefix else ""
        return {name[len(start):]: parameter for name, parameter in self._parameters.items()
                if name.startswith(start)}

    def list_parameters(self, prefixes: list[str], depth: int) -> ListParametersResult:
        """Names below any of the prefixes (all for none), at most depth levels down (0: any).

        Raises TypeError and ValueError for arguments of another kind.
        """
        if not isinstance(prefixes, list) or not all(isinstance(p, str) for p in prefixes):
            raise TypeError("The prefixes argument must be a list of str")
        if depth < 0:
            raise ValueError("The depth must be greater than or equal to zero")

        def shallow(rest: str) -> bool:
            return depth == 0 or rest.count(PARAMETER_SEPARATOR_STRING) < depth

        def listed(name: str) -> bool:
            if not prefixes:
                return shallow(name)
            return any(name == prefix
                       or (name.startswith(prefix + PARAMETER_SEPARATOR_STRING)
                           and shallow(name[len(prefix) + 1:])) for prefix in prefixes)

        names = [name for name in self._parameters if listed(name)]
        parents = [name.rpartition(PARAMETER_SEPARATOR_STRING)[0] for name in names]
        return ListParametersResult(names=names,
                                    prefixes=list(dict.fromkeys(p for p in parents if p)))

    def describe_parameter(self, name: str) -> ParameterDescriptor:
        """The descriptor; a default one for an undeclared parameter where such are allowed."""
        if name in self._descriptors:
            return self._descriptors[name]
        if self._allow_undeclared_parameters:
            return ParameterDescriptor()
        raise ParameterNotDeclaredException(name)

    def describe_parameters(self, names: list[str]) -> list[ParameterDescriptor]:
        """See describe_parameter."""
        return [self.describe_parameter(name) for name in names]
