"""Launch files in Python. (XML and YAML launch files need ROS 2 itself.)"""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType

from launch.launch_description import LaunchDescription
from launch.launch_description_source import LaunchDescriptionSource
from launch.some_substitutions_type import SomeSubstitutionsType

__all__ = ["AnyLaunchDescriptionSource", "InvalidPythonLaunchFileError",
           "PythonLaunchDescriptionSource", "get_launch_description_from_any_launch_file",
           "get_launch_description_from_python_launch_file", "load_python_launch_file_as_module"]


class InvalidPythonLaunchFileError(Exception):
    """No launch file."""


def load_python_launch_file_as_module(python_launch_file_path: str) -> ModuleType:
    loader = SourceFileLoader("python_launch_file", python_launch_file_path)
    spec = spec_from_loader(loader.name, loader)
    if spec is None:
        raise RuntimeError(f"{python_launch_file_path}: no module can be made of it")
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def get_launch_description_from_python_launch_file(python_launch_file_path: str
                                                   ) -> LaunchDescription:
    module = load_python_launch_file_as_module(python_launch_file_path)
    if not hasattr(module, "generate_launch_description"):
        raise InvalidPythonLaunchFileError(
            f"launch file at '{python_launch_file_path}' does not contain the required function "
            "'generate_launch_description()'")
    description = module.generate_launch_description()
    if not isinstance(description, LaunchDescription):
        raise InvalidPythonLaunchFileError(
            f"launch file at '{python_launch_file_path}': generate_launch_description() returned "
            f"{type(description).__name__}, not a LaunchDescription")
    return description


def get_launch_description_from_any_launch_file(launch_file_path: str) -> LaunchDescription:
    if not str(launch_file_path).endswith(".py"):
        raise InvalidPythonLaunchFileError(
            f"launch file at '{launch_file_path}': only Python launch files (*.launch.py) can be "
            "launched without ROS 2")
    return get_launch_description_from_python_launch_file(launch_file_path)


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """A launch file in Python."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        super().__init__(None, launch_file_path, "interpreted python launch file")

    def _get_launch_description(self, location: str) -> LaunchDescription:
        return get_launch_description_from_python_launch_file(location)


class AnyLaunchDescriptionSource(LaunchDescriptionSource):
    """A launch file of the kind that its name says."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        super().__init__(None, launch_file_path, "launch file")

    def _get_launch_description(self, location: str) -> LaunchDescription:
        return get_launch_description_from_any_launch_file(location)
