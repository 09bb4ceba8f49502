"""Feature extractors by name."""

from __future__ import annotations

from nmap_reloc.errors import NmapError
from nmap_reloc.features.base import Extractor

NAMES = ("learned", "sift")


def open_extractor(name: str = "learned", keypoints: int = 1024, backend: str = "auto",
                   precision: str = "") -> Extractor:
    """The extractor called `name`, giving at most `keypoints` features an image.

    backend: the engine that runs the learned network (see engines), precision: its arithmetic,
    fp32, fp16, int8 or auto (what this machine is fastest at), "": as the environment says, else
    the same on every CPU; SIFT needs neither.
    Raises NmapError for an unknown name or a number of keypoints out of range.
    """
    if not 16 <= keypoints <= 65536:
        raise NmapError(f"keypoints {keypoints}: out of range; choose from 16 to 65536")
    # Imported late: SIFT must work where no engine is installed.
    if name == "sift":
        from nmap_reloc.features.sift import SiftExtractor
        return SiftExtractor(keypoints)
    if name == "learned":
        from nmap_reloc.features.learned import LearnedExtractor
        extractor: Extractor = LearnedExtractor(keypoints, backend, precision=precision)
        return extractor
    raise NmapError(f"features {name!r}: not an extractor; choose one of {', '.join(NAMES)}")
