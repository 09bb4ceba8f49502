"""What the page of an evaluation says of a drive: its timeline, episodes, kidnaps, ATE and RPE."""

from __future__ import annotations

from html import escape

from nmap_reloc import text
from nmap_reloc.evaluation import metrics
from nmap_reloc.evaluation.calibration import CHI2_95
from nmap_reloc.evaluation.drive import WRONG_DEGREES, Drive
from nmap_reloc.evaluation.episodes import episodes, first_fix, kidnaps
from nmap_reloc.evaluation.page import bar, cards, section, table
from nmap_reloc.evaluation.score import (
    RPE_METRES,
    RPE_OF_SPAN,
    RPE_SECONDS,
    doubtful,
)
from nmap_reloc.evaluation.timeline import timeline
from nmap_reloc.evaluation.trajectory_metrics import Spread, ate, rpe_over_time, rpe_over_way

_ROWS = 300  # of a table; evaluation.json has all


def drive_sections(drive: Drive) -> str:
    """HTML, to stand behind the page's figures."""
    return "\n".join([
        f'<div style="margin-top:.7rem">{cards(figures(drive))}</div>',
        f'<div style="margin:.9rem 0">{section("Timeline", timeline(drive), _what(drive))}</div>',
        '<div class="grid">',
        section("Trajectory", _trajectory(drive),
                "ATE: position of the base as published, against the truth at the same stamp. "
                "Unaligned is what counts for relocalization; aligned is after the best SE(3) "
                "fit. RPE: motion between two published poses against the true one."),
        section("Recall of published poses", _recall(drive),
                "Of the poses that were published; below, recall is of all images."),
        section("Doubt", _episodes(drive), "Times since the first image."),
        _kidnaps(drive),
        _notes(drive),
        "</div>"])


def figures(drive: Drive) -> list[tuple[str, str]]:
    """(figure, what it is) pairs for cards, and for the terminal."""
    errors = drive.errors()
    translation = Spread.of(errors[:, 0])
    wrong = sum(drive.is_wrong(instant) for instant in drive.instants)
    fix, doubt = first_fix(drive), doubtful(drive)
    position, _ = drive.squared_mahalanobis()
    median, most, worst = ("–", "–", "–") if translation is None else (
        length(drive, translation.median), length(drive, translation.p95),
        f"{length(drive, errors[:, 0].max())}, {errors[:, 1].max():.2g}°")
    rows = [
        (f"{len(drive.published)} / {len(drive.instants)}", "images with a published pose"),
        (median, "median error of published poses"),
        (most, "95 % of published poses are within"),
        (worst, "all published poses are within"),
        (str(wrong), f"wrong ones (> {length(drive, drive.wrong_limit())} or "
                     f"{WRONG_DEGREES:g}°)"),
        ("–" if fix is None else f"{fix:.2f} s", "to the first pose"),
        *[(f"{seconds:.1f} s", f"{state}, in {count} episode{'' if count == 1 else 's'}")
          for state, (count, seconds) in doubt.items()]]
    if position:
        rows.append((text.percent(metrics.coverage_95(position, CHI2_95[3])),
                     "true positions in the published 95 % ellipsoid"))
    return rows


def length(drive: Drive, value: float) -> str:
    return text.length(value, drive.unit, drive.evaluation.span)


def _what(drive: Drive) -> str:
    said = ["Dots are published poses."]
    if any(instant.carried is not None for instant in drive.instants):
        said.append("In doubt, odometry carries the last pose on (yellow).")
    said.append(f"Dotted: {length(drive, drive.wrong_limit())}, beyond which a published pose is "
                "wrong. Deviation: the largest of the position, one sigma.")
    return " ".join(said)


def _trajectory(drive: Drive) -> str:
    pairs = drive.pairs()
    found = ate(pairs)
    if found is None:
        return "<p>No pose was published.</p>"
    delta = RPE_METRES if drive.unit == "metre" else RPE_OF_SPAN * drive.evaluation.span
    rows = [["ATE, unaligned", *_spread(drive, found.unaligned)],
            ["ATE, aligned", *_spread(drive, found.aligned)]]
    for name, rpe in ((f"RPE over {length(drive, delta)}", rpe_over_way(pairs, delta)),
                      (f"RPE over {RPE_SECONDS:g} s", rpe_over_time(pairs, RPE_SECONDS))):
        if rpe is not None:
            rows += [[name, *_spread(drive, rpe.translation)],
                     [f"{name}, rotation", *_degrees(rpe.rotation_deg)]]
    return table(("", "rmse", "median", "95 %", "largest", "poses"), rows)


def _spread(drive: Drive, spread: Spread) -> list[str]:
    return [*(length(drive, value) for value in (spread.rmse, spread.median, spread.p95,
                                                 spread.max)), str(spread.count)]


def _degrees(spread: Spread) -> list[str]:
    return [*(text.degrees(value) for value in (spread.rmse, spread.median, spread.p95,
                                                spread.max)), str(spread.count)]


def _recall(drive: Drive) -> str:
    errors = drive.errors()
    found = metrics.recall(errors[:, 0], errors[:, 1], drive.unit, drive.evaluation.span)
    rows = [bar(threshold.label, text.percent(value), value) for threshold in metrics.THRESHOLDS
            if (value := found[threshold.key]) is not None]
    return "".join(rows) or "<p>No pose was published.</p>"


def _episodes(drive: Drive) -> str:
    start = drive.instants[0].stamp
    rows = [(episode.state, f"{episode.start - start:.2f} s", f"{episode.duration:.2f} s",
             str(episode.frames), _reasons(episode.reason, episode.last_reason))
            for episode in episodes(drive)]
    if not rows:
        return '<p class="good">None: the pose was known at every image.</p>'
    left = len(rows) - _ROWS
    more = f'<p class="note">{left} more in evaluation.json</p>' if left > 0 else ""
    return table(("state", "from", "for", "images", "reason"), rows[:_ROWS], (0, 4)) + more


def _reasons(first: str, last: str) -> str:
    return first if first == last else f"{first} … {last}"


def _kidnaps(drive: Drive) -> str:
    found = kidnaps(drive)
    if not found:
        return ""
    start = drive.instants[0].stamp
    rows = [(f"{one.stamp - start:.2f} s", f"{length(drive, one.distance)}, {one.degrees:.0f}°",
             _nth(one.noticed), _nth(one.found),
             "–" if one.found_seconds is None else f"{one.found_seconds:.2f} s", str(one.wrong))
            for one in found]
    return section("Kidnaps", table(("at", "by", "noticed", "found again", "after",
                                     "wrong poses"), rows),
                   "Images after the truth jumped until the state was LOST or SUSPECT, and until "
                   "the right pose was published; wrong poses published in between.")


def _nth(image: int | None) -> str:
    return "never" if image is None else f"image {image}"


def _notes(drive: Drive) -> str:
    if not drive.notes:
        return ""
    return section("Notes", "".join(f"<p>{escape(note)}</p>" for note in drive.notes))

