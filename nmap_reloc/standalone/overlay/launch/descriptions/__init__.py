"""What is executed, before it is."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitutions import LaunchConfiguration
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

__all__ = ["Executable"]

_NUMBERS = count(1)  # of all processes of this launch, to tell them apart on the console


class Executable:
    """A command with its environment; prepare() makes the final_* of it."""

    def __init__(self, *, cmd: Iterable[SomeSubstitutionsType],
                 prefix: SomeSubstitutionsType | None = None,
                 name: SomeSubstitutionsType | None = None,
                 cwd: SomeSubstitutionsType | None = None,
                 env: Mapping[Any, SomeSubstitutionsType] | None = None,
                 additional_env: Mapping[Any, SomeSubstitutionsType] | None = None,
                 arguments: Iterable[SomeSubstitutionsType] | None = None) -> None:
        self.cmd = [normalize_to_list_of_substitutions(part)
                    for part in (*cmd, *(arguments or ()))]
        self.prefix = prefix
        self.name = name
        self.cwd = cwd
        self.env = env
        self.additional_env = additional_env
        self.final_cmd: list[str] = []
        self.final_name = ""
        self.final_cwd: str | None = None
        self.final_env: dict[str, str] = {}

    def prepare(self, context: LaunchContext, action: Any) -> None:
        """Perform all substitutions."""
        cmd = [perform_substitutions(context, part) for part in self.cmd]
        label = os.path.basename(cmd[0]) if self.name is None else _text(context, self.name)
        self.final_name = f"{label}-{next(_NUMBERS)}"
        self.final_cmd = [*self._prefix(context, cmd[0]), *cmd]
        self.final_cwd = None if self.cwd is None else _text(context, self.cwd)
        self.final_env = (dict(context.environment) if self.env is None
                          else _texts(context, self.env))
        self.final_env.update(_texts(context, self.additional_env or {}))

    def _prefix(self, context: LaunchContext, executable: str) -> list[str]:
        if self.prefix is not None:
            return shlex.split(_text(context, self.prefix))
        only = _text(context, LaunchConfiguration("launch-prefix-filter", default=""))
        if not re.match(only, os.path.basename(executable)):
            return []
        return shlex.split(_text(context, LaunchConfiguration("launch-prefix", default="")))


def _text(context: LaunchContext, value: SomeSubstitutionsType) -> str:
    return perform_substitutions(context, normalize_to_list_of_substitutions(value))


def _texts(context: LaunchContext, values: Mapping[Any, SomeSubstitutionsType]) -> dict[str, str]:
    return {_text(context, name): _text(context, value) for name, value in values.items()}
