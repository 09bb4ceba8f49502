"""What all nodes that follow in the same scope get."""

from __future__ import annotations

import os
from typing import Any

from launch import Action, LaunchContext, SomeSubstitutionsType
from launch.substitutions import SubstitutionFailure
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch_ros.parameter_descriptions import evaluate
from launch_ros.utilities import make_namespace_absolute, prefix_namespace


class PushROSNamespace(Action):
    """Into a namespace, relative to the present one."""

    def __init__(self, namespace: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.namespace = normalize_to_list_of_substitutions(namespace)

    def execute(self, context: LaunchContext) -> None:
        from rclpy.validate_namespace import validate_namespace

        pushed = perform_substitutions(context, self.namespace)
        before = context.launch_configurations.get("ros_namespace")
        namespace = make_namespace_absolute(prefix_namespace(before, pushed) or "/")
        try:
            validate_namespace(namespace)
        except Exception as problem:
            raise SubstitutionFailure(
                "The resulting namespace is invalid: "
                f"[previous_namespace='{before}', pushed_namespace='{pushed}']") from problem
        context.launch_configurations["ros_namespace"] = namespace


PushRosNamespace = PushROSNamespace


class SetParameter(Action):
    """A parameter."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = value

    def execute(self, context: LaunchContext) -> None:
        _add(context, "global_params", (perform_substitutions(context, self.name),
                                        evaluate(context, self.value)))


class SetParametersFromFile(Action):
    """A file of parameters."""

    def __init__(self, filename: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filename = normalize_to_list_of_substitutions(filename)

    def execute(self, context: LaunchContext) -> None:
        _add(context, "global_params",
             os.path.abspath(perform_substitutions(context, self.filename)))


class SetRemap(Action):
    """A remapping."""

    def __init__(self, src: SomeSubstitutionsType, dst: SomeSubstitutionsType, **kwargs: Any
                 ) -> None:
        super().__init__(**kwargs)
        self.src = normalize_to_list_of_substitutions(src)
        self.dst = normalize_to_list_of_substitutions(dst)

    def execute(self, context: LaunchContext) -> None:
        _add(context, "ros_remaps", (perform_substitutions(context, self.src),
                                     perform_substitutions(context, self.dst)))


def _add(context: LaunchContext, name: str, value: Any) -> None:
    # A new list: that of the enclosing scope stays as it is.
    known: Any = context.launch_configurations.get(name, [])
    context.launch_configurations[name] = [*known, value]  # type: ignore[assignment]
