"""What all figures of a report share: inline SVG that follows the page's light or dark colours."""

from __future__ import annotations

import io
import re

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

# Colours that matplotlib writes and the page replaces by its variables.
INK, FAINT, ACCENT, BAD, GOOD, WARN = (f"#0a0b0{i}" for i in range(1, 7))
_VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)", ACCENT: "var(--accent)",
              BAD: "var(--bad)", GOOD: "var(--good)", WARN: "var(--warn)"}
STYLE = {"svg.fonttype": "none", "font.size": 9.5, "text.color": INK,
         "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
         "xtick.labelcolor": INK, "ytick.labelcolor": INK, "path.simplify": True}


def figure_of(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0.0)
    FigureCanvasSVG(figure)
    return figure


def dress(axes: Axes, x: str, y: str) -> None:
    axes.set_facecolor("none")
    axes.grid(True, color=FAINT, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, which="both", labelsize=8.5)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def svg(figure: Figure, name: str, title: str) -> str:
    """Only the <svg> element, its ids unique to ``name``, sized by the page."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True,
                       metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r"<style[^>]*>.*?</style>|<!--.*?-->|<metadata>.*?</metadata>", "", text,
                  flags=re.S)
    text = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>',
                  rf'<svg \1 role="img" aria-label="{title}">', text, count=1)
    ids: dict[str, str] = {}  # numbered: old matplotlibs take some from addresses in memory
    text = re.sub(r'(id="|url\(#|href="#)([^")]+)',
                  lambda found: found[1] + ids.setdefault(found[2], f"{name}-{len(ids)}"), text)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "inherit", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return re.sub(r"\n\s*", "\n", text)


def decades(axis: Axis, ratio: float) -> None:
    """Ticks of a log axis that spans ``ratio``, written 0.001 and not as a power."""
    subs = (1, 1.2, 1.5, 2, 3, 5, 7) if ratio < 5 else (1, 2, 5) if ratio < 50 else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=9))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:g}")
