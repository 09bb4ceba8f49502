"""Simulated folders: whole or not there, made once for the same parameters."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.maps.atomic import sync_folder


def holds(output: Path, file: str, wanted: dict[str, Any], kind: str) -> bool:
    """Whether the folder holds this very simulation, as its ``file`` says under "simulation".

    NmapError: it holds anything but ``kind``, as "a simulated scene".
    """
    if not output.exists():
        return False
    try:
        found = json.loads((output / file).read_text()).get("simulation")
    except (OSError, ValueError, AttributeError):
        found = None
    if found is None and not (output.is_dir() and not any(output.iterdir())):
        raise NmapError(f"{output}: exists and is not {kind}; choose another folder")
    return bool(found == wanted)


@contextmanager
def replacing(output: Path, kind: str) -> Iterator[Path]:
    """A path of the same name to write a folder at; it takes the place of ``output`` when all
    went well, and nothing of it is left otherwise. NmapError: the disk."""
    partial = output.with_name(f".{output.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    made = partial / output.name
    try:
        partial.mkdir(parents=True)
        yield made
        for file in made.rglob("*"):
            if file.is_file():
                _sync(file)
        _exchange(made, output, partial / "old")
    except OSError as error:
        raise NmapError(f"{output}: cannot write {kind} ({error}); free space or choose another "
                        "folder") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _exchange(made: Path, output: Path, old: Path) -> None:
    if output.exists():  # an older simulation: holds() has made sure of that
        os.replace(output, old)
    try:
        os.replace(made, output)
    except OSError:
        if old.exists():
            os.replace(old, output)
        raise
    sync_folder(output.parent)


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
