"""Which sizes the networks meet: least, usual and most of every axis that may vary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nmap_reloc.engines.base import Arrays, Engine, RangeError
from nmap_reloc.errors import NmapError


@dataclass(frozen=True)
class Range:
    """TensorRT chooses its kernels for `usual` and takes all from `least` to `most`."""

    least: int
    usual: int
    most: int


SIDE = 1600  # of an image, pixels; the extractor reduces larger ones
# TensorRT's TopK takes fewer than 3,840.
KEYPOINTS = Range(1, 1024, 3072)
# Sizes of the axes by graph; what a graph calls its axes is in AXES.
RANGES: dict[str, dict[str, Range]] = {
    "features": {"height": Range(32, 480, SIDE), "width": Range(32, 640, SIDE),
                 "keypoints": KEYPOINTS},
    # all landmarks of a tile that is loaded
    "maddr-restore4": {"codes": Range(1, 4096, 1 << 20)},
    "maddr-restore8": {"codes": Range(1, 4096, 1 << 20)},
    "maddr-restore16": {"codes": Range(1, 4096, 1 << 20)},
    # a view's landmarks and the image's keypoints that are most like them, views side by side; all
    # of them where a pose is looked for again
    "maddr-match": {"views": Range(1, 6, 16), "keypoints": Range(1, 512, KEYPOINTS.most),
                    "landmarks": Range(1, 384, 1024)},
    # all codes of the tiles that are loaded at once
    "neumap-unfold": {"codes": Range(1, 8192, 1 << 20)},
    # the codes of the voxels that are looked at; fewer than 16 are filled up (loaded.py)
    "neumap-meet": {"keypoints": KEYPOINTS, "codes": Range(16, 8192, 1 << 18)},
    # the hopeful keypoints, fewer candidates of each with a prior, and again all codes loaded
    "neumap-decode": {"keypoints": KEYPOINTS, "candidates": Range(2, 4, 16),
                      "codes": Range(1, 8192, 1 << 20)},
    # all points of a tile that is loaded
    "squeezer-restore": {"codes": Range(1, 8192, 1 << 20)},
}
AXES: dict[str, dict[str, dict[int, str]]] = {
    "features": {"image": {2: "height", 3: "width"}, "slots": {0: "keypoints"}},
    "maddr-restore4": {"codes": {0: "codes"}},
    "maddr-restore8": {"codes": {0: "codes"}},
    "maddr-restore16": {"codes": {0: "codes"}},
    "maddr-match": {"query": {0: "views", 1: "keypoints"},
                    "query_positions": {0: "views", 1: "keypoints"},
                    "view": {0: "views", 1: "landmarks"},
                    "view_positions": {0: "views", 1: "landmarks"},
                    "there": {0: "views", 1: "landmarks"}},
    "neumap-unfold": {"codes": {0: "codes"}, "factors": {0: "codes"}},
    "neumap-meet": {"descriptors": {0: "keypoints"}, "codes": {0: "codes"}},
    "neumap-decode": {"asked": {0: "keypoints"}, "first": {0: "keypoints", 1: "candidates"},
                      "chosen": {0: "keypoints", 1: "candidates"}, "keys": {1: "codes"},
                      "values": {1: "codes"}, "marks": {0: "codes"}, "positions": {0: "codes"},
                      "voxels": {0: "codes"}, "side": {}},
    "squeezer-restore": {"codes": {0: "codes"}, "precision": {}},
}
# The first axis of a graph's outputs, and of some of its inputs, where the rows are independent.
# (Those of neumap-meet are too, but it is two large operators that any library shares out well.)
ROWS: dict[str, str] = {"neumap-decode": "keypoints"}
Shape = tuple[int, ...]
Profile = dict[str, tuple[Shape, Shape, Shape]]  # input -> least, usual, most


def graph_of(network: str) -> str:
    """"neumap-sift-decode" -> "neumap-decode": weights of any features have the same graphs.

    NmapError: no graph of that name.
    """
    parts = network.split("-")
    for graph in ("-".join((parts[0], parts[-1])), parts[0]):
        if graph in AXES:
            return graph
    raise NmapError(f"network {network!r}: not a graph that engines know; choose one of "
                    f"{', '.join(AXES)}")


def row_inputs(network: str) -> list[str]:
    """The inputs that rows can be taken from to be worked on apart; none where a row needs the
    others."""
    graph = graph_of(network)
    return [name for name, axes in AXES[graph].items()
            if graph in ROWS and axes.get(0) == ROWS[graph]]


def check_axes(network: str, shapes: Mapping[str, Shape], file: Path | None = None) -> None:
    """NmapError: what varies now is fixed, or has no input, in a file that declares these shapes
    (-1: varies)."""
    why = next(_differences(graph_of(network), shapes), None)
    if why is not None:
        raise NmapError(
            f"network {file or network}: exported by another version ({why}); run "
            f"`nmap-reloc engines export --weights {file.parent if file else 'FOLDER'}`")


def _differences(graph: str, shapes: Mapping[str, Shape]) -> Iterator[str]:
    for name, axes in AXES[graph].items():
        if name not in shapes:
            yield f"no input {name}"
            continue
        for axis, label in axes.items():
            if axis >= len(shapes[name]):
                yield f"{name} without {label}"
            elif shapes[name][axis] >= 0:
                yield f"{label} fixed at {shapes[name][axis]}"


def profile(network: str, shapes: Mapping[str, Shape]) -> Profile:
    """Ranges of a network's inputs from their declared shapes (-1: varies)."""
    graph = graph_of(network)
    found: Profile = {}
    for name, shape in shapes.items():
        axes = AXES[graph][name]
        ranges = [RANGES[graph][axes[axis]] if size < 0 else Range(size, size, size)
                  for axis, size in enumerate(shape)]
        found[name] = (tuple(r.least for r in ranges), tuple(r.usual for r in ranges),
                       tuple(r.most for r in ranges))
    return found


def check_range(network: str, name: str, shape: Shape, ranges: tuple[Shape, Shape, Shape]) -> None:
    """RangeError: names input, size and what is taken."""
    least, _, most = ranges
    if len(shape) != len(least) or any(not low <= size <= high for low, size, high
                                       in zip(least, shape, most, strict=True)):
        taken = " x ".join(str(low) if low == high else f"{low}..{high}"
                           for low, high in zip(least, most, strict=True))
        raise RangeError(f"engine {network}: {name} of {' x '.join(map(str, shape))} is outside "
                         f"of what it takes ({taken}); give less, or choose the onnx backend")


def warm_up(network: str, engine: Engine) -> None:
    """Two runs of the usual size, so that the first frame does not wait for lazy parts."""
    shapes = {name: engine.shape(name) for name in AXES[graph_of(network)]}
    zeros: Arrays = {name: _zeros(usual, engine.dtypes[name])
                     for name, (_, usual, _) in profile(network, shapes).items()}
    for _ in range(2):
        engine(zeros)


def _zeros(shape: Shape, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.zeros(shape, dtype)
