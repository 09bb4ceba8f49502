"""Actions that set launch configurations and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from launch.action import Action
from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions


class DeclareLaunchArgument(Action):
    """An argument of the launch file. RuntimeError: no value, or none of the choices."""

    def __init__(self, name: str, *, default_value: SomeSubstitutionsType | None = None,
                 description: str | None = None, choices: list[str] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.default_value = (None if default_value is None
                              else normalize_to_list_of_substitutions(default_value))
        if choices is not None and not choices:
            raise RuntimeError("Provided choices arg is empty. Use None to ignore the choice "
                               "list.")
        if choices and isinstance(default_value, str) and default_value not in choices:
            raise RuntimeError(f'Provided default_value "{default_value}" is not in provided '
                               f'choices "{choices}".')
        self.choices = choices
        self.description = _description(description, choices)
        self._conditionally_included = False

    def execute(self, context: LaunchContext) -> None:
        configurations = context.launch_configurations
        if self.name not in configurations:
            if self.default_value is None:
                raise RuntimeError(f'Required launch argument "{self.name}" was not provided.')
            configurations[self.name] = perform_substitutions(context, self.default_value)
        if self.choices is not None and configurations[self.name] not in self.choices:
            raise RuntimeError(
                f'Argument "{self.name}" provided value "{configurations[self.name]}" is not '
                f"valid. Valid options are: {self.choices}")


def _description(description: str | None, choices: list[str] | None) -> str:
    if description is None:
        return "no description given" if choices is None else f"One of: {choices}"
    if choices is None:
        return description
    return f"{description.rstrip('.')}. Valid choices are: {choices}"


class SetLaunchConfiguration(Action):
    """Sets a launch configuration."""

    def __init__(self, name: SomeSubstitutionsType, value: SomeSubstitutionsType,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = normalize_to_list_of_substitutions(value)

    def execute(self, context: LaunchContext) -> None:
        name = perform_substitutions(context, self.name)
        context.launch_configurations[name] = perform_substitutions(context, self.value)


class UnsetLaunchConfiguration(Action):
    """Forgets a launch configuration."""

    def __init__(self, name: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)

    def execute(self, context: LaunchContext) -> None:
        context.launch_configurations.pop(perform_substitutions(context, self.name), None)


class ResetLaunchConfigurations(Action):
    """Forgets all launch configurations but those given."""

    def __init__(self, launch_configurations: Mapping[Any, SomeSubstitutionsType] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kept = dict(launch_configurations or {})

    def execute(self, context: LaunchContext) -> None:
        kept = {perform_substitutions(context, normalize_to_list_of_substitutions(name)):
                perform_substitutions(context, normalize_to_list_of_substitutions(value))
                for name, value in self._kept.items()}
        context.launch_configurations.clear()
        context.launch_configurations.update(kept)


class PushLaunchConfigurations(Action):
    """Begins a scope."""

    def execute(self, context: LaunchContext) -> None:
        context._push_launch_configurations()


class PopLaunchConfigurations(Action):
    """Ends a scope."""

    def execute(self, context: LaunchContext) -> None:
        context._pop_launch_configurations()


class PushEnvironment(Action):
    """Begins a scope of the environment."""

    def execute(self, context: LaunchContext) -> None:
        context._push_environment()


class PopEnvironment(Action):
    """Ends a scope of the environment."""

    def execute(self, context: LaunchContext) -> None:
        context._pop_environment()


class ResetEnvironment(Action):
    """The environment as it was when the launch began."""

    def execute(self, context: LaunchContext) -> None:
        context._reset_environment()


class SetEnvironmentVariable(Action):
    """Sets an environment variable of what is started afterwards."""

    def __init__(self, name: SomeSubstitutionsType, value: SomeSubstitutionsType,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = normalize_to_list_of_substitutions(value)

    def execute(self, context: LaunchContext) -> None:
        name = perform_substitutions(context, self.name)
        context.environment[name] = perform_substitutions(context, self.value)


class UnsetEnvironmentVariable(Action):
    """Removes an environment variable."""

    def __init__(self, name: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)

    def execute(self, context: LaunchContext) -> None:
        context.environment.pop(perform_substitutions(context, self.name), None)


class AppendEnvironmentVariable(SetEnvironmentVariable):
    """Adds to a list in an environment variable, at its end or in front."""

    def __init__(self, name: SomeSubstitutionsType, value: SomeSubstitutionsType,
                 prepend: bool = False, separator: str = ":", **kwargs: Any) -> None:
        super().__init__(name, value, **kwargs)
        self.prepend = prepend
        self.separator = separator

    def execute(self, context: LaunchContext) -> None:
        name = perform_substitutions(context, self.name)
        parts = [context.environment.get(name, ""), perform_substitutions(context, self.value)]
        ordered = reversed(parts) if self.prepend else parts
        context.environment[name] = self.separator.join(part for part in ordered if part)
