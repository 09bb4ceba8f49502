"""Does a backend give on this machine what onnxruntime gives on the CPU, and how fast?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from nmap_reloc.engines.base import Arrays, Engine
from nmap_reloc.engines.shapes import AXES, RANGES, graph_of

RUNS = 10
Answers = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Agreement:
    """sizes: of the axes. agree: share of keypoints (features), of keypoints' coordinates
    (neumap-decode), of pairs (maddr-match) or of numbers (the others) that are the same
    within `tolerance`;
    milliseconds: median."""

    sizes: str
    agree: float
    tolerance: str
    milliseconds: float
    reference_milliseconds: float


def agreement(network: str, engine: Engine, reference: Engine) -> Iterator[Agreement]:
    """At a small size and at the usual one."""
    ranges = RANGES[graph_of(network)]
    for share in (0.2, 1.0):
        sizes = {axis: max(r.least, int(r.usual * share) // 32 * 32 or r.usual)
                 for axis, r in ranges.items()}
        inputs = _inputs(network, engine, sizes)
        (a, fast), (b, slow) = _timed(engine, inputs), _timed(reference, inputs)
        agree, tolerance = _agree(graph_of(network), a, b)
        yield Agreement(", ".join(f"{axis} {size}" for axis, size in sizes.items()), agree,
                        tolerance, fast, slow)


def _inputs(network: str, engine: Engine, sizes: dict[str, int]) -> Arrays:
    """A picture with texture; codes and descriptors of unit length, in ten voxels."""
    rng = np.random.default_rng(0)
    made = {}
    for name, axes in AXES[graph_of(network)].items():
        shape = tuple(sizes[axes[k]] if k in axes else size
                      for k, size in enumerate(engine.shape(name)))
        if name == "image":
            made[name] = cv2.resize(rng.random((shape[2] // 8, shape[3] // 8), np.float32),
                                    shape[:1:-1], interpolation=cv2.INTER_LINEAR)[None, None]
        elif name == "voxels":
            made[name] = rng.integers(0, 10, shape)
        elif name == "chosen":
            made[name] = rng.integers(0, sizes["codes"], shape)
        elif name == "first":
            made[name] = -np.sort(-rng.uniform(0.4, 0.9, shape))
        elif name in ("side", "factors", "slots", "there"):
            made[name] = np.ones(shape, np.float32)
        else:
            rows = rng.normal(size=shape).astype(np.float32)
            made[name] = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return {name: array.astype(engine.dtypes[name]) for name, array in made.items()}


def _timed(engine: Engine, inputs: Arrays) -> tuple[Answers, float]:
    made, times = engine(inputs), []
    for _ in range(RUNS):
        start = time.perf_counter()
        made = engine(inputs)
        times.append(time.perf_counter() - start)
    return made, float(np.median(times)) * 1e3


def _agree(graph: str, a: Answers, b: Answers) -> tuple[float, str]:
    if graph == "maddr-match":
        likely = np.maximum(a["scores"], b["scores"]) > np.log(0.1)
        same = np.abs(np.exp(a["scores"]) - np.exp(b["scores"])) < 0.05
        return float(np.mean(same | ~likely)), "0.05 of the probability"
    if graph in ("neumap-unfold", "neumap-meet") or "-restore" in graph:
        near = [np.abs(a[name] - b[name]) <= 0.02 * (1 + np.abs(b[name])) for name in b
                if name != "chosen"]
        return float(np.mean(np.concatenate([n.ravel() for n in near]))), "2 %"
    if graph == "neumap-decode":
        apart = np.linalg.norm(a["coordinates"] - b["coordinates"], axis=1)
        return float(np.mean(apart < 0.02)), "0.02 of the voxel's side"
    # the same keypoint may come at another place in the list
    apart = np.linalg.norm(a["keypoints"][:, None] - b["keypoints"][None], axis=2).min(0)
    return float(np.mean(apart < 0.5)), "0.5 px"
