"""Queries of other scenes: a map that accepts one of them would send a robot astray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmap_reloc.errors import NmapError
from nmap_reloc.evaluation.evaluate import Localizes
from nmap_reloc.mapping.sources.base import PosedImage
from nmap_reloc.progress import track


@dataclass(frozen=True)
class Foreign:
    """asked: how many; accepted: those that were not refused, as scene/image, with inliers."""

    asked: int
    accepted: tuple[tuple[str, int], ...]

    def to_json(self) -> dict[str, Any]:
        return {"asked": self.asked, "accepted": len(self.accepted),
                "images": [{"image": name, "inliers": inliers}
                           for name, inliers in self.accepted]}


def ask_foreign(localizer: Localizes, others: Mapping[str, Sequence[PosedImage]],
                description: str) -> Foreign:
    """others: queries by scene, none of the map's own. Unreadable images are not counted."""
    asked = [(f"{scene}/{image.name}", image) for scene, images in others.items()
             for image in images]
    count, accepted = 0, []
    for name, image in track(asked, f"{description}, other scenes", total=len(asked)):
        try:
            estimate = localizer.localize(image.read(), image.camera)
        except NmapError:
            continue
        count += 1
        if estimate.accepted:
            accepted.append((name, estimate.inlier_count))
    return Foreign(count, tuple(accepted))
