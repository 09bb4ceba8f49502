"""Substitutions that find or make text."""

from __future__ import annotations

import importlib
import os
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Iterable
from pathlib import Path

from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions


class SubstitutionFailure(RuntimeError):  # noqa: N818 - the name of launch
    """A substitution has no text in this context."""


def _described(subs: list[Substitution]) -> str:
    return " + ".join(sub.describe() for sub in subs)


class _OnText(Substitution):
    """A substitution of one text."""

    def __init__(self, text: SomeSubstitutionsType) -> None:
        self._text = normalize_to_list_of_substitutions(text)

    def _performed(self, context: LaunchContext) -> str:
        return perform_substitutions(context, self._text)

    def describe(self) -> str:
        return f"{type(self).__name__}({_described(self._text)})"


class TextSubstitution(Substitution):
    """The text itself."""

    def __init__(self, *, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError("TextSubstitution expected Text object got "
                            f"'{type(text)}' instead.")
        self.text = text

    def describe(self) -> str:
        return f"'{self.text}'"

    def perform(self, context: LaunchContext) -> str:
        return self.text


class LaunchConfiguration(Substitution):
    """The value of a launch argument or configuration. SubstitutionFailure: not set, no default.
    """

    def __init__(self, variable_name: SomeSubstitutionsType, *,
                 default: SomeSubstitutionsType | float | None = None) -> None:
        self.variable_name = normalize_to_list_of_substitutions(variable_name)
        if isinstance(default, (bool, int, float)):
            default = str(default)
        self._default = None if default is None else normalize_to_list_of_substitutions(default)

    def describe(self) -> str:
        return f"LaunchConfig({_described(self.variable_name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.variable_name)
        if name in context.launch_configurations:
            return context.launch_configurations[name]
        if self._default is None:
            raise SubstitutionFailure(f"launch configuration '{name}' does not exist")
        return perform_substitutions(context, self._default)


class EnvironmentVariable(Substitution):
    """An environment variable's value. SubstitutionFailure: not set, no default."""

    def __init__(self, name: SomeSubstitutionsType, *,
                 default_value: SomeSubstitutionsType | None = None) -> None:
        self.name = normalize_to_list_of_substitutions(name)
        self.default_value = (None if default_value is None
                              else normalize_to_list_of_substitutions(default_value))

    def describe(self) -> str:
        return f"EnvVar({_described(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        if name in context.environment:
            return context.environment[name]
        if self.default_value is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        return perform_substitutions(context, self.default_value)


class PathJoinSubstitution(Substitution):
    """Parts of a path, joined. A part that is a list is one component."""

    def __init__(self, substitutions: Iterable[SomeSubstitutionsType]) -> None:
        self.substitutions = [normalize_to_list_of_substitutions(part) for part in substitutions]

    def describe(self) -> str:
        return f"PathJoin({', '.join(_described(part) for part in self.substitutions)})"

    def perform(self, context: LaunchContext) -> str:
        return os.path.join(*(perform_substitutions(context, part)
                              for part in self.substitutions))


class PythonExpression(Substitution):
    """What a Python expression is, as text. The names of the modules are known in it."""

    def __init__(self, expression: SomeSubstitutionsType,
                 python_modules: SomeSubstitutionsType = ("math",)) -> None:
        self.expression = normalize_to_list_of_substitutions(expression)
        self.python_modules = normalize_to_list_of_substitutions(python_modules)

    def describe(self) -> str:
        return f"PythonExpr({_described(self.expression)})"

    def perform(self, context: LaunchContext) -> str:
        names = {}
        for module in self.python_modules:
            name = context.perform_substitution(module)
            names[name] = importlib.import_module(name)
            if name == "math":  # launch knows its functions without the prefix
                names.update(vars(names[name]))
        return str(eval(perform_substitutions(context, self.expression), {}, names))


class LocalSubstitution(Substitution):
    """A local of the context, such as ``event.name``."""

    def __init__(self, expression: str, description: str | None = None) -> None:
        self.expression = expression
        self.description = description

    def describe(self) -> str:
        return f"LocalVar('{self.description or self.expression}')"

    def perform(self, context: LaunchContext) -> str:
        return str(eval("context.locals." + self.expression, {}, {"context": context}))


class ThisLaunchFile(Substitution):
    """The path of the launch file that is being launched."""

    def describe(self) -> str:
        return f"{type(self).__name__}()"

    def perform(self, context: LaunchContext) -> str:
        path = context.get_locals_as_dict().get("current_launch_file_path")
        if path is None:
            raise SubstitutionFailure(f"{type(self).__name__} used outside of a launch file")
        return str(path)


class ThisLaunchFileDir(ThisLaunchFile):
    """The folder of the launch file that is being launched."""

    def perform(self, context: LaunchContext) -> str:
        return str(Path(super().perform(context)).parent)


class FindExecutable(Substitution):
    """The path of a program. SubstitutionFailure: not on the PATH."""

    def __init__(self, *, name: SomeSubstitutionsType) -> None:
        self.name = normalize_to_list_of_substitutions(name)

    def describe(self) -> str:
        return f"FindExec({_described(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        found = shutil.which(name)
        if found is None:
            raise SubstitutionFailure(f"executable '{name}' not found on the PATH")
        return found


class AnonName(_OnText):
    """A name that no other machine or process has; the same for the same text."""

    def perform(self, context: LaunchContext) -> str:
        name = self._performed(context)
        key = f"anon{name}"
        if key not in context.launch_configurations:
            context.launch_configurations[key] = f"{name}_{os.getpid()}_{uuid.uuid4().hex}"
        return context.launch_configurations[key]


class Command(_OnText):
    """What a command prints. SubstitutionFailure: it fails, or (on_stderr) complains."""

    def __init__(self, command: SomeSubstitutionsType, *, on_stderr: str = "fail") -> None:
        super().__init__(command)
        self.on_stderr = on_stderr

    def perform(self, context: LaunchContext) -> str:
        command = self._performed(context)
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SubstitutionFailure(f"executed command failed. Command: {command}\n"
                                      f"Captured stderr output: {done.stderr}")
        if done.stderr and self.on_stderr == "fail":
            raise SubstitutionFailure(f"executed command showed stderr output. Command: {command}"
                                      f"\nCaptured stderr output:\n{done.stderr}")
        return done.stdout
