"""The same tracking frames on a GPU, where there is one: torch with CUDA graphs, FP16.

Part of `make bench`. On a machine that has a GPU but neither scenes nor what maps them, with what
`make bench` left elsewhere (SITE: .cache/speed/NAME/site, FRAMES: .cache/speed/frames.npz):

    python benchmarks/speed_gpu.py SITE FRAMES
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from speed_frames import Frame, load
from speed_timed import Timed, environment

from nmap_reloc.evaluation.metrics import pose_errors
from nmap_reloc.geometry import Rigid
from nmap_reloc.localizer import Localizer

REPEATS = 20
PLAYED = 200  # times that a recorded network is played again, to time it


def on_a_gpu(site: Path, frames: Sequence[Frame], repeats: int = REPEATS) -> dict[str, Any]:
    """{"why_not": …} where there is none."""
    try:
        import torch
    except ImportError as problem:
        return {"why_not": str(problem)}
    if not torch.cuda.is_available():
        return {"why_not": "no CUDA device"}
    peak = _peak(torch)
    exact = _poses(Localizer.open(site, "onnx"), frames)
    ways = {name: _tracked(torch, site, frames, repeats, peak, exact, **settings)
            for name, settings in (("plain", {}), ("compiled", {"NMAP_ENGINE_COMPILE": "1"}))}
    return {"device": torch.cuda.get_device_name(), "torch": torch.__version__,
            "peak_tflops_fp16": peak / 1e12, **ways}


def _tracked(torch: Any, site: Path, frames: Sequence[Frame], repeats: int, peak: float,
             exact: Sequence[Rigid | None], **settings: str) -> dict[str, Any]:
    """exact: the poses in FP32, by the processor."""
    with environment(NMAP_ENGINE_PRECISION="fp16", NMAP_ENGINE_DEVICE="cuda", **settings):
        localizer = Localizer.open(site, "torch")
    timed, accepted = Timed(), 0
    stages: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(2):  # sizes that come again are recorded
        poses = _poses(localizer, frames)
    for frame in [*frames] * repeats:
        estimate = timed("tracking", lambda f=frame: localizer.localize(f.image, f.camera,
                                                                        f.prior))
        accepted += estimate.accepted
        for stage, value in estimate.milliseconds.items():
            stages[stage].append(value)
    apart = [pose_errors(one, other)[0] for one, other in zip(poses, exact, strict=True)
             if one is not None and other is not None]
    return {"milliseconds": timed.milliseconds()["tracking"],
            "milliseconds_95": float(np.percentile(timed.wall["tracking"], 95)),
            "stages": {name: float(np.median(values)) for name, values in stages.items()},
            "accepted": accepted / (repeats * len(frames)), "unit": localizer.unit,
            "apart_from_fp32_on_the_cpu": float(np.median(apart)),
            "networks": {name: _share(torch, engine, peak)
                         for name, engine in _engines(localizer)}}


def _poses(localizer: Localizer, frames: Sequence[Frame]) -> list[Rigid | None]:
    """map_from_camera of each frame; None: refused."""
    return [localizer.localize(f.image, f.camera, f.prior).map_from_camera for f in frames]


def _engines(localizer: Localizer) -> Iterable[tuple[str, Any]]:
    decoder: Any = localizer.decoder
    extractor: Any = localizer.extractor
    return ("extractor", extractor._engine), ("meet", decoder._meet), ("decode", decoder._decode)


def _share(torch: Any, engine: Any, peak: float) -> dict[str, float]:
    """Of one run of a network on the device: milliseconds, operations, and the share of the
    operations that it could do meanwhile."""
    from torch.utils.flop_counter import FlopCounterMode

    graphs = engine._run
    size = graphs.last
    network = getattr(graphs.network, "_orig_mod", graphs.network)  # of a compiled one
    with torch.inference_mode(), graphs.arithmetic(), FlopCounterMode(display=False) as counter:
        network(*(place.there for place in size.places.values()))
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    with torch.cuda.stream(graphs.stream):
        begin.record()
        for _ in range(PLAYED):
            size.graph.replay()
        end.record()
    end.synchronize()
    milliseconds = begin.elapsed_time(end) / PLAYED
    operations = counter.get_total_flops()
    return {"milliseconds": milliseconds, "operations": operations,
            "share_of_peak": operations / (milliseconds / 1e3) / peak}


def _peak(torch: Any, size: int = 8192, runs: int = 20) -> float:
    """Operations per second of a large FP16 product: the roofline that can be had."""
    a = torch.randn(size, size, device="cuda", dtype=torch.float16)
    for _ in range(3):
        a @ a
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(runs):
        a @ a
    torch.cuda.synchronize()
    return float(2 * size ** 3 * runs / (time.perf_counter() - start))


if __name__ == "__main__":
    print(json.dumps({"python": platform.python_version()} | on_a_gpu(
        Path(sys.argv[1]), load(Path(sys.argv[2]))), indent=1))
