"""Image files -> pixels; images.py does the decoding, for recordings too."""

from __future__ import annotations

from pathlib import Path

from nmap_reloc.images import UnreadableImageError, decode_bytes, decode_message
from nmap_reloc.types import Image

__all__ = ["SUFFIXES", "UnreadableImageError", "decode_bytes", "decode_file", "decode_message"]

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}


def decode_file(path: Path) -> Image:
    """[H x W] grey or [H x W x 3] RGB, as stored. UnreadableImageError names the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"{path}: can't be read ({error.strerror}); "
                                   "restore the file or leave it out") from None
    return decode_bytes(data, str(path))
