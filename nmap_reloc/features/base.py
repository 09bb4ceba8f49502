"""What every feature extractor offers, whatever computes it."""

from __future__ import annotations

from typing import Protocol

from nmap_reloc.types import Features, Image


class Extractor(Protocol):
    """Image in, at most `keypoints` features out, best first.

    name: "learned" or "sift". content_hash: changes whenever the same image would give other
    descriptors; maps carry it, so that a map is never asked with foreign features.
    dimensions: of a descriptor.
    """

    @property
    def name(self) -> str: ...

    @property
    def content_hash(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def keypoints(self) -> int: ...

    @property
    def backend(self) -> str:
        """What computes them: an engine's name, or "opencv"."""
        ...

    @property
    def reason(self) -> str:
        """One line: where and in what precision that runs, and why there; "": no choice."""
        ...

    def __call__(self, image: Image) -> Features:
        """image [H x W] grey or [H x W x 3] RGB, uint8 -> Features in pixels of that image."""
        ...
