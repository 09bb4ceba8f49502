"""A drive that was localized, live or in a replay: each image and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from nmap_reloc.evaluation import metrics
from nmap_reloc.evaluation.evaluate import Evaluation, Query
from nmap_reloc.evaluation.trajectory_metrics import PosePair
from nmap_reloc.evaluation.truth import Jump
from nmap_reloc.geometry import Rigid
from nmap_reloc.types import Doubles

TRACKING, SUSPECT, LOST, UNKNOWN = "tracking", "suspect", "lost", "unknown"
PICTURES = 6  # queries of which the page shows what was matched
WRONG_METRES, WRONG_OF_SPAN, WRONG_DEGREES = 0.5, 0.05, 5.0


@dataclass(frozen=True)
class Instant:
    """One image. Poses are map_from_base at its stamp (seconds); name: the stamp in ns.

    true: None where the truth is not known; piece: of the truth between its jumps. state: after
    the image, ``unknown`` where nobody wrote it down; reason: why there is no pose. pose: as it
    was published, None where none was; covariance [6 x 6] of it. carried: where odometry leads
    from the last pose, while none is published; sigma: largest deviation of the position of pose
    or carried, map units. Numbers are None where they are not known.
    """

    name: str
    stamp: float
    true: Rigid | None
    piece: int
    state: str
    reason: str = ""
    pose: Rigid | None = None
    covariance: Doubles | None = None
    carried: Rigid | None = None
    sigma: float | None = None
    jumped: bool = False
    odometry: bool | None = None
    inliers: int | None = None
    correspondences: int | None = None
    voxels: int | None = None
    tiles: int | None = None
    milliseconds: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def error(self) -> tuple[float, float] | None:
        """(map units, degrees) of the published pose; None without one or without the truth."""
        return None if self.pose is None or self.true is None else metrics.pose_errors(
            self.pose, self.true)

    @cached_property
    def carried_error(self) -> tuple[float, float] | None:
        """The same of the pose that odometry carries on."""
        return None if self.carried is None or self.true is None else metrics.pose_errors(
            self.carried, self.true)


@dataclass(frozen=True)
class Drive:
    """instants in order of stamps; jumps: of the truth; evaluation: its queries are the instants
    that have a true pose, with the errors of the base; swaps: of tiles, where they were counted;
    live: written down on the robot, not replayed."""

    instants: tuple[Instant, ...]
    jumps: tuple[Jump, ...]
    evaluation: Evaluation
    notes: tuple[str, ...] = ()
    swaps: int | None = None
    live: bool = False

    @property
    def unit(self) -> str:
        return self.evaluation.unit

    @property
    def published(self) -> tuple[Instant, ...]:
        return tuple(instant for instant in self.instants if instant.pose is not None)

    def errors(self) -> Doubles:
        """[N x 2] of published poses with a known truth: map units, degrees."""
        return np.array([error for instant in self.instants
                         if (error := instant.error) is not None]).reshape(-1, 2)

    def wrong_limit(self) -> float:
        """Beyond this distance, or WRONG_DEGREES, a published pose is wrong."""
        return (WRONG_METRES if self.unit == "metre"
                else WRONG_OF_SPAN * self.evaluation.span)

    def is_wrong(self, instant: Instant) -> bool:
        error = instant.error
        return error is not None and (error[0] > self.wrong_limit() or error[1] > WRONG_DEGREES)

    def is_right(self, instant: Instant) -> bool:
        return instant.error is not None and not self.is_wrong(instant)

    def pairs(self) -> list[PosePair]:
        """Published poses with their truth, and how far the robot truly went up to each."""
        found, along = [], 0.0
        before: Instant | None = None
        for instant in self.instants:
            if instant.true is None:
                continue
            if before is not None and before.true is not None and before.piece == instant.piece:
                along += float(np.linalg.norm(instant.true.translation - before.true.translation))
            before = instant
            if instant.pose is not None:
                found.append(PosePair(instant.stamp, instant.pose, instant.true, along,
                                      instant.piece))
        return found

    def squared_mahalanobis(self) -> tuple[list[float], list[float]]:
        """Of published poses with covariance and truth: of the position and of the whole pose."""
        position, pose = [], []
        for instant in self.instants:
            if instant.pose is None or instant.true is None or instant.covariance is None:
                continue
            position.append(metrics.mahalanobis_squared(instant.pose, instant.true,
                                                        instant.covariance))
            pose.append(metrics.mahalanobis_squared_pose(instant.pose, instant.true,
                                                         instant.covariance))
        return position, pose


def worst(queries: Sequence[Query], count: int) -> list[Query]:
    """The worst accepted ones and the first refused ones, half of each where there are enough."""
    accepted = sorted((query for query in queries if query.estimate.accepted),
                      key=lambda query: -query.translation_error)
    refused = [query for query in queries if not query.estimate.accepted]
    share = max(count - len(refused), count // 2)
    return accepted[:share] + refused[:count - min(share, len(accepted))]
