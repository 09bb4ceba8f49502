"""What was measured, as a Markdown table and as JSON."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from nmap_reloc import text
from nmap_reloc.evaluation.speed import machine


@dataclass(frozen=True)
class Row:
    """measured, bar: for people; met: None where there is no bar; values: the numbers behind."""

    what: str
    measured: str
    bar: str = ""
    met: bool | None = None
    values: dict[str, float] = field(default_factory=dict)


def markdown(rows: Sequence[Row], scene: str, load: float) -> str:
    """The table and what machine it is from."""
    lines = ["| what | measured | bar | met |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.measured} | {row.bar or '–'} | "
              f"{'–' if row.met is None else 'yes' if row.met else 'no'} |" for row in rows]
    known = machine()
    lines += ["", f"Measured by `benchmarks/node.py` on {known['cpu']}, {known['cores']} cores, "
              f"no GPU, {scene}; other programs kept {load:.1f} processors busy when it began."]
    return "\n".join(lines)


def to_json(rows: Sequence[Row], scene: str, load: float) -> dict[str, Any]:
    """The same; numbers that there are not are null."""
    return {"machine": machine(), "scene": scene, "load": load, "rows": [
        {**asdict(row), "values": {name: value if math.isfinite(value) else None
                                   for name, value in row.values.items()}} for row in rows]}


def load() -> float:
    """Mean number of running programs over the last minute."""
    return os.getloadavg()[0]


def both(values: tuple[float, float]) -> str:
    """Median and 95th percentile, milliseconds."""
    return f"median {text.milliseconds(values[0])}, 95 % {text.milliseconds(values[1])}"
