"""Substitutions that say ``true`` or ``false``, or choose by it."""

from __future__ import annotations

import math
from typing import Any

from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.substitutions.text import SubstitutionFailure
from launch.utilities import (
    WORDS,
    normalize_to_list_of_substitutions,
    perform_substitutions,
    perform_typed_substitution,
)


class _Combination(Substitution):
    """Several truth values combined into one."""

    def __init__(self, *values: SomeSubstitutionsType) -> None:
        self.values = [normalize_to_list_of_substitutions(value) for value in values]

    def describe(self) -> str:
        parts = (" + ".join(sub.describe() for sub in value) for value in self.values)
        return f"{type(self).__name__}({', '.join(parts)})"

    def perform(self, context: LaunchContext) -> str:
        try:
            truths = [perform_typed_substitution(context, value, bool) for value in self.values]
        except ValueError as problem:
            raise SubstitutionFailure(str(problem)) from None
        return str(self._combined(truths)).lower()

    def _combined(self, truths: list[bool]) -> bool:
        raise NotImplementedError(type(self).__name__)


class NotSubstitution(_Combination):
    """true where the value is false."""

    def __init__(self, value: SomeSubstitutionsType) -> None:
        super().__init__(value)

    def _combined(self, truths: list[bool]) -> bool:
        return not truths[0]


class AllSubstitution(_Combination):
    """true where all values are."""

    def _combined(self, truths: list[bool]) -> bool:
        return all(truths)


class AnySubstitution(_Combination):
    """true where any value is."""

    def _combined(self, truths: list[bool]) -> bool:
        return any(truths)


class AndSubstitution(AllSubstitution):
    """true where both values are."""

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        super().__init__(left, right)


class OrSubstitution(AnySubstitution):
    """true where either value is."""

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        super().__init__(left, right)


def _as_text(value: Any) -> Any:
    """None, a truth value or a number as launch writes it; text and substitutions as they are."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class EqualsSubstitution(Substitution):
    """true where both texts say the same: as truth values, as numbers, else letter by letter."""

    def __init__(self, left: Any, right: Any) -> None:
        self.left = normalize_to_list_of_substitutions(_as_text(left))
        self.right = normalize_to_list_of_substitutions(_as_text(right))

    def describe(self) -> str:
        sides = (" + ".join(sub.describe() for sub in side) for side in (self.left, self.right))
        return f"{type(self).__name__}({' '.join(sides)})"

    def _equal(self, context: LaunchContext) -> bool:
        left, right = (perform_substitutions(context, side) for side in (self.left, self.right))
        if left.lower() in WORDS and right.lower() in WORDS:
            return WORDS[left.lower()] == WORDS[right.lower()]
        numbers = _number(left), _number(right)
        if numbers[0] is not None and numbers[1] is not None:
            return math.isclose(numbers[0], numbers[1])
        return left == right

    def perform(self, context: LaunchContext) -> str:
        return str(self._equal(context)).lower()


class NotEqualsSubstitution(EqualsSubstitution):
    """false where EqualsSubstitution is true."""

    def perform(self, context: LaunchContext) -> str:
        return str(not self._equal(context)).lower()


class IfElseSubstitution(Substitution):
    """One text or another, by a condition."""

    def __init__(self, condition: SomeSubstitutionsType, if_value: SomeSubstitutionsType = "",
                 else_value: SomeSubstitutionsType = "") -> None:
        self.condition, self.if_value, self.else_value = (
            normalize_to_list_of_substitutions(part)
            for part in (condition, if_value, else_value))

    def describe(self) -> str:
        return f"IfElseSubstitution({' + '.join(sub.describe() for sub in self.condition)})"

    def perform(self, context: LaunchContext) -> str:
        try:
            chosen = perform_typed_substitution(context, self.condition, bool)
        except ValueError as problem:
            raise SubstitutionFailure(str(problem)) from None
        return perform_substitutions(context, self.if_value if chosen else self.else_value)
