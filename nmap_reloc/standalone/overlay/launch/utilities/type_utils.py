"""Typed values that may be substitutions."""

from launch.utilities import perform_typed_substitution

__all__ = ["perform_typed_substitution"]
