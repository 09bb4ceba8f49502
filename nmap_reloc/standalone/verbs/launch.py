"""``nmap-reloc launch``: what ``ros2 launch`` does with Python launch files."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import (
    AnyLaunchDescriptionSource,
    get_launch_description_from_any_launch_file,
)

from nmap_reloc.errors import NmapError, one_line

PACKAGE = "nmap_reloc"
SUFFIX = ".launch.py"


def launch(words: list[str], *, show_arguments: bool, debug: bool, noninteractive: bool) -> int:
    """[PACKAGE] FILE name:=value ... The exit code. NmapError: no such file, a bad argument."""
    given, files = _split(words)
    path = _find(files)
    description = _load(path)
    if show_arguments:
        print(_listing(description))
        return 0
    _check(path, description, given)
    return _run(path, given, debug, noninteractive or not sys.stdin.isatty())


def _split(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Arguments, and what stands before them."""
    given: dict[str, str] = {}
    files: list[str] = []
    for word in words:
        name, sign, value = word.partition(":=")
        if not sign and not given and (not files or not files[-1].endswith(".py")):
            files.append(word)
        elif not name or not sign or not value:
            raise NmapError(f"malformed launch argument '{word}', expected format "
                            "'<name>:=<value>'")
        else:
            given[name] = value
    return given, files


def _find(files: list[str]) -> Path:
    """A path, a name in this package's share directory, or PACKAGE FILE."""
    if not files:
        raise NmapError("no launch file given; name one, such as reloc.launch.py")
    if len(files) == 1 and Path(files[0]).is_file():
        return Path(files[0])
    package, name = files if len(files) == 2 else (PACKAGE, files[0])
    try:
        share = Path(get_package_share_directory(package))
    except PackageNotFoundError as problem:
        raise NmapError(f"Package '{package}' not found: {problem}") from None
    found = sorted(_launch_files(share))
    matching = [path for path in found if path.name in (name, name + SUFFIX)]
    if len(matching) != 1:
        how = "was found more than once" if matching else "was not found"
        raise NmapError(f"file '{name}' {how} in the share directory of package '{package}' which "
                        f"is at '{share}'; there: {', '.join(path.name for path in found)}")
    return matching[0]


def _launch_files(share: Path) -> list[Path]:
    """In the share directory; of a checkout, in its launch folder (it holds much else)."""
    folder = share / "launch"
    return list((folder if folder.is_dir() else share).rglob(f"*{SUFFIX}"))


def _load(path: Path) -> Any:
    try:
        return get_launch_description_from_any_launch_file(str(path))
    except Exception as problem:  # whatever the file's author wrote
        said = one_line(problem, None)
        raise NmapError(f"{path}: {type(problem).__name__}: {said}") from problem


def _listing(description: Any) -> str:
    """As `ros2 launch --show-args` writes it."""
    arguments = description.get_launch_arguments()
    lines = ["Arguments (pass arguments as '<name>:=<value>'):"]
    for one in arguments:
        lines += ["", f"    '{one.name}':{'*' if one._conditionally_included else ''}",
                  f"        {one.description}"]
        if one.default_value is not None:
            default = " + ".join(part.describe() for part in one.default_value)
            lines.append(f"        (default: {default})")
    if not arguments:
        lines += ["", "  No arguments."]
    elif any(one._conditionally_included for one in arguments):
        lines += ["", "* argument(s) which are only used if specific conditions occur"]
    return "\n".join(lines)


def _check(path: Path, description: Any, given: dict[str, str]) -> None:
    """Before anything is started. NmapError: a required argument is missing."""
    declared = {one.name: one for one in description.get_launch_arguments()}
    for one in declared.values():
        if one.name not in given and one.default_value is None and not one._conditionally_included:
            raise NmapError(f"{path.name}: required argument {one.name} is missing; add "
                            f"{one.name}:=... ({one.description})")
    for name in sorted(given.keys() - declared.keys()):
        near = difflib.get_close_matches(name, declared, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        print(f"warning: {path.name} declares no argument {name}{hint}", file=sys.stderr)


def _run(path: Path, given: dict[str, str], debug: bool, noninteractive: bool) -> int:
    # Python nodes say at once what they say, though their output goes through a pipe.
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    service = LaunchService(argv=[f"{name}:={value}" for name, value in given.items()],
                            noninteractive=noninteractive, debug=debug)
    service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
        AnyLaunchDescriptionSource(str(path)), launch_arguments=given.items())]))
    return int(service.run())
