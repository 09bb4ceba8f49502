"""Results are written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nmap_reloc.maps.atomic import Writer, writing


def write_text(path: Path, text: str) -> None:
    """Atomic; makes the folder. NmapError: disk full, read-only."""
    data = text.encode()
    with writing(path, len(data)):
        Writer().write(path, data)


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
