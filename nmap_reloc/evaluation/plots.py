"""Figures of the report as inline SVG that follows the page's light or dark colours."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure

from nmap_reloc.evaluation.evaluate import Evaluation, Query
from nmap_reloc.evaluation.figures import (
    ACCENT,
    BAD,
    FAINT,
    INK,
    STYLE,
    decades,
    dress,
    figure_of,
    svg,
)
from nmap_reloc.evaluation.metrics import THRESHOLDS
from nmap_reloc.evaluation.plan import Plan, plan_of
from nmap_reloc.types import Doubles

_ERRORS = LinearSegmentedColormap.from_list("errors", ["#2f7fd1", "#e6a93a", "#cf3f2e"])
_WIDTH = 4.9  # inches; the page scales it, so this says how large text is beside lines


def plan_view(evaluation: Evaluation) -> str:
    """True and estimated camera centres from above, coloured by error; refused ones crossed."""
    with matplotlib.rc_context(STYLE):
        plan = plan_of([query.true for query in evaluation.queries])
        points = plan.flatten(evaluation.centres)
        true = plan.flatten([query.true.translation for query in evaluation.queries])
        low, high = _window(points, true)
        figure = figure_of(_WIDTH, _plan_height(high - low))
        axes = figure.add_subplot()
        axes.scatter(*points.T, s=5, color=FAINT, linewidths=0, label="all cameras")
        axes.plot(*true.T, color=INK, linewidth=0.6, alpha=0.35)
        _headings(axes, plan, evaluation, true, 0.035 * float((high - low).max()))
        _refused(axes, plan, evaluation)
        _estimated(figure, axes, plan, evaluation)
        axes.set_aspect("equal", adjustable="box")
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
        dress(axes, *(label + _unit(evaluation) for label in plan.labels))
        figure.legend(loc="outside upper left", ncols=4, frameon=False, fontsize=8.5,
                      handletextpad=0.2, columnspacing=0.8)
        return svg(figure, "plan", "Plan view of true and estimated camera positions")


def error_cdf(evaluation: Evaluation) -> str:
    """Which fraction of ALL queries is within an error; refused ones never arrive."""
    with matplotlib.rc_context(STYLE):
        figure = figure_of(_WIDTH, 2.7)
        translation, rotation = evaluation.errors()
        limits = [(t.distance * (evaluation.span if t.of_span else 1), t.degrees)
                  for t in THRESHOLDS if t.of_span == (evaluation.unit != "metre")]
        left, right = figure.subplots(1, 2, sharey=True)
        figure.get_layout_engine().set(w_pad=0.12)
        _cdf(left, translation, sorted({limit[0] for limit in limits}))
        _cdf(right, rotation, sorted({limit[1] for limit in limits}))
        dress(left, f"position error{_unit(evaluation)}", "queries [%]")
        dress(right, "rotation error [deg]", "")
        return svg(figure, "cdf", "Cumulative distribution of position and rotation errors")


def _cdf(axes: Axes, errors: Doubles, limits: list[float]) -> None:
    finite = np.sort(errors[np.isfinite(errors)])
    floor = max(1e-12, min(limits) * 1e-4)  # a log axis has no zero
    x = np.maximum(finite, floor)
    y = np.arange(1, len(x) + 1) / len(errors) * 100
    lower = float(x[0]) / 2 if len(x) else min(limits) / 10
    upper = max(float(x[-1]) if len(x) else 0.0, min(limits)) * 2
    axes.step(np.r_[lower, x, upper], np.r_[0, y, y[-1] if len(y) else 0], where="post",
              color=ACCENT, linewidth=1.8)
    for limit in limits:
        if lower <= limit <= upper:
            axes.axvline(limit, color=INK, linewidth=0.7, linestyle=(0, (2, 3)), alpha=0.6)
    axes.set_xscale("log")
    axes.set_xlim(lower, upper)
    decades(axes.xaxis, upper / lower)
    axes.set_ylim(0, 102)


def _headings(axes: Axes, plan: Plan, evaluation: Evaluation, true: Doubles,
              length: float) -> None:
    """A short line where each query looked."""
    looks = plan.flatten([query.true.rotation[:, 2] for query in evaluation.queries])
    segments = np.stack([true, true + looks * length], axis=1)
    axes.add_collection(LineCollection(list(segments), colors=INK, linewidths=0.8, alpha=0.45))
    axes.scatter(*true.T, s=14, facecolors="none", edgecolors=INK, linewidths=0.6, alpha=0.7,
                 label="true")


def _refused(axes: Axes, plan: Plan, evaluation: Evaluation) -> None:
    refused = [q.true.translation for q in evaluation.queries if not q.estimate.accepted]
    if refused:
        axes.scatter(*plan.flatten(refused).T, marker="x", s=34, color=BAD, linewidths=1.6,
                     zorder=4, label="refused")


def _estimated(figure: Figure, axes: Axes, plan: Plan, evaluation: Evaluation) -> None:
    accepted: list[Query] = [q for q in evaluation.queries if q.estimate.accepted]
    if not accepted:
        return
    poses = [q.estimate.map_from_camera for q in accepted]
    found = plan.flatten([pose.translation for pose in poses if pose is not None])
    true = plan.flatten([q.true.translation for q in accepted])
    errors = np.array([q.translation_error for q in accepted])
    lower = max(float(errors.min()), evaluation.span * 1e-6, 1e-9)
    norm = LogNorm(lower, max(float(errors.max()), lower * 2), clip=True)
    axes.add_collection(LineCollection(list(np.stack([true, found], axis=1)), zorder=3,
                                       colors=_ERRORS(norm(errors)), linewidths=0.9))
    marks = axes.scatter(*found.T, c=errors, cmap=_ERRORS, norm=norm, s=16,
                         linewidths=0, zorder=5, label="estimated")
    bar = figure.colorbar(marks, ax=axes, fraction=0.035, pad=0.02, aspect=32)
    bar.set_label(f"position error{_unit(evaluation)}")
    decades(bar.ax.yaxis, float(errors.max()) / lower)
    bar.outline.set_visible(False)


def _window(points: Doubles, true: Doubles) -> tuple[Doubles, Doubles]:
    """Lower and upper corner [2] of what the plan shows: every query and most of the cameras.

    A stray camera, or an estimate far off the map, must not shrink the map to a dot.
    """
    low, high = np.percentile(points, 4, axis=0), np.percentile(points, 96, axis=0)
    low, high = np.minimum(low, true.min(axis=0)), np.maximum(high, true.max(axis=0))
    longest = max(float((high - low).max()), 1e-6)
    # A straight road, too, gets a plan with some height.
    margin = np.maximum(0.08 * longest, (0.3 * longest - (high - low)) / 2)
    return low - margin, high + margin


def _plan_height(spread: Doubles) -> float:
    return float(np.clip(_WIDTH * 0.76 * spread[1] / spread[0], 1.3, 4.6)) + 0.75


def _unit(evaluation: Evaluation) -> str:
    return " [m]" if evaluation.unit == "metre" else " [map units]"
