"""Files between the stages of a build: arrays and a JSON header, whole or absent."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from nmap_reloc.errors import NmapError

Arrays = dict[str, npt.NDArray[Any]]


def fingerprint(*parts: Any) -> str:
    """64 hexadecimal digits that change whenever any part (JSON-able) does."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def write_stage(path: Path, arrays: Mapping[str, npt.NDArray[Any]], header: Any) -> None:
    """Safetensors with `header` (JSON-able) as metadata. Atomic: a kill leaves the old file.

    Raises NmapError when the disk is full or the folder can't be written.
    """
    content = save({k: np.ascontiguousarray(a) for k, a in arrays.items()},
                   {"header": json.dumps(header)})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise NmapError(f"{path}: can't be written ({error.strerror or error}); free space there "
                        "or choose another folder") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_stage(path: Path) -> tuple[Arrays, Any] | None:
    """What write_stage wrote; None where there is no file or it can't be read as one."""
    try:
        with safe_open(path, "numpy") as stream:
            header = json.loads(stream.metadata()["header"])
            names = stream.keys()  # a file of safetensors isn't iterable itself
            return {name: stream.get_tensor(name) for name in names}, header
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
