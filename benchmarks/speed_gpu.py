"""The same tracking frames on a GPU, where there is one: torch with CUDA graphs, FP16."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from speed_place import Place
from speed_stages import Timed, environment

from nmap_reloc.localizer import Localizer

EXTRACTOR_OPERATIONS = 2.4e9  # 1.2 GMAC at 640 x 480 (features/network.py)


def on_a_gpu(place: Place, repeats: int) -> dict[str, Any]:
    """{"why_not": …} where there is none."""
    try:
        import torch
    except ImportError as problem:
        return {"why_not": str(problem)}
    if not torch.cuda.is_available():
        return {"why_not": "no CUDA device"}
    with environment(NMAP_ENGINE_PRECISION="fp16", NMAP_ENGINE_DEVICE="cuda",
                     NMAP_ENGINE_COMPILE="1"):
        localizer = Localizer.open(place.site, "torch")
    timed = Timed()
    stages: dict[str, list[float]] = {}
    for frame in place.frames * (repeats + 1):
        estimate = timed("tracking", lambda f=frame: localizer.localize(f.image, f.camera,
                                                                        f.prior))
        for stage, value in estimate.milliseconds.items():
            stages.setdefault(stage, []).append(value)
    medians = {name: float(np.median(values)) for name, values in stages.items()}
    peak = _peak(torch)
    return {"device": torch.cuda.get_device_name(), "milliseconds": timed.milliseconds(),
            "stages": medians, "peak_tflops_fp16": peak / 1e12,
            "extractor_share_of_peak": EXTRACTOR_OPERATIONS / (medians["features"] / 1e3) / peak}


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
