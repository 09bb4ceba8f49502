"""The pictures of speed.json: stages of a frame, decode by voxels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib.figure import Figure

STAGES = {"features": "#2f7fd1", "activate": "#888888", "decode": "#e6a93a", "solve": "#6a9f58",
          "judge": "#b07aa1"}
PLAIN = "#9aa3ad"


def draw(found: dict[str, Any], folder: Path) -> None:
    """speed-stages.svg and speed-voxels.svg."""
    for name, make in (("stages", _stages), ("voxels", _voxels)):
        figure = Figure(figsize=(6.4, 2.9), layout="constrained")
        make(figure, found)
        with matplotlib.rc_context({"svg.hashsalt": name}):
            figure.savefig(folder / f"speed-{name}.svg", metadata={"Date": None})


def _stages(figure: Figure, found: dict[str, Any]) -> None:
    axes, query = figure.add_subplot(), found["query"]
    sift = query["milliseconds"]["sift"]
    for row, stages in enumerate(query["stages"].values()):
        left = 0.0
        for stage, colour in STAGES.items():
            width = stages.get(stage, 0.0) / sift
            axes.barh(row, width, left=left, color=colour, label=None if row else stage)
            left += width
    names = [*query["stages"], "SIFT, matching, PnP", "SIFT alone"]
    for name, value in ((names[-2], query["milliseconds"]["classical"]), (names[-1], sift)):
        axes.barh(names.index(name), value / sift, color=PLAIN)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("time of a query / time of OpenCV's SIFT (1,024 features)")
    axes.legend(frameon=False, ncols=5, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1))


def _voxels(figure: Figure, found: dict[str, Any]) -> None:
    axes, voxels = figure.add_subplot(), found["voxels"]
    for name, colour, marker in (("batched", STAGES["features"], "o"), ("loop", PLAIN, "s")):
        points = {int(count): value for count, value in voxels[name].items()}
        axes.plot(list(points), list(points.values()), marker + "-", color=colour, markersize=4,
                  label={"batched": "all voxels at once", "loop": "one voxel at a time"}[name])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"voxels, {voxels['codes_per_voxel']} codes each")
    axes.set_ylabel("decode, ms")
    axes.grid(True, which="both", linewidth=0.3)
    axes.legend(frameon=False)
