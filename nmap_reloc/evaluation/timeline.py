"""A drive over time: states, error, inliers, certainty and what was decoded, on one axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from nmap_reloc.evaluation.drive import LOST, SUSPECT, TRACKING, UNKNOWN, Drive, Instant
from nmap_reloc.evaluation.figures import (
    ACCENT,
    BAD,
    FAINT,
    GOOD,
    INK,
    STYLE,
    WARN,
    decades,
    dress,
    figure_of,
    svg,
)
from nmap_reloc.types import Doubles

COLOURS = {TRACKING: GOOD, SUSPECT: WARN, LOST: BAD, UNKNOWN: FAINT}
_COLUMNS = 1200  # instants that are drawn one by one; of more, the worst of each slice of time
_WIDTH, _BAND, _ROW = 10.6, 0.28, 1.25  # inches
Number = float | int | None


def timeline(drive: Drive) -> str:
    """An <svg>. Rows of which nothing is known are left out; vertical lines: kidnaps."""
    instants = drive.instants
    start = instants[0].stamp
    rows = [row for row in (_error, _inliers, _sigma, _decoded) if row(None, drive, start)]
    with matplotlib.rc_context(STYLE):
        figure = figure_of(_WIDTH, 0.75 + _BAND + _ROW * len(rows))
        axes = figure.subplots(1 + len(rows), 1, sharex=True, squeeze=False,
                               height_ratios=[_BAND, *[_ROW] * len(rows)])[:, 0]
        _bands(axes[0], axes[1:], drive, start)
        for one, row in zip(axes[1:], rows, strict=True):
            row(one, drive, start)
            one.margins(x=0)
        for one in axes:
            for jump in drive.jumps:
                one.axvline(jump.stamp - start, color=INK, linewidth=1.1, linestyle=(0, (4, 2)))
        end = max(instants[-1].stamp - start, 1e-3)
        axes[-1].set_xlim(0, end)
        axes[-1].set_xlabel("seconds since the first image")
        for one in axes[:-1]:
            one.tick_params(labelbottom=False)
        figure.align_ylabels(axes)
        _legend(axes[0], drive)
        return svg(figure, "timeline", "States, errors, inliers, deviation and voxels over time")


def _bands(axes: Axes, rows: Sequence[Axes], drive: Drive, start: float) -> None:
    """One coloured stretch per episode, a paler one behind the rows where the pose is in doubt;
    an image's state holds until the next image."""
    stamps = [instant.stamp - start for instant in drive.instants]
    ends = [*stamps[1:], stamps[-1] + (stamps[-1] - stamps[-2] if len(stamps) > 1 else 1e-3)]
    dress(axes, "", "state")
    axes.grid(False)
    axes.set_yticks([])
    axes.yaxis.label.set(rotation=0, ha="right", va="center")
    begin = 0
    for i, instant in enumerate(drive.instants):
        last = i + 1 == len(drive.instants)
        if last or drive.instants[i + 1].state != instant.state:
            band = {"color": COLOURS[instant.state], "linewidth": 0}
            axes.axvspan(stamps[begin], ends[i], **band)
            for row in rows if instant.state != TRACKING else ():
                row.axvspan(stamps[begin], ends[i], alpha=0.09, **band)
            begin = i + 1


def _legend(axes: Axes, drive: Drive) -> None:
    seen = {instant.state for instant in drive.instants}
    handles: list[object] = [Patch(color=colour, label=state) for state, colour in COLOURS.items()
                             if state in seen]
    if drive.jumps:
        handles += [axes.plot([], [], color=INK, linewidth=1.1, linestyle=(0, (4, 2)),
                              label="kidnapped (the truth jumps)")[0]]
    axes.figure.legend(handles=handles, loc="outside upper left", ncols=5, frameon=False,
                       fontsize=8.5, handlelength=1.2, columnspacing=1.2)


def _error(axes: Axes | None, drive: Drive, start: float) -> bool:
    def of(error: tuple[float, float] | None) -> Number:
        return None if error is None else max(error[0], 1e-4 * drive.wrong_limit())

    right = _slices(drive, start, lambda i: None if drive.is_wrong(i) else of(i.error), max)
    wrong = _slices(drive, start, lambda i: of(i.error) if drive.is_wrong(i) else None, max)
    shift = _slices(drive, start, lambda i: of(i.carried_error), max)
    if axes is None:
        return bool(len(right) + len(wrong) + len(shift))
    axes.plot(*shift.T, ".", color=WARN, markersize=3, label="carried on by odometry")
    axes.plot(*right.T, ".", color=ACCENT, markersize=3.4, label="published")
    axes.plot(*wrong.T, "x", color=BAD, markersize=6, markeredgewidth=1.6,
              label="wrong, published")
    limit = drive.wrong_limit()
    axes.axhline(limit, color=INK, linewidth=0.7, linestyle=(0, (2, 3)), alpha=0.6)
    _logarithmic(axes, np.concatenate([right, wrong, shift])[:, 1])
    dress(axes, "", f"error{_unit(drive)}")
    if len(shift) or len(wrong):
        axes.legend(loc="upper right", frameon=False, fontsize=8, ncols=3, borderpad=0,
                    handletextpad=0.1, columnspacing=1)
    return True


def _inliers(axes: Axes | None, drive: Drive, start: float) -> bool:
    matches = _slices(drive, start, lambda i: i.correspondences, min)
    inliers = _slices(drive, start, lambda i: i.inliers, min)
    if axes is None:
        return bool(len(inliers))
    axes.plot(*matches.T, color=FAINT, linewidth=1.0, label="correspondences")
    axes.plot(*inliers.T, color=ACCENT, linewidth=1.2, label="inliers")
    _from_zero(axes, np.concatenate([matches, inliers])[:, 1])
    dress(axes, "", "inliers")
    _small_legend(axes, len(matches) > 0)
    return True


def _sigma(axes: Axes | None, drive: Drive, start: float) -> bool:
    fixed = _slices(drive, start, lambda i: i.sigma if i.pose is not None else None, max)
    carried = _slices(drive, start, lambda i: i.sigma if i.pose is None else None, max)
    if axes is None:
        return bool(len(fixed) + len(carried))
    axes.plot(*carried.T, ".", color=WARN, markersize=3)
    axes.plot(*fixed.T, ".", color=ACCENT, markersize=3)
    _logarithmic(axes, np.concatenate([fixed, carried])[:, 1])
    dress(axes, "", f"deviation{_unit(drive)}")
    return True


def _decoded(axes: Axes | None, drive: Drive, start: float) -> bool:
    voxels = _slices(drive, start, lambda i: i.voxels, max)
    tiles = _slices(drive, start, lambda i: i.tiles, max)
    if axes is None:
        return bool(len(voxels) + len(tiles))
    axes.plot(*voxels.T, color=ACCENT, linewidth=1.1, label="voxels matched")
    axes.step(*tiles.T, color=INK, linewidth=1.2, where="post", label="tiles loaded")
    _from_zero(axes, np.concatenate([voxels, tiles])[:, 1])
    dress(axes, "", "map in use")
    _small_legend(axes, True)
    return True


def _slices(drive: Drive, start: float, of: Callable[[Instant], Number],
            choose: Callable[[Sequence[tuple[float, float]]], object]) -> Doubles:
    """[N x 2]: seconds and value; of a long drive the max or min (``choose``) of each slice."""
    rows = [(float(value), instant.stamp - start) for instant in drive.instants
            if (value := of(instant)) is not None and np.isfinite(value)]
    if len(drive.instants) > _COLUMNS:
        seconds = max(drive.instants[-1].stamp - start, 1e-9) / _COLUMNS
        slices: dict[int, list[tuple[float, float]]] = {}
        for row in rows:
            slices.setdefault(int(row[1] / seconds), []).append(row)
        rows = [choose(slices[key]) for key in sorted(slices)]  # type: ignore[misc]
    return np.array(rows, np.float64).reshape(-1, 2)[:, ::-1]


def _logarithmic(axes: Axes, values: Doubles) -> None:
    axes.set_yscale("log")
    low, high = float(values.min()), float(values.max())
    axes.set_ylim(low / 1.6, high * (high / low) ** 0.2 * 1.8)
    decades(axes.yaxis, max(high / low, 2.0))


def _from_zero(axes: Axes, values: Doubles) -> None:
    axes.set_ylim(0, max(1.3 * float(values.max()), 1.0))  # with room for the legend


def _small_legend(axes: Axes, wanted: bool) -> None:
    if wanted:
        axes.legend(loc="upper right", frameon=False, fontsize=8, ncols=2, borderpad=0,
                    columnspacing=1)


def _unit(drive: Drive) -> str:
    return " [m]" if drive.unit == "metre" else " [map units]"
