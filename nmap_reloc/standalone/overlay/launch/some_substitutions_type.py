"""What is accepted where text is expected."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Union

from launch.substitution import Substitution

SomeSubstitutionsType = Union[str, Path, Substitution, Iterable[Union[str, Substitution]]]  # noqa: UP007
SomeSubstitutionsType_types_tuple = (str, Substitution, Iterable)
