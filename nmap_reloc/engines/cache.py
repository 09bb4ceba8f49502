"""Built TensorRT plans on disk: whole, of this device and this network, or not used at all.

A plan is bound to the GPU, the TensorRT version and the network that it was built for. File:
magic, header length, header (JSON: the key, the plan's size and SHA-256), plan.
"""

from __future__ import annotations

import json
import logging
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from nmap_reloc.engines.shapes import Range
from nmap_reloc.errors import NmapError
from nmap_reloc.maps.atomic import Writer, writing

MAGIC = b"NMAPPLN1"
LONGEST_HEADER = 1 << 16
LARGEST_PLAN = 1 << 31
_LENGTH = struct.Struct("<I")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlanKey:
    """All that a plan depends on. model: SHA-256 of the ONNX file; shapes: its axes."""

    network: str
    model: str
    precision: str
    tensorrt: str
    device: str
    capability: str
    shapes: str

    @staticmethod
    def of(network: str, model: bytes, precision: str, device: Mapping[str, str],
           ranges: Mapping[str, Range]) -> PlanKey:
        """model: the ONNX file's bytes. device: tensorrt, device, capability."""
        shapes = " ".join(f"{axis}={r.least}..{r.usual}..{r.most}"
                          for axis, r in sorted(ranges.items()))
        return PlanKey(network, sha256(model).hexdigest(), precision, **device, shapes=shapes)

    @property
    def file(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True)
        return f"{self.network}-{self.precision}-{sha256(text.encode()).hexdigest()[:20]}.plan"


@dataclass(frozen=True)
class Entry:
    """A file in the cache; key: None and a reason where it is damaged."""

    path: Path
    bytes: int
    key: PlanKey | None
    damage: str = ""


def default_folder() -> Path:
    """NMAP_ENGINE_CACHE, else nmap_reloc/engines under XDG_CACHE_HOME or ~/.cache."""
    named = os.environ.get("NMAP_ENGINE_CACHE")
    if named:
        return Path(named).expanduser()
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser() / "nmap_reloc" / "engines"


class EngineCache:
    """The plans in a folder."""

    def __init__(self, folder: Path | None = None):
        self.folder = folder or default_folder()

    def load(self, key: PlanKey) -> bytes | None:
        """The plan of exactly this key; None where there is none that is whole."""
        path = self.folder / key.file
        if not path.is_file():
            return None
        try:
            found, plan = _read(path)
            if found != key:
                raise ValueError("it was built for something else")
        except (OSError, ValueError) as problem:
            log.warning("plan %s: not used (%s); it is built again", path, problem)
            return None
        return plan

    def store(self, key: PlanKey, plan: bytes) -> Path:
        """Atomic. NmapError: the folder can't be written."""
        header = json.dumps({"key": asdict(key), "bytes": len(plan),
                             "sha256": sha256(plan).hexdigest()}).encode()
        path = self.folder / key.file
        with writing(path, len(plan)):
            Writer().write(path, MAGIC + _LENGTH.pack(len(header)) + header + plan)
        return path

    def drop(self, key: PlanKey) -> None:
        """A plan that TensorRT did not take is not tried again."""
        (self.folder / key.file).unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """What lies in the folder, by name."""
        return [_entry(path) for path in sorted(self.folder.glob("*.plan"))]

    def clear(self) -> list[Entry]:
        """Removes the plans and what an interrupted write left; returns the plans."""
        entries = self.entries()
        for path in [*(e.path for e in entries), *self.folder.glob(".*.plan.*.tmp")]:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise NmapError(f"plan {path}: can't be removed ({error.strerror}); check the "
                                "folder's permissions") from error
        return entries


def _entry(path: Path) -> Entry:
    try:
        size = path.stat().st_size
        key, _ = _read(path)
    except (OSError, ValueError) as problem:
        return Entry(path, path.stat().st_size if path.exists() else 0, None, str(problem))
    return Entry(path, size, key)


def _read(path: Path) -> tuple[PlanKey, bytes]:
    """ValueError: not whole."""
    size = path.stat().st_size
    if size > LARGEST_PLAN:
        raise ValueError(f"{size} bytes are no plan")
    with path.open("rb") as file:
        start = file.read(len(MAGIC) + _LENGTH.size)
        if len(start) < len(MAGIC) + _LENGTH.size or not start.startswith(MAGIC):
            raise ValueError("not a plan of this program")
        length, = _LENGTH.unpack(start[len(MAGIC):])
        if length > LONGEST_HEADER:
            raise ValueError("its header is damaged")
        header = _header(file.read(length))
        plan = file.read(size)
    if len(plan) != header["bytes"] or sha256(plan).hexdigest() != header["sha256"]:
        raise ValueError("it is damaged or was not written to its end")
    key: PlanKey = header["key"]
    return key, plan


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
        values = {field.name: header["key"][field.name] for field in fields(PlanKey)}
        known = {"key": PlanKey(**values), "bytes": header["bytes"], "sha256": header["sha256"]}
    except (ValueError, KeyError, TypeError) as problem:
        raise ValueError("its header is damaged") from problem
    if not all(isinstance(value, str) for value in values.values()):
        raise ValueError("its header is damaged")
    return known
