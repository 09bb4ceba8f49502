"""Parameters of nodes as launch files give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import yaml
from launch import LaunchContext, SomeSubstitutionsType, Substitution
from launch.utilities import (
    normalize_to_list_of_substitutions,
    perform_substitutions,
    perform_typed_substitution,
)

Plain = Union[bool, int, float, str, list[Any]]  # noqa: UP007


class ParameterValue:
    """A value with substitutions, of a type that is said (str, float, List[int] ...) or guessed
    as YAML does."""

    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        self.value = value
        self.value_type = value_type

    def evaluate(self, context: LaunchContext) -> Any:
        value = evaluate(context, self.value, text=self.value_type is str)
        if self.value_type is None or self.value_type is str:
            return value
        if get_origin(self.value_type) in (list, Sequence) or self.value_type is list:
            kind = (get_args(self.value_type) or (None,))[0]
            items = value if isinstance(value, list) else [value]
            return [_as(kind, item) for item in items] if kind is not None else items
        return _as(self.value_type, value)


class Parameter(ParameterValue):
    """A value with its name."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, *, value_type: Any = None
                 ) -> None:
        super().__init__(value, value_type=value_type)
        self.name = normalize_to_list_of_substitutions(name)


class ParameterFile:
    """A file of parameters, passed to the node as it is."""

    def __init__(self, param_file: SomeSubstitutionsType | Path, *,
                 allow_substs: bool | SomeSubstitutionsType = False) -> None:
        self.param_file = param_file
        self.allow_substs = allow_substs

    def evaluate(self, context: LaunchContext) -> Path:
        """ValueError: substitutions inside the file were asked for."""
        path = perform_substitutions(context, normalize_to_list_of_substitutions(self.param_file))
        if perform_typed_substitution(context, self.allow_substs, bool):
            raise ValueError(f"{path}: substitutions inside a parameter file need ROS 2 itself; "
                             "give the values as a dictionary in the launch file")
        return Path(path)


def _as(kind: Any, value: Any) -> Any:
    """TypeError: the value is of another type, as launch_ros says."""
    if kind is str:
        return value if isinstance(value, str) else yaml.safe_dump(value).split("\n")[0]
    fits = {bool: isinstance(value, bool), float: isinstance(value, (int, float)),
            int: isinstance(value, int)}.get(kind, False)
    if not fits or (kind is not bool and isinstance(value, bool)):
        raise ValueError(f"Unable to convert parameter value {value!r} to {kind.__name__}")
    return kind(value)


def evaluate(context: LaunchContext, value: Any, text: bool = False) -> Any:
    """Perform substitutions; what comes from one is read as YAML (text: it stays text).

    A list with substitutions and text only is one text; a list of lists is a list of texts.
    TypeError: nothing that a parameter can hold.
    """
    if isinstance(value, ParameterValue):
        return value.evaluate(context)
    if isinstance(value, Substitution):
        return _guessed(context.perform_substitution(value), text)
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"Unexpected type for parameter value {value!r}")
    parts = list(value)
    if any(isinstance(part, Substitution) for part in parts) \
            and all(isinstance(part, (str, Substitution)) for part in parts):
        return _guessed(perform_substitutions(
            context, normalize_to_list_of_substitutions(parts)), text)
    values = [evaluate(context, part, text) for part in parts]
    if any(isinstance(one, float) for one in values) \
            and all(isinstance(one, (int, float)) for one in values):
        return [float(one) for one in values]
    return values


def _guessed(said: str, text: bool) -> Any:
    if text:
        return said
    try:
        value = yaml.safe_load(said) if said else ""
    except yaml.YAMLError:
        raise TypeError(f"Unable to parse the value {said!r} as yaml; wrap it in "
                        "ParameterValue(value, value_type=str)") from None
    if isinstance(value, (bool, int, float, str, list)):
        return value
    raise TypeError(f"{said!r} is nothing that a parameter can hold; wrap it in "
                    "ParameterValue(value, value_type=str)")


def evaluate_dictionary(context: LaunchContext, parameters: Mapping[Any, Any], prefix: str = ""
                        ) -> dict[str, Plain]:
    """Names with substitutions and nested dictionaries -> one dictionary, names with dots."""
    flat: dict[str, Plain] = {}
    for name, value in parameters.items():
        full = prefix + perform_substitutions(context, normalize_to_list_of_substitutions(name))
        if isinstance(value, Mapping):
            flat.update(evaluate_dictionary(context, value, full + "."))
        else:
            flat[full] = evaluate(context, value)
    return flat
