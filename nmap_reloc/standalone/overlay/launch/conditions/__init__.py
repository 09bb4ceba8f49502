"""Conditions of actions."""

from __future__ import annotations

from collections.abc import Iterable

from launch.condition import Condition
from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.utilities import WORDS, normalize_to_list_of_substitutions, perform_substitutions

__all__ = ["IfCondition", "InvalidConditionExpressionError", "LaunchConfigurationEquals",
           "LaunchConfigurationNotEquals", "UnlessCondition", "evaluate_condition_expression"]


class InvalidConditionExpressionError(RuntimeError):
    """Neither true nor false."""

    def __init__(self, expanded_expression: str) -> None:
        super().__init__(f"invalid condition expression given '{expanded_expression}', expected "
                         "one of: true, 1, false, 0")


def evaluate_condition_expression(context: LaunchContext, expression: Iterable[Substitution]
                                  ) -> bool:
    text = perform_substitutions(context, expression)
    try:
        return WORDS[text.strip().lower()]
    except KeyError:
        raise InvalidConditionExpressionError(text) from None


class IfCondition(Condition):
    """Executed when the expression says true or 1."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        expression = normalize_to_list_of_substitutions(predicate_expression)
        super().__init__(predicate=lambda context: evaluate_condition_expression(
            context, expression))


class UnlessCondition(Condition):
    """Executed when the expression says false or 0."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        expression = normalize_to_list_of_substitutions(predicate_expression)
        super().__init__(predicate=lambda context: not evaluate_condition_expression(
            context, expression))


def _equals(name: str, expected: SomeSubstitutionsType | None, context: LaunchContext) -> bool:
    if expected is None or name not in context.launch_configurations:
        return expected is None and name not in context.launch_configurations
    return context.launch_configurations[name] == perform_substitutions(
        context, normalize_to_list_of_substitutions(expected))


class LaunchConfigurationEquals(Condition):
    """Executed when a launch configuration has this value (None: is not set)."""

    def __init__(self, launch_configuration_name: str,
                 expected_value: SomeSubstitutionsType | None) -> None:
        super().__init__(predicate=lambda context: _equals(
            launch_configuration_name, expected_value, context))


class LaunchConfigurationNotEquals(Condition):
    """Executed when a launch configuration has another value."""

    def __init__(self, launch_configuration_name: str,
                 expected_value: SomeSubstitutionsType | None) -> None:
        super().__init__(predicate=lambda context: not _equals(
            launch_configuration_name, expected_value, context))
