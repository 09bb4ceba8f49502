"""The scene-agnostic networks: where they lie and what they are called.

A network is NAME.safetensors (weights, sizes in its metadata) and one or more ONNX files made of
them by `nmap-reloc train`. MODEL_CARD.md says what they were trained on.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from nmap_reloc.errors import NmapError

SHIPPED = Path(__file__).parent


def find(file: str, folder: Path | None = None) -> Path:
    """The path of a network's file. NmapError when it is not there."""
    path = (folder or SHIPPED) / file
    if not path.is_file():
        raise NmapError(f"network {path}: not there; train it with `nmap-reloc train` or install "
                        "the package again")
    return path


def content_hash(name: str, folder: Path | None = None) -> str:
    """The first half of the SHA-256 of a network's weights: maps carry it."""
    return sha256(find(f"{name}.safetensors", folder).read_bytes()).hexdigest()[:32]
