"""What a map keeps, where that is not only the budget's to say."""

from __future__ import annotations

from dataclasses import dataclass

from nmap_reloc.errors import NmapError

WAYS = ("learned", "qp", "spatial", "topk", "kcp", "kc", "random")


@dataclass(frozen=True)
class Selection:
    """Of a squeezer map. way: of WAYS, its own or one that it is compared with. share: of the
    landmarks, None: as many as the budget holds. at_least: so many for every cluster that has
    them, where the share is less (the paper: 100). bits: of each number of a code, None: by the
    budget."""

    way: str = "learned"
    share: float | None = None
    at_least: int = 0
    bits: int | None = None

    @property
    def label(self) -> str:
        """``1.5 % of points, kc``."""
        share = "" if self.share is None else f"{100 * self.share:g} % of points, "
        least = f"at least {self.at_least}, " if self.at_least else ""
        return f"{share}{least}{self.way}"

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise NmapError(f"selection {self.way!r}: unknown; choose one of {', '.join(WAYS)}")
        if self.share is not None and not 0 < self.share <= 1:
            raise NmapError(f"share of points {self.share:g}: not in 0..1; write it like 1.5%")


@dataclass(frozen=True)
class TopK:
    """Of a map of views (maddr, pq): the `keypoints` best of every view that is kept (MAD-DR,
    section 3.5), each with a code of `width` numbers of 4 bits, however many bytes that takes."""

    keypoints: int
    width: int

    @property
    def label(self) -> str:
        """``256 keypoints a view, 2-byte codes``."""
        return f"{self.keypoints} keypoints a view, {self.width / 2:g}-byte codes"

    def __post_init__(self) -> None:
        if self.keypoints < 1:
            raise NmapError(f"{self.keypoints} keypoints a view: at least 1")


Choice = Selection | TopK
