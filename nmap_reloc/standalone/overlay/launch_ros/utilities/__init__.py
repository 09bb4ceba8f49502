"""Namespaces and executables."""

from __future__ import annotations

import shutil
import sys
from importlib import metadata
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.substitutions import SubstitutionFailure

RUN = (sys.executable, "-m", "nmap_reloc.standalone.run")  # makes rclpy and the messages known


def make_namespace_absolute(namespace: str) -> str:
    return namespace if namespace.startswith("/") else "/" + namespace


def prefix_namespace(base: str | None, namespace: str | None) -> str | None:
    """A relative namespace inside of base; an absolute one as it is."""
    if namespace is None:
        return base
    if not base or namespace.startswith("/"):
        return namespace if namespace == "/" else namespace.rstrip("/")
    return f"{base.rstrip('/')}/{namespace}".rstrip("/") or "/"


def executable_command(package: str | None, executable: str) -> list[str]:
    """How a package's executable is started: a console script of the Python distribution, a
    program in the package's lib folder, or one on the PATH. SubstitutionFailure: none of these.

    Without a package it is a program; a Python file runs with ROS 2's modules at hand.
    """
    if package is None:
        return [*RUN, executable] if executable.endswith(".py") else [executable]
    if executable in _console_scripts(package):
        return [*RUN, executable]
    found = shutil.which(executable, path=_libexec(package)) or shutil.which(executable)
    if found is None:
        raise SubstitutionFailure(
            f"executable '{executable}' of package '{package}' not found: neither a console "
            "script of an installed distribution of that name nor on the PATH; install it, or "
            "source the workspace that has it")
    return [found]


def _console_scripts(package: str) -> set[str]:
    # All of that name: beside what is installed, a checkout may hold what an old build left.
    return {entry.name for found in metadata.distributions(name=package)
            for entry in found.entry_points if entry.group == "console_scripts"}


def _libexec(package: str) -> str:
    try:
        return str(Path(get_package_prefix(package), "lib", package))
    except PackageNotFoundError:
        return ""
