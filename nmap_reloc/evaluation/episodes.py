"""When a drive's pose was unknown or in doubt, why and for how long; and how kidnaps ended."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from nmap_reloc.evaluation.drive import LOST, SUSPECT, TRACKING, Drive, Instant
from nmap_reloc.evaluation.truth import AT_JUMP, Jump


@dataclass(frozen=True)
class Episode:
    """Images in a row in one state. duration: seconds until the state was left, or until the last
    image. reason: what the tracker said first and last; first: nothing was known before."""

    state: str
    start: float
    duration: float
    frames: int
    reason: str
    last_reason: str
    first: bool


@dataclass(frozen=True)
class Kidnap:
    """What followed a jump of the truth, in images and seconds from it (the first image after it
    counts 1); None: did not happen before the next jump or the end.

    noticed: LOST or SUSPECT, or the right pose already; found: the right pose was published;
    wrong: wrong poses published between the jump and that.
    """

    stamp: float
    distance: float
    degrees: float
    noticed: int | None
    found: int | None
    found_seconds: float | None
    wrong: int


def episodes(drive: Drive) -> list[Episode]:
    """All LOST and SUSPECT episodes in order."""
    runs: list[list[Instant]] = []
    for instant in drive.instants:
        if runs and runs[-1][-1].state == instant.state:
            runs[-1].append(instant)
        else:
            runs.append([instant])
    ends = [after[0].stamp for _, after in pairwise(runs)]
    ends += [run[-1].stamp for run in runs[-1:]]
    return [Episode(run[0].state, run[0].stamp, end - run[0].stamp, len(run), run[0].reason,
                    run[-1].reason, index == 0)
            for index, (run, end) in enumerate(zip(runs, ends, strict=True))
            if run[0].state in (LOST, SUSPECT)]


def first_fix(drive: Drive) -> float | None:
    """Seconds from the first image to the first published pose; None: there was none."""
    published = drive.published
    return published[0].stamp - drive.instants[0].stamp if published else None


def kidnaps(drive: Drive) -> list[Kidnap]:
    """One for each jump of the truth after which there is an image."""
    starts = [jump.stamp - AT_JUMP for jump in drive.jumps]
    found = []
    for jump, start, until in zip(drive.jumps, starts, [*starts, float("inf")][1:], strict=True):
        after = [instant for instant in drive.instants if start <= instant.stamp < until]
        if after and drive.instants[0].stamp < start:
            found.append(_kidnap(drive, jump, after))
    return found


def _kidnap(drive: Drive, jump: Jump, after: list[Instant]) -> Kidnap:
    right = next((i for i, instant in enumerate(after) if drive.is_right(instant)), None)
    doubt = next((i for i, instant in enumerate(after)
                  if instant.state in (LOST, SUSPECT) or i == right
                  or (instant.state != TRACKING and instant.pose is None)), None)
    between = after if right is None else after[:right]
    return Kidnap(jump.stamp, jump.distance, jump.degrees,
                  None if doubt is None else doubt + 1, None if right is None else right + 1,
                  None if right is None else after[right].stamp - jump.stamp,
                  sum(drive.is_wrong(instant) for instant in between))
