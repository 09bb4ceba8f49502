"""What became of one image, for who writes it down: JSON on `~/report`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nmap_reloc.tracking import Step


@dataclass(frozen=True)
class ImageReport:
    """stamp: of the image, nanoseconds; state: after it. refused_by: the stage, "" where the pose
    was published; reason: why, in one line. milliseconds: per stage."""

    stamp: int
    state: str
    refused_by: str = ""
    reason: str = ""
    correspondences: int = 0
    inliers: int = 0
    milliseconds: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        spent = {stage: round(ms, 2) for stage, ms in self.milliseconds.items()}
        return json.dumps({**asdict(self), "milliseconds": spent})


def report_of(step: Step, stamp: int) -> ImageReport:
    """Of an image that the localizer has looked at."""
    verdict, estimate = step.verdict, step.estimate
    found = estimate.correspondences
    return ImageReport(
        stamp, verdict.state.value, "" if verdict.accepted else refused_by(step), verdict.reason,
        0 if found is None else len(found), estimate.inlier_count, estimate.milliseconds)


def refused_by(step: Step) -> str:
    """The stage that the pose did not pass."""
    return step.estimate.refusal.stage if step.estimate.refusal else "tracker"


def raw_nanoseconds(header: Any) -> int:
    """Of any stamp, were it nonsense: it only names the image."""
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)
