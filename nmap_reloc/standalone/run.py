"""``python -m nmap_reloc.standalone.run NAME [arguments]``: an executable with ROS 2's modules.

NAME is a console script of an installed distribution (this package's own first), or a Python file.
"""

from __future__ import annotations

import runpy
import sys
from importlib import metadata
from pathlib import Path

from nmap_reloc import standalone
from nmap_reloc.errors import NmapError

PACKAGE = "nmap_reloc"


def run(name: str, arguments: list[str]) -> object:
    """What the executable returns. NmapError: there is none of that name."""
    standalone.enable()
    if name.endswith(".py"):
        if not Path(name).is_file():
            raise NmapError(f"{name}: no such file; name a console script or a Python file")
        sys.argv = [name, *arguments]
        sys.path[0] = str(Path(name).resolve().parent)  # as Python does for a script
        runpy.run_path(name, run_name="__main__")
        return None
    sys.argv = [name, *arguments]
    return _entry_point(name).load()()


def _entry_point(name: str) -> metadata.EntryPoint:
    # Not metadata.entry_points(), which lets what an old build left hide what is installed.
    for distributions in (metadata.distributions(name=PACKAGE), metadata.distributions()):
        for found in distributions:
            for entry in found.entry_points:
                if entry.group == "console_scripts" and entry.name == name:
                    return entry
    raise NmapError(f"{name}: no installed distribution has a console script of that name; "
                    "install it again (make setup, or pip install)")


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("usage: python -m nmap_reloc.standalone.run NAME [arguments]")
    try:
        sys.exit(run(sys.argv[1], sys.argv[2:]))  # type: ignore[arg-type]
    except NmapError as problem:
        sys.exit(f"error: {problem}")


if __name__ == "__main__":
    main()
