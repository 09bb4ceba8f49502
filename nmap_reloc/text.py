"""Numbers as people read them: lengths, bytes, percent."""

from __future__ import annotations

import numpy as np


def length(value: float, unit: str, span: float) -> str:
    """In cm or m where the unit is metre, else in % of the span of all cameras."""
    if not np.isfinite(value):
        return "–"
    if unit == "metre":
        return f"{value * 100:.3g} cm" if value < 1 else f"{value:.3g} m"
    return f"{value / span * 100:.2g} % of span" if span > 0 else f"{value:.3g}"


def degrees(value: float) -> str:
    return f"{value:.2g}°" if np.isfinite(value) and value < 10 else (
        f"{value:.0f}°" if np.isfinite(value) else "–")


def percent(value: float | None) -> str:
    """0..1 -> ``97.1 %``; a dash where there is no number."""
    return "–" if value is None else f"{round(value * 100, 1):g} %"


def size(count: float) -> str:
    """Bytes in decimal units: ``39.8 KB``."""
    for unit in ("B", "KB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def milliseconds(value: float) -> str:
    return f"{value:.1f} ms" if value < 99.95 else f"{value:.0f} ms"
